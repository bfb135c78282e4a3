"""Query embedding and rows of embeddings to the best rows, in NumPy alone."""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.errors import DimensionMismatch, UsageError
from rclip_like.settings import num_processors

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Embedding, Embeddings

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]
    Integers32 = npt.NDArray[np.int32]
    Halves = npt.NDArray[np.float16]

_FIRST_STRETCH = 512
_GROWTH = 7
# Where fewer than one row in eight is asked for, those alone are read.
_SPARSE = 8
_BLOCK_VALUES = 1 << 18  # a megabyte as float32
_VALUES_A_THREAD = 1 << 25
_MOST_THREADS = 4
# Of a float16 shifted to the left by 13 and widened with its sign: the sign, and the rest where
# float32 has it.
_SIGN_AND_NUMBER = np.int32(0x8FFFFFFF - (1 << 32))

UNSCORED = -2.0
"""Stands for the score of what has no embedding, or was not asked for: below every cosine."""

# Below this length a sum of unit embeddings is rounding, not a direction.
_SHORTEST_SUM = 1e-4


def combine(embeddings: Embeddings, weights: Sequence[float]) -> Embedding:
    """Return the weighted sum of unit rows, scaled to unit length, float32 (D,).

    embeddings: unit rows (T, D), one weight each. Raises UsageError when the terms cancel out
    or all weights are zero.
    """
    largest = max(map(abs, weights), default=0.0) or 1.0
    # Scaled by the largest weight first, so that 1e300 does not overflow and 0.0001 counts.
    scale = np.asarray(weights, dtype=np.float64) / largest
    total = scale @ embeddings.astype(np.float64)
    length = float(np.linalg.norm(total))
    if length < _SHORTEST_SUM:
        if not any(weights):
            raise UsageError("the weights of the query are all zero; change one")
        raise UsageError("the terms of the query cancel out; change a term or its weight")
    return (total / length).astype(np.float32)


def score(query: Embedding, embeddings: npt.NDArray[np.floating]) -> Floats:
    """Return the cosine of the query with every unit row, float32 (N,), within [-1, 1].

    Raises DimensionMismatch when the lengths differ.
    """
    if embeddings.shape[1] != query.shape[0]:
        raise DimensionMismatch(
            f"the query has {query.shape[0]} dimensions, the index {embeddings.shape[1]}"
        )
    with np.errstate(invalid="ignore"):  # a damaged row may hold anything; it is left out later
        cosines: Floats = embeddings.astype(np.float32, copy=False) @ query
    return np.clip(cosines, -1.0, 1.0)


def best_first(scores: Floats, highest: float = math.inf) -> Iterator[Integers]:
    """Yield the row numbers by falling score, int64, in stretches that grow.

    Equal scores keep row order, and no two stretches share a score. What is not asked for is not
    sorted: of a million scores the first hundreds cost as much as looking through them. Scores
    above `highest` are left out.
    """
    if np.isnan(scores).any():  # of a damaged row: it comes last
        scores = np.nan_to_num(scores, nan=UNSCORED)
    above = np.nextafter(np.float32(highest), np.float32(np.inf))
    left, num_yielded = int(np.count_nonzero(scores < above)), 0
    while left:
        wanted = min(left, max(_FIRST_STRETCH, _GROWTH * num_yielded))
        lowest = np.partition(scores, left - wanted)[left - wanted]
        (stretch,) = np.nonzero((scores >= lowest) & (scores < above))
        yield stretch[np.argsort(-scores[stretch], kind="stable")].astype(np.int64, copy=False)
        left, above, num_yielded = left - len(stretch), lowest, num_yielded + len(stretch)


def score_rows(
    query: Embedding, rows: Halves, slots: Integers32, further_parts: Integers32
) -> Floats:
    """Return the score of the rows asked for (n,): the largest of its own and its further parts'.

    query: unit (D,); rows: float16 (N, D), perhaps mapped from a file; slots: which of them are
    asked for (n,); further_parts: pairs (f, 2) of a row and the one it counts for.
    """
    if len(slots) * _SPARSE < len(rows):
        is_wanted = np.zeros(len(rows), dtype=bool)
        is_wanted[slots] = True
        is_wanted[further_parts[is_wanted[further_parts[:, 1]], 0]] = True
        (numbers,) = np.nonzero(is_wanted)
        scores = np.full(len(rows), UNSCORED, dtype=np.float32)
        scores[numbers] = score_halves(query, rows, numbers)
    else:
        scores = score_halves(query, rows)
    np.maximum.at(scores, further_parts[:, 1], scores[further_parts[:, 0]])
    return np.asarray(scores[slots])


def score_halves(query: Embedding, rows: Halves, numbers: Integers | None = None) -> Floats:
    """Return the cosine of the query with every row (N, D), or with those of these numbers (n,).

    NumPy casts float16 number by number. Here the bits are put where float32 has them instead,
    too small by a factor of two to the power of 112, which the query makes up for: five times as
    fast, and exact for all that is finite.
    """
    dimension = rows.shape[1]
    if dimension != query.shape[0]:
        raise DimensionMismatch(f"the query has {query.shape[0]} dimensions, the index {dimension}")
    # Not as the mapped file that it may be: slices of those cost more than the work in them.
    bits = np.asarray(rows).view(np.int16)
    scores = np.empty(len(rows) if numbers is None else len(numbers), dtype=np.float32)
    enlarged = query * np.float32(2.0**112)
    step = max(1, _BLOCK_VALUES // dimension)

    def score_between(start: int, end: int) -> None:
        room = np.empty((step, dimension), dtype=np.int32)
        for first in range(start, end, step):
            block = slice(first, min(first + step, end))
            some = room[: block.stop - first]
            of_block = bits[block] if numbers is None else bits[numbers[block]]
            np.left_shift(of_block, 13, out=some, dtype=np.int32)
            np.bitwise_and(some, _SIGN_AND_NUMBER, out=some)
            cosines = scores[block]
            np.dot(some.view(np.float32), enlarged, out=cosines)
            np.minimum(np.maximum(cosines, -1.0, out=cosines), 1.0, out=cosines)

    num_threads = min(_MOST_THREADS, 1 + len(scores) * dimension // _VALUES_A_THREAD)
    if num_threads > 1:
        num_threads = min(num_threads, num_processors())
    edges = [len(scores) * part // num_threads for part in range(num_threads + 1)]
    threads = [
        threading.Thread(target=score_between, args=each) for each in itertools.pairwise(edges[1:])
    ]
    for thread in threads:
        thread.start()
    score_between(0, edges[1])
    for thread in threads:
        thread.join()
    return scores
