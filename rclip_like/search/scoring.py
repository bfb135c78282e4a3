"""Scores of all rows, from the matrix where there is one, and the files behind them in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.ranking import (
    UNSCORED,
    best_first,
    look_up,
    score_chunks,
    score_parts,
    score_rows,
)
from rclip_like.values import Root

if TYPE_CHECKING:
    from rclip_like.store import Store, StoredFile
    from rclip_like.values import Embedding

_FIRST_PAGE = 32
_PAGE = 256


class Scored(NamedTuple):
    """Row numbers (N,) and scores (N,); in order of path bytes, or with some new ones at the end.

    Some of the rows may be gone. `by_matrix` tells whose word the scores are.
    """

    rows: np.ndarray
    scores: np.ndarray
    is_in_order: bool = True
    by_matrix: bool = False


Page = list[tuple["StoredFile", float]]
"""Some files with their scores, best first."""


def score_all(
    store: Store,
    model_id: int,
    query: Embedding,
    roots: Sequence[Root] | None,
    *,
    by_rows: bool = False,
) -> Scored:
    """Return the score of all that lies under the roots, from the matrix where there is one.

    by_rows: from the rows alone.
    """
    embeddings = store.embeddings(model_id)
    matrix = None if by_rows else embeddings.matrix(roots)
    if matrix is None:
        return Scored(*score_chunks(query, embeddings.scan(roots), embeddings.scan_frames()))
    new_rows, contents, slots = matrix.newer.files()
    asked_for = np.concatenate([matrix.slots, slots]) if len(slots) else matrix.slots
    by_slot = score_rows(query, matrix.rows, asked_for, matrix.frames)
    scores = by_slot[matrix.slots]
    if not len(new_rows):
        return Scored(matrix.file_ids, scores, by_matrix=True)
    new_scores = look_up(contents, *score_parts(query, matrix.newer.embeddings()))
    has_slot = slots >= 0
    new_scores[has_slot] = by_slot[slots[has_slot]]
    has_score = new_scores > UNSCORED
    return Scored(
        np.concatenate([matrix.file_ids, new_rows[has_score]]),
        np.concatenate([scores, new_scores[has_score]]),
        is_in_order=False,
        by_matrix=True,
    )


def pages(store: Store, scored: Scored) -> Iterator[Page]:
    """Yield all files that are still there with their scores: best first, ties by path bytes.

    In pages, the first a short one: most searches ask for no more.
    """
    wanted = _FIRST_PAGE
    for stretch in best_first(scored.scores):
        start = 0
        while start < len(stretch):
            end = _end_of_page(scored, stretch, start, wanted)
            places = stretch[start:end]
            values = dict(zip(scored.rows[places].tolist(), scored.scores[places], strict=True))
            page = [(stored, float(values[stored.rowid])) for stored in store.files([*values])]
            yield page if scored.is_in_order else sorted(page, key=_by_score_and_path)
            start, wanted = end, _PAGE


def _end_of_page(scored: Scored, stretch: np.ndarray, start: int, wanted: int) -> int:
    """Return where a page ends: not amid equal scores if they have to be put in order."""
    end = min(start + wanted, len(stretch))
    while (
        not scored.is_in_order
        and end < len(stretch)
        and scored.scores[stretch[end]] == scored.scores[stretch[end - 1]]
    ):
        end += 1
    return end


def _by_score_and_path(found: tuple[StoredFile, float]) -> tuple[float, bytes]:
    return -found[1], found[0].path
