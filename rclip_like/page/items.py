"""Pictures as the page gets them: JSON-ready, with text in place of bytes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.page.sheet import shown
from rclip_like.store.contents import file_date
from rclip_like.values import VIDEO_EXTENSIONS, Match

if TYPE_CHECKING:
    from rclip_like.store import StoredFile


def item_of(match: Match, copies: int) -> dict[str, object]:
    """Return a match for the grid. copies: how many further files have the content."""
    assert match.version is not None
    assert match.facts is not None
    path = match.absolute_bytes
    return {
        "id": match.version.digest.hex(),
        "rank": match.rank,
        "score": None if math.isnan(match.score) else round(match.score, 4),
        "name": shown(os.path.basename(path)),
        "folder": shown(os.path.dirname(path)),
        "path": shown(path),
        "width": match.facts.width,
        "height": match.facts.height,
        "taken_at": match.taken_at,
        "camera": _shown_text(match.facts.camera),
        "copies": copies,
        "hidden": match.is_hidden,
        "crop": match.crop and match.crop._asdict(),
        "is_video": _is_video(path),
        "second": match.second,
        "words": [[source, _shown_text(text)] for source, text in match.words],
        "by_words": match.by_words,
    }


def facts_of(name: str, files: Sequence[StoredFile]) -> dict[str, object]:
    """Return what is known of a picture. name: of its content; files: at least one that has it."""
    first, facts = files[0], files[0].facts
    return {
        "id": name,
        "name": shown(os.path.basename(first.path)),
        "folder": shown(os.path.dirname(first.path)),
        "path": shown(first.path),
        "paths": [shown(each.path) for each in files],
        "width": facts.width,
        "height": facts.height,
        "size_bytes": first.size_bytes,
        "taken_at": facts.taken_at or file_date(first.mtime_ns),
        "taken_from": (facts.taken_from or "picture") if facts.taken_at else "file",
        "camera": _shown_text(facts.camera),
        "latitude": facts.latitude,
        "longitude": facts.longitude,
        "place": str(facts.place) if facts.place else None,
        "format": os.path.splitext(shown(first.path))[1][1:].upper(),
        "is_video": _is_video(first.path),
        "copies": len(files) - 1,
        "hidden": first.is_hidden,
    }


def match_without_score(rank: int, stored: StoredFile) -> Match:
    """Return a picture that was selected as a match without a score."""
    taken_at = stored.facts.taken_at or file_date(stored.mtime_ns)
    return Match(
        stored.path,
        stored.path,
        score=math.nan,
        rank=rank,
        model="",
        taken_at=taken_at,
        facts=stored.facts,
        version=stored.version,
    )


def _is_video(path: bytes) -> bool:
    return os.path.splitext(path)[1].lower() in VIDEO_EXTENSIONS


def _shown_text(text: str | None) -> str | None:
    return None if text is None else shown(text.encode("utf-8", "replace"))
