"""A picture as an epoch sees it: a crop and a mirror image, drawn by seed, epoch and row alone.

Colours stay as they are: captions name them.

Shape suffixes: S pixels a side as the model sees, B pixels a side to cut from, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

_MARGIN = 1.15
"""Crops are cut from a square this many times the model's size; the smallest shows three quarters
of it."""

_SIDES = re.compile(
    r"\b(?:(?:left|right)(?:most|wards?|hand)?|links|rechts|gauche|droite|izquierd[ao]s?"
    r"|derech[ao]s?|sinistr[ao]|destr[ao])\b",
    re.IGNORECASE,
)


class Crop(NamedTuple):
    """The square that is cut out of a finer square, in its pixels, and whether it is mirrored."""

    left: int
    top: int
    side: int
    is_mirrored: bool


def finer_size(size: int) -> int:
    """Return how many pixels a side the square has from which crops of a size are cut."""
    return round(_MARGIN * size)


def can_be_mirrored(captions: Iterable[str]) -> bool:
    """Return whether no caption of a picture mentions left or right."""
    return not any(_SIDES.search(caption) for caption in captions)


def draw_crop(size: int, finer: int, *, seed: int, epoch: int, row: int, may_mirror: bool) -> Crop:
    """Return the crop of a row in an epoch, a function of the arguments alone.

    Its side lies between the model's size and the whole finer square; its position is free.
    """
    random = np.random.default_rng((seed, 2, epoch, row))
    side = int(random.integers(size, finer, endpoint=True))
    left, top = random.integers(0, finer - side, 2, endpoint=True)
    return Crop(int(left), int(top), side, may_mirror and bool(random.integers(2)))


def cut(pixels_BBC: npt.NDArray[np.uint8], crop: Crop, size: int) -> npt.NDArray[np.uint8]:
    """Return the crop of a finer square at the model's size, (S, S, C)."""
    left, top, side, is_mirrored = crop
    part_SSC = pixels_BBC[top : top + side, left : left + side]
    if side != size:
        # As Pillow resizes, to a level (tests), in a quarter of its time.
        part_1CSS = torch.from_numpy(np.array(part_SSC)).permute(2, 0, 1)[None]
        resized = F.interpolate(part_1CSS, (size, size), mode="bicubic", antialias=True)
        part_SSC = resized[0].permute(1, 2, 0).numpy()
    return part_SSC[:, ::-1] if is_mirrored else part_SSC
