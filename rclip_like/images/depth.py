"""Integer and float samples deeper than eight bits to eight: which value is black, which white.

Viewers disagree beyond 16 bits; this is what most of them show for a photo.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PIL import Image

Samples = npt.NDArray[np.generic]

_NEAR = 1 / 16
_LOOKED_AT = 1 << 16
"""About how many values of each part are sampled to find the scale of a picture's floats."""


def black_and_white(parts: Iterable[Samples], full: float = 65535.0) -> tuple[float, float]:
    """Return the values that are shown as black and as white, of all parts of a picture together.

    full: the largest value of a whole number. Those count from 0 to that; of more than 16 bits to
    65535 if none is larger, and to `full` only if one comes near it. Floats count from 0 to 1,
    where what lies beyond is light brighter than white (an HDR merge's) as long as most of the
    picture lies within, or from 0 to 255. Where that cannot be, from the darkest to the brightest.
    """
    low, high, some = np.inf, -np.inf, []
    for part in map(_numbers, parts):
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        if part.dtype.kind == "f":
            some.append(part.ravel()[:: max(1, part.size // _LOOKED_AT)])
    if not some:
        most = min(full, 65535.0) if high <= 65535 or high < full * _NEAR else full
        return (0.0, most) if low >= 0 and high <= most else (low, high)
    lit = np.concatenate(some)
    lit = lit[lit != 0]
    is_mostly_within = 2 * np.count_nonzero((lit > 0) & (lit <= 1)) > lit.size
    is_well_below = 100 * np.count_nonzero(lit < -0.1) > lit.size
    if (is_mostly_within and not is_well_below) or (low >= 0 and high <= 1):
        return 0.0, 1.0
    return (0.0, 255.0) if low >= 0 and high <= 255 else (low, high)


def in_eight_bits(image: Image.Image) -> Image.Image:
    """Return a 16-bit, 32-bit or float grey picture as L."""
    values = np.asarray(image)
    black, white = black_and_white(values)
    grey = np.empty(values.shape, np.uint8)
    for row, line in enumerate(values):  # by rows: a float copy of all of it is large
        grey[row] = eight_bits(line, black, white)
    return Image.fromarray(grey)


def eight_bits(values: Samples, black: float, white: float) -> npt.NDArray[np.uint8]:
    """Return the values from black to white as 0 to 255, clipping what lies beyond."""
    scale = 255 / (white - black) if white > black else 0.0
    grey = (_numbers(values).astype(np.float64) - black) * scale
    shown: npt.NDArray[np.uint8] = np.rint(grey.clip(0, 255)).astype(np.uint8)
    return shown


def _numbers(values: Samples) -> Samples:
    """Return the values with 0 for what is infinite or not a number."""
    if values.dtype.kind != "f":
        return values
    return np.nan_to_num(values, posinf=0, neginf=0)
