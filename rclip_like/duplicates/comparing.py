"""Whether one of two pictures was made of the other, by their small pixels.

The smaller view is laid over the larger one, whatever was cut off, and the two are compared block
by block: brightness, contrast and tint do not count, a text over some blocks does not either. What
both show beyond the other, as two shots of a burst do, was made of neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

Grey = npt.NDArray[np.float32]
"""Brightness (H, W) in [0, 255]."""

# Lengths in pixels of the longer side: coarse, where all positions are tried, and fine.
_COARSE, _FINE = 48, 112
_OF_OWN = 0.75
"""How much finer the smaller view may be than its own pixels: in those, encoding leaves marks."""
_LEAST_SIDE = 8
_SCALES = np.arange(1.0, 0.66, -0.02)
"""The sides of the smaller view, in those of the larger one."""
_ROUNDS = 10
_OUTLIER = 0.4
"""From which difference on, in standard deviations, a pixel counts for less than half."""
_BLOCK_SIDE, _MOST_BLOCKS = 12, 8
_FLAT = 2.0
"""Blocks whose standard deviation is smaller, in steps of 255, show nothing to compare."""
_LEAST_BLOCKS = 5
_BLOCK_ALIKE = 0.8
_BEYOND = 0.006
"""How far the smaller view may reach beyond the larger one, in sides: it is found that exactly."""
_MOST_SQUASHED = 1.05
_UNMOVED = 0.95
LEAST_ALIKE = 0.72
"""The share of blocks that have to be alike; text over a picture covers the others."""


class Comparison(NamedTuple):
    """How two pictures lie over each other.

    alike: the share of blocks that show the same, 0 where the pictures cannot be laid over each
    other. beyond: by how much of its side the smaller view reaches beyond the larger one. cut: by
    how much of the larger one's side it falls short. mirrored: one is the mirror image.
    """

    alike: float = 0.0
    beyond: float = 0.0
    cut: float = 0.0
    mirrored: bool = False

    @property
    def is_copy(self) -> bool:
        """Whether one was made of the other."""
        return self.alike >= LEAST_ALIKE and self.beyond <= _BEYOND

    @property
    def is_unmoved(self) -> bool:
        """Whether both show the same almost everywhere, with nothing cut off."""
        is_whole = self.beyond <= _BEYOND and self.cut <= 2 * _BEYOND
        return is_whole and self.alike >= _UNMOVED


class _Laid(NamedTuple):
    """Where the smaller view lies in the larger one: offset and length per axis, in its sides."""

    left: float
    top: float
    width: float
    height: float


def small_pixels(webp: bytes) -> Image.Image:
    """Return a thumbnail in grey."""
    with Image.open(BytesIO(webp)) as image:
        return image.convert("L")


def compare(one: Image.Image, other: Image.Image) -> Comparison:
    """Return how two small grey pictures lie over each other."""
    best = max(_laid(one, other), key=lambda each: each[0], default=None)
    if best is None:
        return Comparison()
    _, larger, smaller, mirrored, laid = best
    return _refined(larger, smaller, laid)._replace(mirrored=mirrored)


def _laid(
    one: Image.Image, other: Image.Image
) -> Iterator[tuple[float, Image.Image, Image.Image, bool, _Laid]]:
    """Yield for each scale the best position of the smaller view, with its correlation.

    Either picture may be the smaller view, mirrored or not.
    """
    for larger, smaller in ((one, other), (other, one)):
        for mirrored in (False, True):
            view = ImageOps.mirror(smaller) if mirrored else smaller
            width, height = _sides(larger, _COARSE)
            spectrum = _Spectrum(_grey(larger, width, height))
            for scale in _SCALES if larger is one else _SCALES[1:]:
                fits = min(width, height * view.width / view.height)
                inner_width = round(scale * fits)
                inner_height = round(scale * fits * view.height / view.width)
                if min(inner_width, inner_height) < _LEAST_SIDE or inner_height > height:
                    break
                score, left, top = spectrum.best(_grey(view, inner_width, inner_height))
                laid = _Laid(left / width, top / height, inner_width / width, inner_height / height)
                yield score, larger, view, mirrored, laid


def summed(pixels: Grey) -> npt.NDArray[np.float64]:
    """Return (2, H + 1, W + 1): the sums of all pixels above and left, and of their squares."""
    sums = np.zeros((2, pixels.shape[0] + 1, pixels.shape[1] + 1))
    sums[:, 1:, 1:] = np.stack([pixels, pixels**2]).cumsum(1).cumsum(2)
    return sums


def sums_under(sums: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.float64]:
    """Return the sums of pixels and of squares under a window at all positions; sums: `summed`."""
    return (
        sums[:, height:, width:]
        - sums[:, :-height, width:]
        - sums[:, height:, :-width]
        + sums[:, :-height, :-width]
    )


class _Spectrum:
    """A picture in which others are looked for at all positions."""

    def __init__(self, pixels: Grey) -> None:
        self._shape = pixels.shape
        pixels = pixels - pixels.mean()
        self._spectrum = np.fft.rfft2(pixels)
        self._sums = summed(pixels)

    def best(self, view: Grey) -> tuple[float, int, int]:
        """Return the best correlation of a view with the part under it, and that part's corner."""
        view = view - view.mean()
        height, width = view.shape
        down, right = self._shape[0] - height + 1, self._shape[1] - width + 1
        found = np.fft.irfft2(self._spectrum * np.fft.rfft2(view, self._shape).conj(), self._shape)
        total, squares = sums_under(self._sums, width, height)
        energy = np.maximum(squares - total**2 / view.size, view.size) * max(
            float((view**2).sum()), view.size
        )
        scores = found[:down, :right] / np.sqrt(energy)
        top, left = np.unravel_index(int(scores.argmax()), scores.shape)
        return float(scores[top, left]), int(left), int(top)


def _refined(larger: Image.Image, smaller: Image.Image, laid: _Laid) -> Comparison:
    """Return the comparison after moving and stretching the smaller view until it fits best.

    Gauss-Newton on the differences, which count less the larger they are.
    """
    own = min(max(smaller.size), laid.width * larger.width * max(smaller.size) / smaller.width)
    width, height = _sides(smaller, min(_FINE, max(_COARSE / 2, _OF_OWN * own)))
    view = _grey(smaller, width, height)
    outer = _grey(larger, round(width / laid.width), round(height / laid.height))
    slopes = np.gradient(outer)
    sides = np.array([outer.shape[1], outer.shape[0]], np.float64)
    # Where pixel (x, y) of the view lies in the larger one: offset + stretch * (x, y).
    offset = np.array([laid.left, laid.top]) * sides
    stretch = np.array([laid.width, laid.height]) * sides / (width, height)
    across, down = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    centre = np.array([width / 2, height / 2])
    for _ in range(_ROUNDS):
        at = _positions(offset, stretch, width, height)
        laid_over, inside = _sampled(outer, *at)
        gain_x, gain_y = (_sampled(slope, *at)[0] for slope in (slopes[1], slopes[0]))
        columns = np.stack(
            [laid_over, np.ones_like(view), gain_x, gain_x * across, gain_y, gain_y * down], -1
        ).reshape(-1, 6)
        deviation = float(view.std()) or 1.0
        plain = _fitted(laid_over, view, inside)
        weights = inside / (1 + ((view - plain) / (_OUTLIER * deviation)) ** 2)
        scaled = columns * weights.reshape(-1, 1)
        normal = scaled.T @ columns + 1e-3 * np.eye(6)
        gain, _, *moved = np.linalg.solve(normal, scaled.T @ view.ravel())
        if gain <= 0.05:
            return Comparison()
        steps = np.array(moved) / gain
        offset += steps[[0, 2]]
        stretch += steps[[1, 3]]
        is_lost = np.any(np.abs(offset + stretch * centre - sides / 2) > sides)
        if is_lost or np.any(stretch < 0.5) or np.any(stretch > 2):
            return Comparison()
        if np.abs(steps[[0, 2]]).max() < 0.01 and np.abs(steps[[1, 3]]).max() < 1e-4:
            break
    start, end = offset / sides, (offset + stretch * (width, height)) / sides
    beyond = float(max(-start.min(), end.max() - 1, 0.0))
    cut = float(max(start.max(), 1 - end.min(), 0.0))
    laid_over, inside = _sampled(outer, *_positions(offset, stretch, width, height))
    if max(stretch) / min(stretch) > _MOST_SQUASHED:
        return Comparison(0.0, beyond, cut)
    return Comparison(_share_alike(laid_over, view, inside), beyond, cut)


def _fitted(laid_over: Grey, view: Grey, inside: npt.NDArray[np.bool_]) -> Grey:
    """Return what is laid over with the brightness and contrast of the view."""
    deviation = float(laid_over[inside].std()) if inside.any() else 0.0
    if not deviation:
        return np.full_like(view, view.mean())
    gain = float(view[inside].std()) / deviation
    fitted: Grey = (laid_over - laid_over[inside].mean()) * gain + view[inside].mean()
    return fitted


def _share_alike(laid_over: Grey, view: Grey, inside: npt.NDArray[np.bool_]) -> float:
    """Return the share of blocks, of those that show anything, that vary in the same way."""
    alike = compared = 0
    down, across = (min(_MOST_BLOCKS, max(2, round(side / _BLOCK_SIDE))) for side in view.shape)
    for rows in np.array_split(np.arange(view.shape[0]), down):
        for columns in np.array_split(np.arange(view.shape[1]), across):
            block = np.ix_(rows, columns)
            if len(rows) < 3 or len(columns) < 3 or not inside[block].all():
                continue
            one, other = view[block], laid_over[block]
            one, other = one - one.mean(), other - other.mean()
            deviations = float(one.std()), float(other.std())
            if max(deviations) < _FLAT:
                continue
            compared += 1
            product = max(deviations[0] * deviations[1], 1e-6)
            alike += float((one * other).mean()) / product >= _BLOCK_ALIKE
    return alike / compared if compared >= _LEAST_BLOCKS else 0.0


def _positions(
    offset: npt.NDArray[np.float64], stretch: npt.NDArray[np.float64], width: int, height: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return where the columns and the rows of the view lie in the larger one, in its pixels."""
    across = offset[0] + stretch[0] * (np.arange(width) + 0.5) - 0.5
    down = offset[1] + stretch[1] * (np.arange(height) + 0.5) - 0.5
    return across, down


def _sampled(
    pixels: Grey, across: npt.NDArray[np.float64], down: npt.NDArray[np.float64]
) -> tuple[Grey, npt.NDArray[np.bool_]]:
    """Return pixels at columns and rows between them, and which of those lie inside."""
    rows, above, below = _between(down, pixels.shape[0])
    columns, left, right = _between(across, pixels.shape[1])
    lines = pixels[rows] * above[:, None] + pixels[rows + 1] * below[:, None]
    found = (lines[:, columns] * left + lines[:, columns + 1] * right).astype(np.float32)
    is_row: npt.NDArray[np.bool_] = (down >= -0.5) & (down <= pixels.shape[0] - 0.5)
    is_column = (across >= -0.5) & (across <= pixels.shape[1] - 0.5)
    inside: npt.NDArray[np.bool_] = is_row[:, None] & is_column
    return found, inside


def _between(
    positions: npt.NDArray[np.float64], length: int
) -> tuple[npt.NDArray[np.intp], Grey, Grey]:
    """Return the pixel before each position, and the shares of it and of the next one."""
    clipped = np.clip(positions, 0, length - 1)
    before = np.minimum(clipped.astype(np.intp), length - 2)
    after = (clipped - before).astype(np.float32)
    return before, 1 - after, after


def _sides(image: Image.Image, longer: float) -> tuple[int, int]:
    scale = longer / max(image.size)
    return max(2, round(image.width * scale)), max(2, round(image.height * scale))


def _grey(image: Image.Image, width: int, height: int) -> Grey:
    """Return the picture in this size as an array."""
    resized = image.resize((max(2, width), max(2, height)), Image.Resampling.BOX)
    return np.asarray(resized, np.float32)
