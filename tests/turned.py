"""Pictures as a camera that was held askew stores them."""

from __future__ import annotations

from PIL import Image

ORIENTATIONS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(upright: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as stored where a viewer that obeys the tag shows it upright."""
    method = ORIENTATIONS[orientation]
    return upright if method is None else upright.transpose(method)
