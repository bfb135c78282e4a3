"""Which part of each content it was that a query found: the whole, a frame or a tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.ranking import UNSCORED, score
from rclip_like.tiles import crop_of

if TYPE_CHECKING:
    from rclip_like.store.selection import Selection
    from rclip_like.values import Crop, Embedding, PictureFacts

_AT_ONCE = 500


class FoundPart(NamedTuple):
    """Where in a content the query was found, as Match has it."""

    crop: Crop | None = None
    second: float | None = None


def found_parts(
    selection: Selection, query: Embedding, contents: Sequence[tuple[int, PictureFacts]]
) -> list[FoundPart]:
    """Return where each content, with its facts, was found, in order.

    Reads nothing from an index in which no content has further parts.
    """
    embeddings = selection.embeddings
    if not contents or not embeddings.has_further_parts:
        return [FoundPart()] * len(contents)
    content_ids = [content_id for content_id, _ in contents]
    best = best_parts(selection, query, content_ids)
    seconds = embeddings.frame_seconds(content_ids)
    found = []
    for content_id, facts in contents:
        part = best.get(content_id, 0)
        crop = crop_of(part, facts)
        found.append(FoundPart(crop, seconds.get((content_id, 0 if crop else part))))
    return found


def best_parts(
    selection: Selection, query: Embedding, content_ids: Sequence[int]
) -> dict[int, int]:
    """Return the number of the part that has a content's score, the lowest of several that do.

    Contents of which it is the whole picture may be missing.
    """
    best: dict[int, int] = {}
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
