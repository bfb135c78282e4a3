"""The geometry of open_clip's evaluation transform, computing only the pixels that stay."""

from __future__ import annotations

from PIL import Image

from rclip_like.values import Preprocessing

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# Up to this many times the area of the result, all of the picture is resized and then cropped, as
# torchvision does it, bit for bit. Beyond, Pillow's box leaves out what the crop drops: it rounds
# in another order, by a level or two, but a picture of 16000x1 does not need gigabytes.
_LARGEST_EXCESS = 64


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
