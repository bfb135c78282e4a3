"""Indexed pictures without a query: those that are still what was encoded, and what is damaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.search.checks import FileCheck
from rclip_like.values import SelectedPicture, SelectionReport
from rclip_like.walk import Scope

if TYPE_CHECKING:
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.settings import SearchSettings
    from rclip_like.store import Store
    from rclip_like.values import Root


def select(
    store: Store | None,
    specification: ModelSpecification,
    roots: Sequence[Root] | None,
    settings: SearchSettings,
) -> SelectionReport:
    """Return the pictures under `roots` (None: all) that the model has encoded, by path bytes.

    Of the settings `walk` and `filters` count. As in a search each file was looked at and is what
    was encoded, and each embedding is as it was written; others are counted. store: None has none.
    """
    report = SelectionReport((), np.empty((0, specification.dimension), np.float32))
    if store is None:
        return report
    scope = Scope(roots, settings.walk)
    files = FileCheck(store, scope.settings)
    pictures: list[SelectedPicture] = []
    rows, stale, damaged = [report.embeddings], 0, 0
    with store.snapshot():
        model_id = store.model_id(specification.fingerprint)
        if model_id is None:
            return report
        for page in store.select(model_id, roots, settings.filters, scope.globs).pages():
            kept = []
            for place, stored in enumerate(page.files):
                look = files.look_at(stored) if stored.path in scope else "left out"
                stale += look == "stale"
                if look == "fresh" and page.is_sound[place]:
                    kept.append(place)
                    shown = scope.as_typed(stored.path)
                    pictures.append(SelectedPicture(shown, stored.path, stored.facts))
                damaged += look == "fresh" and not page.is_sound[place]
            rows.append(page.embeddings[kept].astype(np.float32))
    embeddings = np.concatenate(rows)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return SelectionReport(tuple(pictures), embeddings, stale, damaged)
