"""Query embedding and rows of embeddings to the best rows, in NumPy alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.errors import DimensionMismatch, UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Embedding, Embeddings

    Floats = npt.NDArray[np.float32]
    Integers = npt.NDArray[np.int64]
    Chunk = tuple[Integers, Integers, npt.NDArray[np.float16]]
    """Row numbers (n,), content numbers (n,), embeddings (n, D)."""
    PartChunk = tuple[Integers, npt.NDArray[np.float16]]
    """Content numbers (n,), embeddings (n, D)."""

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
    cosines: Floats = embeddings.astype(np.float32, copy=False) @ query
    return np.clip(cosines, -1.0, 1.0)


def order(scores: Floats) -> Integers:
    """Return the row numbers by falling score, int64 (N,); equal scores keep row order."""
    return np.argsort(-scores, kind="stable").astype(np.int64, copy=False)


def rank_chunks(
    query: Embedding, chunks: Iterable[Chunk], parts: Iterable[PartChunk] = ()
) -> tuple[Integers, Floats]:
    """Return row numbers (N,) and their scores (N,), best first, of rows that come in chunks.

    parts: further embeddings of contents, of any; a content's score is the largest over all of
    its embeddings. Rows of equal content get the same score to the bit, so that they tie: the
    matrix product may round the same row differently at another place in a chunk. Ties keep the
    order they came in.
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
    best_first = order(equalled)
    return np.concatenate(rows)[best_first], equalled[best_first]


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
