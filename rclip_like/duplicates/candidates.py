"""Pairs of rows that are near each other, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

_BLOCK = 2048
_HEADS = (32, 64, 96, 128, 192, 256)
_MOST_PASSING = 0.002
"""Where more pairs than this pass the first look, a longer one costs less than the second look."""
_SAMPLE = 4096
_ROUNDING = 1e-3
"""Rows of float16 give cosines that exact."""
MOST_NEIGHBOURS, MOST_OF_FAR, FAR = 16, 4, 0.9
"""So many others a picture is compared with at most, and of those whose cosine is below FAR."""
_MOST_WAITING = 2_000_000

Pairs = tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""Cosines, and the row numbers of both, the first one smaller: (n,) each."""


def near_pairs(
    rows: npt.NDArray[np.float16],
    threshold: float,
    is_reference: npt.NDArray[np.bool_],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[float, int, int]]:
    """Return (cosine, i, j) with i < j of rows whose cosine reaches the threshold, nearest first.

    rows: unit float16 (N, D). is_reference: (N,); pairs of two such rows are left out. Of a row
    only the MOST_NEIGHBOURS nearest are kept, and MOST_OF_FAR below FAR, unless the other row has
    it among its own. Memory: 4 bytes a value of `rows`, a block of cosines, and some millions of
    pairs.
    """
    none = np.empty(0, np.intp)
    waiting: list[Pairs] = [(np.empty(0, np.float32), none, none)]
    for scores, i, j in _near(_turned(rows), threshold - _ROUNDING, on_progress):
        wanted = ~(is_reference[i] & is_reference[j])
        waiting.append((scores[wanted], i[wanted], j[wanted]))
        if sum(len(each[0]) for each in waiting) > _MOST_WAITING:
            waiting = [_nearest(*map(np.concatenate, zip(*waiting, strict=True)))]
    scores, i, j = _nearest(*map(np.concatenate, zip(*waiting, strict=True)))
    order = np.lexsort((j, i, -scores))
    columns = (each[order].tolist() for each in (scores, i, j))
    return list(zip(*columns, strict=True))


def _nearest(
    scores: npt.NDArray[np.float32], firsts: npt.NDArray[np.intp], seconds: npt.NDArray[np.intp]
) -> Pairs:
    """Return the pairs that one of the two rows has among its nearest."""
    numbers = np.tile(np.arange(len(scores)), 2)
    owners, both = np.concatenate([firsts, seconds]), np.tile(scores, 2)
    order = np.lexsort((-both, owners))
    owners, both, numbers = owners[order], both[order], numbers[order]
    ranks = np.arange(len(owners)) - np.searchsorted(owners, owners)
    kept = ranks < np.where(both >= FAR, MOST_NEIGHBOURS, MOST_OF_FAR)
    chosen = np.unique(numbers[kept])
    return scores[chosen], firsts[chosen], seconds[chosen]


def _turned(rows: npt.NDArray[np.float16]) -> npt.NDArray[np.float32]:
    """Return the rows turned so that the first values tell most: all cosines stay."""
    sample = rows[:: 1 + len(rows) // _SAMPLE].astype(np.float32)
    _, axes = np.linalg.eigh(sample.T @ sample)
    turned = np.empty(rows.shape, np.float32)
    for start in range(0, len(rows), _BLOCK):
        turned[start : start + _BLOCK] = (
            rows[start : start + _BLOCK].astype(np.float32) @ (axes[:, ::-1])
        )
    return turned


def _head_of(rows: npt.NDArray[np.float32], threshold: float) -> int:
    """Return how many of the first values leave few pairs to look at again, by a sample."""
    some = rows[:: 1 + len(rows) // 1000]
    for head in _HEADS:
        rest = np.linalg.norm(some[:, head:], axis=1)
        bounds = some[:, :head] @ some[:, :head].T + np.outer(rest, rest)
        if np.triu(bounds >= threshold, 1).sum() <= _MOST_PASSING * bounds.size / 2:
            return min(head, len(rows[0]))
    return len(rows[0])


def _near(
    rows: npt.NDArray[np.float32], threshold: float, on_progress: Callable[[int, int], None]
) -> Iterator[Pairs]:
    """Yield the pairs that reach the threshold.

    The first values of two rows and the lengths of the rest bound their cosine from above (Cauchy
    and Schwarz); only where the bound reaches the threshold are the other values multiplied.
    """
    head = _head_of(rows, threshold)
    rest = np.linalg.norm(rows[:, head:], axis=1)
    # One product gives the bound: head of one, head of the other, and the lengths of the rest.
    bounds = np.concatenate([rows[:, :head], rest[:, None]], axis=1)
    for start in range(0, len(rows), _BLOCK):
        on_progress(start, len(rows))
        mine = bounds[start : start + _BLOCK]
        for other in range(start, len(rows), _BLOCK):
            bound = mine @ bounds[other : other + _BLOCK].T
            flat = np.flatnonzero(bound.ravel() >= threshold)
            firsts, seconds = np.divmod(flat, bound.shape[1])
            firsts, seconds = firsts + start, seconds + other
            ordered = firsts < seconds
            firsts, seconds = firsts[ordered], seconds[ordered]
            for some in range(0, len(firsts), _BLOCK * 8):
                i, j = firsts[some : some + _BLOCK * 8], seconds[some : some + _BLOCK * 8]
                scores = np.einsum("nd,nd->n", rows[i], rows[j])
                near = scores >= threshold
                yield scores[near], i[near], j[near]
    on_progress(len(rows), len(rows))
