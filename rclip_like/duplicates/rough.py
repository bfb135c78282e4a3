"""A first look at two small pictures, which refuses most pairs in a thirtieth of the time.

Each picture is squeezed into a square of a few pixels and tried over the other at all positions,
in some sizes, mirrored too: by products of spectra, which each picture keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps

from rclip_like.duplicates.comparing import summed, sums_under

if TYPE_CHECKING:
    import numpy.typing as npt

_SIDE = 24
_SCALES = (1.0, 0.95, 0.9, 0.84, 0.78, 0.71)
_LEAST_SIDE = 8
_MOST_CUT = 1.6
"""How much wider one picture may be than the other, by their ratios of width and height."""
_STEP = 0.03
_LEAST_SCORE = 0.62
"""The correlation at the best position from which on a pair is compared block by block."""


class Rough:
    """One picture for the first look; image: grey and small."""

    def __init__(self, image: Image.Image) -> None:
        self.aspect = image.width / image.height
        self._image = image.resize((2 * _SIDE, 2 * _SIDE), Image.Resampling.BOX)
        own = np.asarray(self._image.resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)
        self._own = own - own.mean()
        self._spectrum = np.fft.rfft2(self._own).astype(np.complex64)
        self._views: dict[float, npt.NDArray[np.complex64]] = {}
        self._deviations: dict[float, npt.NDArray[np.float32]] = {}

    def may_be_copy_of(self, other: Rough) -> bool:
        """Return whether the two are worth a closer look."""
        ratio = other.aspect / self.aspect
        if not 1 / _MOST_CUT < ratio < _MOST_CUT:
            return False
        steps = round(np.log(ratio) / _STEP)
        ratio = float(np.exp(steps * _STEP))
        return max(self._best(other, ratio), other._best(self, 1 / ratio)) >= _LEAST_SCORE

    def _best(self, view: Rough, ratio: float) -> float:
        """Return the best correlation of a view, in all sizes, with the part of this under it."""
        ratio = round(ratio, 4)
        spectra = view._spectra_of_views(ratio) * self._spectrum
        found = np.fft.irfft2(spectra, (_SIDE, _SIDE))
        return float((found / self._deviations_under(ratio)).max())

    def _spectra_of_views(self, ratio: float) -> npt.NDArray[np.complex64]:
        """Return the spectra (2 S, H, W) of this picture in all sizes, plain and mirrored."""
        if ratio not in self._views:
            stack = np.zeros((2, len(_SCALES), _SIDE, _SIDE), np.float32)
            for mirrored, image in enumerate((self._image, ImageOps.mirror(self._image))):
                for number, (width, height) in enumerate(_sizes(ratio)):
                    view = np.asarray(
                        image.resize((width, height), Image.Resampling.BOX), np.float32
                    )
                    view = view - view.mean()
                    length = max(float(np.linalg.norm(view)), 1.0)
                    stack[mirrored, number, :height, :width] = view / length
            spectra = np.fft.rfft2(stack.reshape(-1, _SIDE, _SIDE)).conj()
            self._views[ratio] = spectra.astype(np.complex64)
        return self._views[ratio]

    def _deviations_under(self, ratio: float) -> npt.NDArray[np.float32]:
        """Return the norm (2 S, H, W) of what lies under a view at each position, inf outside."""
        if ratio not in self._deviations:
            sums = summed(self._own)
            norms = np.full((len(_SCALES), _SIDE, _SIDE), np.inf, np.float32)
            for number, (width, height) in enumerate(_sizes(ratio)):
                total, squares = sums_under(sums, width, height)
                size = width * height
                energy = np.maximum(squares - total**2 / size, size)
                norms[number, : energy.shape[0], : energy.shape[1]] = np.sqrt(energy)
            self._deviations[ratio] = np.concatenate([norms, norms])
        return self._deviations[ratio]


def _sizes(ratio: float) -> list[tuple[int, int]]:
    """Return width and height of a view in each size; ratio: of its shares of both sides."""
    across, down = min(1.0, ratio), min(1.0, 1 / ratio)
    return [
        (
            max(_LEAST_SIDE, round(_SIDE * each * across)),
            max(_LEAST_SIDE, round(_SIDE * each * down)),
        )
        for each in _SCALES
    ]
