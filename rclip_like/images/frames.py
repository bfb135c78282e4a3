"""A few frames of an animation after its first, from as much of it as is worth the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from PIL import Image, ImageFile

from rclip_like.settings import ReadSettings

MOST_FRAMES = 3
"""So many are kept beside the first one."""

ANIMATED = frozenset(("GIF", "PNG", "WEBP", "AVIF", "HEIF"))
"""Formats with frames of one scene. Pages of a TIFF, sizes of an icon and what a camera appends to
a JPEG are other pictures, or the same one again."""

# Every frame up to the last one kept has to be decoded: each builds on those before. 64 megapixels
# take about a second.
_WALKED_FRAMES = 500
_WALKED_PIXELS = 64_000_000
_SHARE_OF_TIME = 0.25


def later_frames(
    image: ImageFile.ImageFile, square: Callable[[], Image.Image], limits: ReadSettings
) -> list[Image.Image]:
    """Return up to MOST_FRAMES evenly spaced frames after the first, as `square` makes them.

    image: opened, its first frame loaded; it is left at a later one. square: gives back the
    model's square of the frame at which `image` stands. Looked at are as many frames as are in
    500, in 64 megapixels and in a quarter of the time limit; of a longer animation that is the
    beginning. A frame that is broken ends it: those behind cannot be decoded without it.
    """
    kept: list[Image.Image] = []
    stride, pixels, end = 1, 0, time.process_time() + limits.max_seconds * _SHARE_OF_TIME
    for number in range(1, _WALKED_FRAMES):
        pixels += image.width * image.height
        if image.format not in ANIMATED or pixels > _WALKED_PIXELS or time.process_time() > end:
            break
        try:
            image.seek(number)
            if number % stride:
                continue
            kept.append(square())
        except Exception:  # noqa: BLE001 - decoders raise anything; the first frame is still good
            break
        if len(kept) > MOST_FRAMES:  # how many there are nobody knows before the end
            kept, stride = kept[1::2], 2 * stride
    return kept


def differing(squares: list[Image.Image]) -> list[Image.Image]:
    """Return the squares without those whose pixels equal an earlier one's, in order."""
    first_of_its_kind: dict[bytes, Image.Image] = {}
    for square in squares:
        first_of_its_kind.setdefault(square.tobytes(), square)
    return list(first_of_its_kind.values())
