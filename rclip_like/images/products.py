"""What is made of a decoded picture: the model's square, and those of an animation's later frames.

The square's geometry is that of open_clip's evaluation transform, computing only the pixels that
stay.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from PIL import Image, ImageFile

from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# Up to this many times the area of the result, all of the picture is resized and then cropped, as
# torchvision does it, bit for bit. Beyond, Pillow's box leaves out what the crop drops: it rounds
# in another order, by a level or two, but a picture of 16000x1 does not need gigabytes.
_LARGEST_EXCESS = 64

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


def resize(image: Image.Image, size: tuple[int, int], preprocessing: Preprocessing) -> Image.Image:
    """Return the part of the picture that the model sees, resized, at most its size each way.

    size: width and height of the full picture, of which `image` may be a reduced decoding.
    """
    side = preprocessing.size
    width, height = _target(size, preprocessing)
    wide, high = min(width, side), min(height, side)
    left, top = round((width - wide) / 2), round((height - high) / 2)
    resampling = _FILTERS[preprocessing.interpolation]
    if width * height <= _LARGEST_EXCESS * side * side:
        whole = image.resize((width, height), resampling)
        return whole.crop((left, top, left + wide, top + high))
    across, down = image.width / width, image.height / height
    right = min((left + wide) * across, image.width)
    bottom = min((top + high) * down, image.height)
    return image.resize((wide, high), resampling, box=(left * across, top * down, right, bottom))


def pad(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Return the picture in the middle of a square of the model's size, on the fill colour."""
    side = preprocessing.size
    if image.size == (side, side):
        return image
    square = Image.new("RGB", (side, side), (preprocessing.fill_color,) * 3)
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def _target(size: tuple[int, int], preprocessing: Preprocessing) -> tuple[int, int]:
    """Return the size to which all of the picture is resized before it is cropped."""
    side = preprocessing.size
    width, height = size
    if preprocessing.resize_mode == "squash":
        return side, side
    if preprocessing.resize_mode == "longest":
        ratio = max(width, height) / side
        return max(1, round(width / ratio)), max(1, round(height / ratio))
    if width <= height:
        return side, int(side * height / width)
    return int(side * width / height), side


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
