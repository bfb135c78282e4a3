"""The handwritten digits that come with scikit-learn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.packages import require_research


class Digits(NamedTuple):
    """Pixels uint8 (N, 8, 8), white on black, and the digit of each, 0 to 9, int64 (N,)."""

    pixels: npt.NDArray[np.uint8]
    numbers: npt.NDArray[np.int64]


def load_digits() -> Digits:
    """Return the 1,797 digits of Alpaydin and Kaynak (1998), in scikit-learn's order.

    Raises MeasureError if scikit-learn is missing.
    """
    require_research("reading the digits")
    from sklearn.datasets import load_digits as load

    found = load()
    # Ink has the values 0 to 16.
    pixels = np.clip(found.images * 255 / 16, 0, 255).astype(np.uint8)
    return Digits(pixels, found.target.astype(np.int64))
