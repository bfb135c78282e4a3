"""Files that can be made again: written whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def keep(place: Path, content: bytes) -> None:
    """Write a cache file whole; where its folder cannot be written, do without."""
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        os.replace(draft, place)
    except OSError:
        with suppress(OSError):
            draft.unlink()
