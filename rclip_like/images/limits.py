"""How much memory a worker may have, how many workers there are, and how large a picture may be.

Measured with pictures of 26 megapixels (`VmPeak` of a fresh process, less what it had before), in
bytes for each pixel, the file in memory included: 8-bit greys 3 to 7, BMP and PPM 7, palettes with
transparency 9, RGB PNG 8, CMYK TIFF 12, RGBA PNG, TIFF and TGA 12, AVIF 17, WebP 21, float TIFF 24,
RGBA JPEG 2000 33; TIFF in samples for which Pillow has no mode, which says so itself, 4 to 5 times
the samples; at 7 megapixels, where 60 MB of NumPy count with them, raw data developed at full
size 28. A JPEG, read at reduced scale: 2 to 3, a progressive one 6 for three colours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from PIL import Image

from rclip_like.settings import ReadSettings, num_processors

_GIB = 1 << 30
_SHARE = 2 / 3
"""The share of the memory that all workers together may use; the model needs some, too."""
_LEAST = 1 * _GIB
"""The least memory of a worker; fewer workers start if each would get less."""
_UNKNOWN_MEMORY = 4 * _GIB
_PROGRAM = 256 << 20
"""The memory of a worker with all its libraries, before the first pixel."""

_DEEP, _USUAL, _PROGRESSIVE = 25.0, 12.5, 9.0
_BYTES_PER_PIXEL = {
    "JPEG": 3.5,
    "MPO": 3.5,
    "AVIF": 17.5,
    "HEIF": 17.5,
    "WEBP": 21.5,
    "JPEG2000": 33.5,
    "RAW": 28.5,
}


@cache
def within_memory(settings: ReadSettings) -> ReadSettings:
    """Return the settings with the number of processes and the memory of each filled in.

    Together they get two thirds of the machine's memory, or of what its control group allows. All
    functions that take `limits` want the settings as they are returned here.
    """
    available = int(memory_bytes() * _SHARE)
    workers = settings.workers or num_processors()
    if settings.max_memory_bytes is not None:
        return settings._replace(workers=workers)
    workers = max(1, min(workers, available // _LEAST))
    return settings._replace(workers=workers, max_memory_bytes=available // workers)


def most_pixels(limits: ReadSettings, image: Image.Image | None = None) -> int:
    """Return how many pixels a picture in this format may have; with None, in the cheapest one."""
    if limits.max_megapixels is not None:
        return max(1, int(limits.max_megapixels * 1e6))
    assert limits.max_memory_bytes is not None
    spare = max(limits.max_memory_bytes - _PROGRAM, limits.max_memory_bytes // 4)
    if image is None:
        bytes_per_pixel = _BYTES_PER_PIXEL["JPEG"]
    elif stated := getattr(image, "bytes_per_pixel", 0):
        bytes_per_pixel = stated
    elif image.mode == "F" or image.mode.startswith("I"):
        bytes_per_pixel = _DEEP
    elif image.info.get("progressive"):
        bytes_per_pixel = _PROGRESSIVE
    else:
        bytes_per_pixel = _BYTES_PER_PIXEL.get(image.format or "", _USUAL)
    return int(spare / bytes_per_pixel)


def most_bytes(limits: ReadSettings) -> int:
    """Return how large a picture's file may be: with its pixels it has to fit the memory."""
    assert limits.max_memory_bytes is not None
    return limits.max_memory_bytes // 2


@cache
def memory_bytes() -> int:
    """Return the machine's memory, or what this process's control group allows if that is less."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        physical = 0
    return min([physical if physical > 0 else _UNKNOWN_MEMORY, *_group_limits()])


def _group_limits(
    groups: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/sys/fs/cgroup")
) -> Iterator[int]:
    """Yield the limits of the control groups, of either version, that this process is in."""
    try:
        lines = groups.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0":
            top, file = mounts, "memory.max"
        elif "memory" in names.split(","):
            top, file = mounts / "memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path may be that of the host, which is not there; the top is.
        group = top / path.lstrip("/")
        for folder in {top, group, *group.parents}:
            with suppress(OSError, ValueError):  # not there, or "max"
                yield int((folder / file).read_text())
