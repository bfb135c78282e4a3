"""Pairs of rows that are near each other, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

_BLOCK = 2048
_HEAD = 64
_SAMPLE = 4096
_ROUNDING = 1e-3
"""Rows of float16 give cosines that exact."""
MOST_NEIGHBOURS = 16
"""A picture is compared with so many others at most: a thousand shots of one wall are no copies."""


def near_pairs(
    rows: npt.NDArray[np.float16],
    threshold: float,
    is_reference: npt.NDArray[np.bool_],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[float, int, int]]:
    """Return (cosine, i, j) with i < j of rows whose cosine reaches the threshold, nearest first.

    rows: unit float16 (N, D). is_reference: (N,); pairs of two such rows are left out. Of a row
    only the MOST_NEIGHBOURS nearest are kept, unless the other row has it among its own nearest.
    Memory: 4 bytes a value of `rows` and a block of cosines.
    """
    found: dict[int, list[tuple[float, int]]] = {}
    for scores, firsts, seconds in _near(_turned(rows), threshold - _ROUNDING, on_progress):
        for score, i, j in zip(scores.tolist(), firsts.tolist(), seconds.tolist(), strict=True):
            if not (is_reference[i] and is_reference[j]):
                for own, other in ((i, j), (j, i)):
                    _insert(found.setdefault(own, []), score, other)
    pairs = {(score, *sorted((i, j))) for i, near in found.items() for score, j in near}
    return sorted(pairs, key=lambda each: (-each[0], *each[1:]))  # type: ignore[arg-type]


def _insert(nearest: list[tuple[float, int]], score: float, other: int) -> None:
    if len(nearest) < MOST_NEIGHBOURS:
        nearest.append((score, other))
        return
    least = min(range(MOST_NEIGHBOURS), key=lambda each: nearest[each])
    if nearest[least][0] < score:
        nearest[least] = (score, other)


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


def _near(
    rows: npt.NDArray[np.float32], threshold: float, on_progress: Callable[[int, int], None]
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield cosines and row numbers of the pairs that reach the threshold.

    The first values of two rows and the lengths of the rest bound their cosine from above (Cauchy
    and Schwarz); only where the bound reaches the threshold are the other values multiplied.
    """
    head = min(_HEAD, rows.shape[1])
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
