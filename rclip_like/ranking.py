"""Query embedding and rows of embeddings to the best rows, in NumPy alone."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
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
    Chunk = tuple[Integers, Integers, npt.NDArray[np.float16]]
    """Row numbers (n,), content numbers (n,), embeddings (n, D)."""
    PartChunk = tuple[Integers, npt.NDArray[np.float16]]
    """Content numbers (n,), embeddings (n, D)."""

_FIRST_STRETCH = 512
_GROWTH = 7
# Where fewer than one row in eight is wanted, blocks without any are left out.
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

    embeddings: unit rows (T, D), one weight each. Raises UsageError when the terms cancel out.
    """
    largest = max(map(abs, weights), default=0.0) or 1.0
    # Scaled by the largest weight first, so that 1e300 does not overflow and 0.0001 counts.
    scale = np.asarray(weights, dtype=np.float64) / largest
    total = scale @ embeddings.astype(np.float64)
    length = float(np.linalg.norm(total))
    if length < _SHORTEST_SUM:
        raise UsageError("the terms of the query cancel out; change a term or its weight")
    return (total / length).astype(np.float32)


def rank(query: Embedding, embeddings: npt.NDArray[np.floating], *, k: int) -> Integers:
    """Return the row numbers of the k nearest embeddings, best first, int64 (min(k, N),).

    query: unit (D,); embeddings: unit rows (N, D). Equal scores keep row order.
    Raises DimensionMismatch when D differs.
    """
    return order(score(query, embeddings))[:k]


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


def order(scores: Floats) -> Integers:
    """Return the row numbers by falling score, int64 (N,); equal scores keep row order."""
    return np.argsort(-scores, kind="stable").astype(np.int64, copy=False)


def best_first(scores: Floats) -> Iterator[Integers]:
    """Yield the row numbers by falling score, int64, in stretches that grow.

    Equal scores keep row order, and no two stretches share a score. What is not asked for is not
    sorted: of a million scores the first hundreds cost as much as looking through them.
    """
    if np.isnan(scores).any():  # of a damaged row: it comes last
        scores = np.nan_to_num(scores, nan=UNSCORED)
    left = len(scores)
    above = np.float32(np.inf)
    while left:
        wanted = min(left, max(_FIRST_STRETCH, _GROWTH * (len(scores) - left)))
        lowest = np.partition(scores, left - wanted)[left - wanted]
        (stretch,) = np.nonzero((scores >= lowest) & (scores < above))
        yield stretch[order(scores[stretch])]
        left, above = left - len(stretch), lowest


def score_chunks(
    query: Embedding, chunks: Iterable[Chunk], parts: Iterable[PartChunk] = ()
) -> tuple[Integers, Floats]:
    """Return row numbers (N,) and their scores (N,), in the order they come in, chunk by chunk.

    parts: further embeddings of contents, of any; a content's score is the largest over all of
    its embeddings. Rows of equal content get the same score to the bit, so that they tie: the
    matrix product may round the same row differently at another place in a chunk.
    """
    rows, contents, scores = [], [], []
    for row_numbers, content_numbers, embeddings in chunks:
        rows.append(row_numbers)
        contents.append(content_numbers)
        scores.append(score(query, embeddings))
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    of_parts = [(numbers, score(query, embeddings)) for numbers, embeddings in parts]
    equalled = _by_content(np.concatenate(scores), np.concatenate(contents), of_parts)
    return np.concatenate(rows), equalled


def score_rows(query: Embedding, rows: Halves, slots: Integers32, frames: Integers32) -> Floats:
    """Return the score of every row (N,): the largest of its own and its frames'.

    query: unit (D,); rows: float16 (N, D), perhaps mapped from a file; slots: which of them are
    asked for (n,), others may be -1; frames: pairs (f, 2) of a row and the one it counts for.
    """
    is_wanted = None
    if len(slots) * _SPARSE < len(rows):
        is_wanted = np.zeros(len(rows), dtype=bool)
        is_wanted[slots[slots >= 0]] = True
        is_wanted[frames[is_wanted[frames[:, 1]], 0]] = True
    scores = score_halves(query, rows, is_wanted)
    np.maximum.at(scores, frames[:, 1], scores[frames[:, 0]])
    return scores


def score_parts(query: Embedding, parts: Iterable[PartChunk]) -> tuple[Integers, Floats]:
    """Return the contents met, ascending (c,), and the largest score of each (c,)."""
    of_parts = [(numbers, score(query, embeddings)) for numbers, embeddings in parts]
    numbers = np.concatenate([np.empty(0, np.int64), *(each for each, _ in of_parts)])
    different, inverse = np.unique(numbers, return_inverse=True)
    best = np.full(len(different), UNSCORED, dtype=np.float32)
    if len(different):
        np.maximum.at(best, inverse, np.concatenate([each for _, each in of_parts]))
    return different, best


def look_up(numbers: Integers, known: Integers, scores: Floats) -> Floats:
    """Return the score of each number (n,), known ascending (c,), UNSCORED where it is unknown."""
    found = np.full(len(numbers), UNSCORED, dtype=np.float32)
    if len(known):
        places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        is_known = known[places] == numbers
        found[is_known] = scores[places[is_known]]
    return found


def score_halves(
    query: Embedding, rows: Halves, is_wanted: npt.NDArray[np.bool_] | None = None
) -> Floats:
    """Return the cosine of the query with every wanted row (N, D), float32 (N,), else UNSCORED.

    NumPy casts float16 number by number. Here the bits are put where float32 has them instead,
    too small by a factor of two to the power of 112, which the query makes up for: five times as
    fast, and exact for all that is finite.
    """
    num_rows, dimension = rows.shape
    if dimension != query.shape[0]:
        raise DimensionMismatch(f"the query has {query.shape[0]} dimensions, the index {dimension}")
    scores = np.full(num_rows, UNSCORED, dtype=np.float32)
    # Not as the mapped file that it may be: slices of those cost more than the work in them.
    bits = np.asarray(rows).view(np.int16)
    stretch = functools.partial(_score_stretch, query, bits, is_wanted, scores)
    num_threads = min(_MOST_THREADS, num_processors(), 1 + bits.size // _VALUES_A_THREAD)
    edges = [num_rows * part // num_threads for part in range(num_threads + 1)]
    threads = [
        threading.Thread(target=stretch, args=each) for each in itertools.pairwise(edges[1:])
    ]
    for thread in threads:
        thread.start()
    stretch(0, edges[1])
    for thread in threads:
        thread.join()
    return scores


def _score_stretch(
    query: Embedding,
    bits: npt.NDArray[np.int16],
    is_wanted: npt.NDArray[np.bool_] | None,
    scores: Floats,
    start: int,
    end: int,
) -> None:
    """Write the scores of the rows from `start` up to `end`."""
    step = max(1, _BLOCK_VALUES // bits.shape[1])
    room = np.empty((step, bits.shape[1]), dtype=np.int32)
    enlarged = query * np.float32(2.0**112)
    for first in range(start, end, step):
        block = slice(first, min(first + step, end))
        if is_wanted is not None and not is_wanted[block].any():
            continue
        some = room[: block.stop - first]
        np.left_shift(bits[block], 13, out=some, dtype=np.int32)
        np.bitwise_and(some, _SIGN_AND_NUMBER, out=some)
        cosines = scores[block]
        np.dot(some.view(np.float32), enlarged, out=cosines)
        np.minimum(np.maximum(cosines, -1.0, out=cosines), 1.0, out=cosines)


def _by_content(
    scores: Floats, contents: Integers, of_parts: Iterable[tuple[Integers, Floats]]
) -> Floats:
    """Return one score for each content, the largest of its own and its parts', for every row."""
    different, first, inverse = np.unique(contents, return_index=True, return_inverse=True)
    best = scores[first]
    for numbers, part_scores in of_parts:
        places = np.minimum(np.searchsorted(different, numbers), len(different) - 1)
        present = different[places] == numbers
        np.maximum.at(best, places[present], part_scores[present])
    spread: Floats = best[inverse]
    return spread
