"""Corrupt a model's squares: nine kinds with five strengths each, the same in every run.

Each kind takes uint8 pixels (S, S, 3) before normalisation, a strength as a plain number, and a
random generator, and returns uint8 pixels (S, S, 3). Lengths are shares of the side, so that a
strength means the same for any picture size. A strength of 0 changes nothing. The kinds are from
Hendrycks and Dietterich (2019), but for the masks.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

if TYPE_CHECKING:
    from rclip_like.values import Pixels

Change = Callable[["Pixels", float, np.random.Generator], "Pixels"]

GREY = 127
_MASK_CELLS = 14
"""Masks cover cells of a grid with 14 cells per side, as large as a ViT's patches."""


class Corruption(NamedTuple):
    """One kind, with its strengths, weakest first; measure: what the numbers are, in words."""

    key: str
    title: str
    measure: str
    strengths: tuple[float, ...]
    change: Change


def corrupted(
    pixels: Pixels, digest: bytes, corruption: Corruption, level: int, seed: int
) -> Pixels:
    """Return the picture with the corruption at `level` 1 to 5, or unchanged at 0.

    Draws depend only on the seed, the picture's digest, the corruption and the level.
    """
    if level == 0:
        return pixels
    drawn = generator_of(seed, digest, corruption.key, level)
    return corruption.change(pixels, corruption.strengths[level - 1], drawn)


def generator_of(seed: int, *parts: object) -> np.random.Generator:
    """Return a random generator that depends only on the seed and the parts of its purpose."""
    named = repr((seed, *parts)).encode()
    return np.random.default_rng(np.frombuffer(hashlib.sha256(named).digest(), np.uint32))


def _noise(pixels: Pixels, sd: float, drawn: np.random.Generator) -> Pixels:
    return _levels(pixels + sd * 255 * drawn.standard_normal(pixels.shape, np.float32))


def _blur(pixels: Pixels, sd: float, drawn: np.random.Generator) -> Pixels:
    radius = sd * len(pixels)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _motion(pixels: Pixels, length: float, drawn: np.random.Generator) -> Pixels:
    """Return the mean of copies shifted along a line of random direction; edges are repeated."""
    angle = drawn.uniform(0, math.pi)
    size = len(pixels)
    way = round(length * size)
    along = np.linspace(-way / 2, way / 2, 2 * way + 1)  # by half pixels
    margin = way // 2 + 1
    padded = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    total = np.zeros(pixels.shape, np.uint32)
    for down, across in zip(
        np.rint(along * math.sin(angle)).astype(int) + margin,
        np.rint(along * math.cos(angle)).astype(int) + margin,
        strict=True,
    ):
        total += padded[down : down + size, across : across + size]
    return ((total + way) // len(along)).astype(np.uint8)


def _jpeg(pixels: Pixels, loss: float, drawn: np.random.Generator) -> Pixels:
    if loss == 0:
        return pixels
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=round(100 * (1 - loss)))
    return np.asarray(Image.open(stream).convert("RGB"))


def _pixelate(pixels: Pixels, block: float, drawn: np.random.Generator) -> Pixels:
    size = len(pixels)
    across = max(1, round(1 / max(block, 1 / size)))
    small = Image.fromarray(pixels).resize((across, across), Image.Resampling.BOX)
    return np.asarray(small.resize((size, size), Image.Resampling.NEAREST))


def _brightness(pixels: Pixels, added: float, drawn: np.random.Generator) -> Pixels:
    return _levels(pixels + np.float32(added * 255))


def _contrast(pixels: Pixels, lost: float, drawn: np.random.Generator) -> Pixels:
    mean = pixels.mean((0, 1), dtype=np.float32)
    return _levels(mean + np.float32(1 - lost) * (pixels - mean))


def _fog(pixels: Pixels, share: float, drawn: np.random.Generator) -> Pixels:
    """Return the picture behind white clouds, whose mean opacity is `share`."""
    clouds = _clouds(len(pixels), drawn)[..., None]
    opacity = np.clip(share * (0.7 + 0.6 * clouds), 0, 1)
    return _levels(pixels * (1 - opacity) + 255 * opacity)


def _clouds(size: int, drawn: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a random field (S, S) in [0, 1] that varies at every scale, coarse ones most."""
    field = np.zeros((size, size), np.float32)
    cells, height = 2, 1.0
    while cells <= max(2, size // 4):
        grid = Image.fromarray(drawn.standard_normal((cells, cells), np.float32))
        field += height * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
        cells, height = 2 * cells, height * 0.6
    low, high = field.min(), field.max()
    clouds: npt.NDArray[np.float32] = (field - low) / max(high - low, np.float32(1e-6))
    return clouds


def _mask(pixels: Pixels, share: float, drawn: np.random.Generator) -> Pixels:
    cells = min(_MASK_CELLS, len(pixels))
    order = drawn.permutation(cells * cells)
    is_hidden = (order < round(share * cells * cells)).reshape(cells, cells)
    of_cell = np.arange(len(pixels)) * cells // len(pixels)
    changed = pixels.copy()
    changed[is_hidden[np.ix_(of_cell, of_cell)]] = GREY
    return changed


def _levels(values: npt.NDArray[np.floating]) -> Pixels:
    levels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


CORRUPTIONS = (
    Corruption(
        *("noise", "Gaussian noise", "standard deviation, as a share of the range of levels"),
        *((0.06, 0.12, 0.2, 0.3, 0.4), _noise),
    ),
    Corruption(
        *("blur", "Gaussian blur", "standard deviation, as a share of the side"),
        *((0.005, 0.01, 0.015, 0.022, 0.03), _blur),
    ),
    Corruption(
        *("motion", "Motion blur", "length of the motion, as a share of the side"),
        *((0.03, 0.06, 0.09, 0.13, 0.18), _motion),
    ),
    Corruption(
        *("jpeg", "JPEG compression", "1 - quality / 100"),
        *((0.6, 0.75, 0.85, 0.9, 0.95), _jpeg),
    ),
    Corruption(
        *("pixelate", "Pixelation", "side of a block, as a share of the picture's"),
        *((0.01, 0.015, 0.02, 0.03, 0.045), _pixelate),
    ),
    Corruption(
        *("brightness", "Brightness", "added level, as a share of the range of levels"),
        *((0.1, 0.2, 0.3, 0.45, 0.6), _brightness),
    ),
    Corruption(
        *("contrast", "Contrast", "share of the contrast that is removed"),
        *((0.4, 0.6, 0.75, 0.85, 0.92), _contrast),
    ),
    Corruption(
        *("fog", "Fog", "mean opacity of white clouds over the picture"),
        *((0.25, 0.4, 0.55, 0.7, 0.8), _fog),
    ),
    Corruption(
        *("mask", "Random masks", f"share of {_MASK_CELLS} x {_MASK_CELLS} cells that are grey"),
        *((0.1, 0.25, 0.5, 0.7, 0.85), _mask),
    ),
)
"""All kinds, in the order of the report."""

LEVELS = range(1, 6)
