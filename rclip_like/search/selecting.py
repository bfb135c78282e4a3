"""Select indexed pictures without a query: by path, if their files are unchanged."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.search.checks import FileCheck
from rclip_like.selected import SelectedPage, SelectedPicture, SelectionReport
from rclip_like.values import Root
from rclip_like.walk import Scope

if TYPE_CHECKING:
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.settings import Filters, WalkSettings
    from rclip_like.store import Store


def selected_pages(
    store: Store | None,
    specification: ModelSpecification,
    roots: Sequence[Root] | None,
    walk: WalkSettings,
    filters: Filters,
) -> Generator[SelectedPage]:
    """Yield the pictures under `roots` (None: all) that the model has encoded, by path bytes.

    A page has some thousands, with the embedding of the whole picture or, for an animation, of its
    first frame. As in a search, pictures whose file has changed since it was encoded, or whose
    embedding is damaged, are left out and counted. All pages are of one state of the index. If
    `store` is None, there are no pages.
    """
    if store is None:
        return
    scope = Scope(roots, walk)
    files = FileCheck(store, scope)
    with store.snapshot():
        model_id = store.model_id(specification.fingerprint)
        if model_id is None:
            return
        for page in store.select(model_id, roots, filters, scope.globs).pages():
            pictures: list[SelectedPicture] = []
            kept: list[int] = []
            stale = damaged = 0
            for number, stored in enumerate(page.files):
                look = files.look_at(stored)
                stale += look == "stale"
                damaged += look == "fresh" and not page.is_sound[number]
                if look == "fresh" and page.is_sound[number]:
                    kept.append(number)
                    shown = scope.as_typed(stored.path)
                    picture = SelectedPicture(shown, stored.path, stored.facts, stored.version)
                    pictures.append(picture)
            rows = page.embeddings[kept].astype(np.float32)
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            yield SelectedPage(tuple(pictures), rows, stale, damaged)


def select(
    store: Store | None,
    specification: ModelSpecification,
    roots: Sequence[Root] | None,
    walk: WalkSettings,
    filters: Filters,
) -> SelectionReport:
    """Return all that `selected_pages` yields as one report."""
    pages = list(selected_pages(store, specification, roots, walk, filters))
    none = np.empty((0, specification.dimension), np.float32)
    return SelectionReport(
        tuple(picture for page in pages for picture in page.pictures),
        np.concatenate([none, *(page.embeddings for page in pages)]),
        sum(page.stale for page in pages),
        sum(page.damaged for page in pages),
    )
