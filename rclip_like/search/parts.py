"""Which part of each picture it was that a query found: the whole, a frame or a tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.ranking import UNSCORED, score

if TYPE_CHECKING:
    from rclip_like.store.selection import Selection
    from rclip_like.values import Embedding

_AT_ONCE = 500


def best_parts(
    selection: Selection, query: Embedding, content_ids: Sequence[int]
) -> dict[int, int]:
    """Return the number of the part that has a content's score, the lowest of several that do.

    Contents of which it is the whole picture may be missing. Reads nothing from an index in which
    pictures have no further parts.
    """
    best: dict[int, int] = {}
    if not selection.embeddings.has_further_parts:
        return best
    for start in range(0, len(content_ids), _AT_ONCE):
        parts = selection.embeddings.sound_parts(content_ids[start : start + _AT_ONCE])
        if not (parts.parts > 0).any():
            continue
        scores: dict[int, float] = {}
        every = score(query, parts.embeddings).tolist()
        numbers = zip(parts.content_ids.tolist(), parts.parts.tolist(), every, strict=True)
        for content_id, part, value in numbers:
            if value > scores.get(content_id, UNSCORED):
                scores[content_id], best[content_id] = value, part
    return best
