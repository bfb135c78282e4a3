"""Scores of all that is selected, and the files behind them in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.ranking import best_first, score_rows

if TYPE_CHECKING:
    from rclip_like.store import StoredFile
    from rclip_like.store.selection import Selection
    from rclip_like.values import Embedding

_FIRST_PAGE = 32
_PAGE = 256
_SHARE = 16
"""Asking about all paths at once costs a quarter of asking about their files one by one."""


class Scored(NamedTuple):
    """Row numbers (N,) and scores (N,); in order of path bytes, or with some new ones at the end.

    Some of the rows may be gone, or pass no filter. `by_matrix` tells where the scores are from.
    `num_contents` counts different contents among them. keys (N,): by what they are in order, where
    that is not the scores.
    """

    rowids: np.ndarray
    scores: np.ndarray
    is_in_order: bool
    by_matrix: bool
    num_contents: int
    keys: np.ndarray | None = None

    @property
    def order(self) -> np.ndarray:
        """What the files are in order of, the highest first (N,)."""
        return self.scores if self.keys is None else self.keys


Page = list[tuple["StoredFile", float]]
"""Some files with their scores, best first."""


def score_all(selection: Selection, query: Embedding, *, by_rows: bool = False) -> Scored:
    """Return the score of all that is selected, from the matrix where there is one.

    by_rows: from the rows alone. Rows of equal content get the same score to the bit, so that they
    tie: the matrix product may round the same row differently at another place in a stretch.
    """
    rowids, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    contents = [np.empty(0, np.int64)]
    num_contents = 0
    for stretch in selection.stretches(by_rows=by_rows):
        rowids.append(stretch.rowids)
        scores.append(score_rows(query, stretch.rows, stretch.slots, stretch.further_parts))
        if stretch.content_ids is not None:
            contents.append(stretch.content_ids)
        else:
            is_meant = np.zeros(len(stretch.rows), dtype=bool)
            is_meant[stretch.slots] = True
            num_contents += int(np.count_nonzero(is_meant))
    by_matrix = not by_rows and selection.matrix is not None
    every = np.concatenate(scores)
    different, first, inverse = np.unique(
        np.concatenate(contents), return_index=True, return_inverse=True
    )
    if not by_matrix:
        every = every[first][inverse]
    is_in_order = by_rows or selection.is_in_order
    num_contents += len(different)
    return Scored(np.concatenate(rowids), every, is_in_order, by_matrix, num_contents)


def pages(
    selection: Selection,
    scored: Scored,
    wants: Callable[[bytes], bool] | None = None,
    *,
    highest: float = math.inf,
    first: int = _FIRST_PAGE,
) -> Iterator[Page]:
    """Yield all files that are still there with their scores: best first, ties by path bytes.

    In pages, of which the first has `first` files or some more: most searches ask for no more.
    wants: what is asked of each path, and of all paths at once when it has refused a good part of
    them. Scores above `highest` are left out.
    """
    size, num_refused = first, 0
    is_wanted: np.ndarray | None = None
    """Of all that are scored, once all paths were asked."""
    order = scored.order
    for stretch in best_first(order, highest):
        start = 0
        while start < len(stretch):
            if wants and is_wanted is None and num_refused > _PAGE + len(scored.rowids) // _SHARE:
                every = [rowid for rowid, path in selection.paths() if wants(path)]
                is_wanted = np.isin(scored.rowids, every)
            end = min(start + size, len(stretch))
            # Not amid equal scores that have to be put in order.
            while (
                not scored.is_in_order
                and end < len(stretch)
                and order[stretch[end]] == order[stretch[end - 1]]
            ):
                end += 1
            numbers = stretch[start:end]
            if is_wanted is not None:
                numbers = numbers[is_wanted[numbers]]
            rowids = scored.rowids[numbers].tolist()
            values = dict(zip(rowids, scored.scores[numbers], strict=True))
            page = [
                (stored, float(values[stored.rowid]))
                for stored in selection.files(rowids)
                if wants is None or wants(stored.path)
            ]
            if not scored.is_in_order:
                keys = dict(zip(rowids, order[numbers], strict=True))
                page.sort(key=lambda found: (-keys[found[0].rowid], found[0].path))
            yield page
            num_refused += end - start - len(page)
            start, size = end, _PAGE
