"""Draw labels and watermarks on pictures, and shapes to count.

All drawing uses Pillow's own typeface, so that it is the same everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rclip_like.values import Pixels

_LABEL_WIDTH, _LABEL_HEIGHT = 0.8, 0.16
"""The size of a label, as shares of the picture's side; the text fills it."""
_WATERMARK_OPACITY = 0.35
_SHAPE_SIZES = (0.05, 0.1)
"""Radii of shapes, as shares of the side; ten of the largest fit."""
_GAP = 0.01
_ATTEMPTS = 200
SHAPES = ("circle", "square", "triangle")
_CORNERS = {"square": 4, "triangle": 3}


def is_drawable(text: str) -> bool:
    """Return whether Pillow's own typeface has all letters of a text."""
    return bool(text.strip()) and all(" " <= letter <= "~" for letter in text)


def labelled(pixels: Pixels, text: str) -> Pixels:
    """Return the picture with a white label at its centre that has `text`, or "" for none.

    The label has the same size and position for every text, and the text is as large as fits.
    """
    size = len(pixels)
    width, height = round(_LABEL_WIDTH * size), round(_LABEL_HEIGHT * size)
    picture = Image.fromarray(pixels)
    left, top = (size - width) // 2, (size - height) // 2
    draw = ImageDraw.Draw(picture)
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill="white")
    if text:
        font = _fitting(text, 0.92 * width, 0.85 * height)
        box = font.getbbox(text)
        start = (size - box[0] - box[2]) / 2, (size - box[1] - box[3]) / 2
        draw.text(start, text, fill="black", font=font)
    return np.asarray(picture)


def watermarked(pixels: Pixels, text: str, *, is_dark: bool = False) -> Pixels:
    """Return the picture with rows of half-transparent `text` from edge to edge."""
    size = len(pixels)
    picture = Image.fromarray(pixels)
    mask = Image.new("L", picture.size, 0)
    font = _font(0.11 * size)
    draw = ImageDraw.Draw(mask)
    step = draw.textlength(text + "  ", font=font)
    rows = range(0, size, max(1, round(0.2 * size)))
    for row, top in enumerate(rows):
        left = -step / 2 * (row % 2)
        while left < size:
            draw.text((left, top), text, fill=round(255 * _WATERMARK_OPACITY), font=font)
            left += step
    picture.paste(Image.new("RGB", picture.size, "black" if is_dark else "white"), mask=mask)
    return np.asarray(picture)


def shapes(size: int, number: int, drawn: np.random.Generator) -> Pixels:
    """Return a picture (size, size, 3) of `number` shapes that do not touch each other.

    The shapes of a picture have one kind, colour and size; these, their positions and the
    background are drawn.
    """
    kind = SHAPES[drawn.integers(len(SHAPES))]
    background, colour = _colours(drawn)
    radius, centres = _centres(number, drawn)
    picture = Image.new("RGB", (size, size), background)
    draw = ImageDraw.Draw(picture)
    for across, down in centres:
        _draw_shape(draw, kind, (across * size, down * size), radius * size, colour)
    return np.asarray(picture)


def _centres(
    number: int, drawn: np.random.Generator
) -> tuple[float, Sequence[tuple[float, float]]]:
    """Return a radius and centres, in shares of the side, at which nothing touches."""
    radius = drawn.uniform(*_SHAPE_SIZES)
    while True:
        centres: list[tuple[float, float]] = []
        for _ in range(_ATTEMPTS):
            across, down = drawn.uniform(radius + _GAP, 1 - radius - _GAP, 2)
            if all(np.hypot(across - x, down - y) > 2.9 * radius + _GAP for x, y in centres):
                centres.append((float(across), float(down)))
            if len(centres) == number:
                return radius, centres
        radius *= 0.9


def _draw_shape(
    draw: ImageDraw.ImageDraw,
    kind: str,
    centre: tuple[float, float],
    radius: float,
    colour: tuple[int, int, int],
) -> None:
    if kind == "circle":
        draw.circle(centre, radius, fill=colour)
    else:
        draw.regular_polygon((*centre, radius), _CORNERS[kind], fill=colour)


def _colours(
    drawn: np.random.Generator,
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return two colours that differ in lightness by a third of the range at least."""
    while True:
        background, colour = drawn.integers(0, 256, (2, 3)).tolist()
        if abs(sum(background) - sum(colour)) > 255:
            return tuple(background), tuple(colour)


def _fitting(
    text: str, width: float, height: float
) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    at_100 = _font(100)
    left, top, right, bottom = at_100.getbbox(text)
    return _font(max(1.0, 100 * min(width / max(1, right - left), height / max(1, bottom - top))))


def _font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
