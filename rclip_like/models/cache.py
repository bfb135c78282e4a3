"""Files that can be made again: written whole, or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import blake3

from rclip_like.files import write_file


def sealed(value: Any) -> bytes:
    """Return a value of JSON as a file's content, with a digest by which damage is noticed."""
    return json.dumps({"blake3": _digest(value), "value": value}).encode()


def unsealed(described: Any) -> Any:
    """Return the value in what `sealed` wrote, parsed; raises ValueError where that is damaged."""
    if isinstance(described, dict) and described.keys() == {"blake3", "value"}:
        value = described["value"]
        if described["blake3"] == _digest(value):
            return value
    raise ValueError("the file is not as it was written")


def keep(place: Path, content: bytes) -> None:
    """Write a cache file whole; where its folder cannot be written, do without."""
    with suppress(OSError):
        write_file(place, content)


def _digest(value: Any) -> str:
    return str(blake3.blake3(json.dumps(value, sort_keys=True).encode()).hexdigest())
