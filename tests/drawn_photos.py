"""Photos of the starter set's form with drawn pixels."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from recipe.photos import Photo


def drawn_photo(number: int, places: tuple[int, int] = (9, 12)) -> Photo:
    """Return a photo of 180 x 240 pixels made of so many rows and columns of random colours."""
    generator = np.random.default_rng(number)
    pixels = generator.integers(0, 255, (*places, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((240, 180)).save(stream, "PNG")
    return Photo(str(number), stream.getvalue(), "drawn", "open")
