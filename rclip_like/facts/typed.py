"""Types of files, sizes and coordinates as people type them, as filters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import Remedy, UsageError
from rclip_like.values import RAW_EXTENSIONS, VIDEO_EXTENSIONS, opened_extensions

if TYPE_CHECKING:
    from rclip_like.settings import Filters

FAMILIES = {
    "jpeg": frozenset((b".jpg", b".jpeg", b".jpe", b".jfif")),
    "tiff": frozenset((b".tif", b".tiff")),
    "heic": frozenset((b".heic", b".heif", b".hif")),
    "raw": RAW_EXTENSIONS,
    "video": VIDEO_EXTENSIONS,
}
"""Names that stand for several endings."""
_SIDES = re.compile(r"(\d{1,9})(?:[x\N{MULTIPLICATION SIGN}](\d{1,9}))?")
_MEGAPIXELS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(?:mp|megapixels?)", re.IGNORECASE)


def endings_of(types: Sequence[str]) -> tuple[bytes, ...]:
    """Return the endings of file names that any of the types stands for, each once, in order.

    Raises UsageError for a type of which no pictures are read.
    """
    return tuple(sorted({ending for typed in types for ending in _endings(typed)}))


def _endings(typed: str) -> frozenset[bytes]:
    name = typed.lower().removeprefix(".")
    ending = f".{name}".encode(errors="replace")
    for family, endings in FAMILIES.items():
        if name == family and endings <= opened_extensions():
            return endings
        if ending in endings - RAW_EXTENSIONS - VIDEO_EXTENSIONS:
            return endings
    if ending not in opened_extensions():
        raise UsageError(f"no pictures of the type {typed!r} are read", Remedy.LIST_FORMATS)
    return frozenset((ending,))


def with_least_size(typed: str, filters: Filters) -> Filters:
    """Return the filters with a least size, such as 1920x1080, 2000 or 12MP.

    Raises UsageError for anything else, and for more digits than SQLite counts with.
    """
    if megapixels := _MEGAPIXELS.fullmatch(typed.strip()):
        return filters._replace(min_pixels=round(float(megapixels[1]) * 1_000_000))
    sides = _SIDES.fullmatch(typed.strip().lower())
    if not sides:
        raise UsageError(f"{typed!r} is not a size; write 1920x1080, 2000 or 12MP")
    one, other = int(sides[1]), int(sides[2] or 0)
    return filters._replace(min_sides=(min(one, other), max(one, other)))


def coordinates(typed: str) -> tuple[float, float]:
    """Return latitude and longitude in degrees. Raises UsageError for anything else."""
    try:
        latitude, longitude = (float(part) for part in typed.split(","))
    except ValueError:
        latitude = longitude = float("nan")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise UsageError(
            f"{typed!r} is not a position; write latitude and longitude, as in 55.68,12.57"
        )
    return latitude, longitude
