"""Files that can be made again: written whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from rclip_like.private import write_file


def keep(place: Path, content: bytes) -> None:
    """Write a cache file whole; where its folder cannot be written, do without."""
    with suppress(OSError):
        write_file(place, content)
