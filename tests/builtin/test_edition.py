"""What two editions of the built-in model are compared on: copies of photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
from bench.edition_copies import KINDS, copies
from PIL import Image
from planted_copies import scene
from recipe.photos import Photo


def _photo() -> Photo:
    stream = io.BytesIO()
    scene(3, (224, 224)).save(stream, "JPEG", quality=95)
    return Photo("a", stream.getvalue(), "drawn", "open")


def _pixels(photo: Photo) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo.data)).convert("RGB"), np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_is_another_file_and_the_same_each_time(kind: str) -> None:
    photo = _photo()
    first, second = copies([photo, photo], kind)
    assert first.data == second.data != photo.data
    assert first.key == photo.key


def test_a_quarter_is_of_the_pixels_or_of_the_width() -> None:
    sizes = [
        _pixels(copies([_photo()], f"a quarter of the {what}")[0]).shape[:2]
        for what in ("pixels", "width")
    ]
    assert sizes == [(112, 112), (56, 56)]


def test_a_mirrored_copy_is_close_to_the_mirrored_photo() -> None:
    copy = _pixels(copies([_photo()], "mirrored")[0])
    assert (
        np.abs(copy[:, ::-1] - _pixels(_photo())).mean() < 5 < np.abs(copy - copy[:, ::-1]).mean()
    )


def test_a_watermark_brightens_a_part_of_the_photo() -> None:
    change = _pixels(copies([_photo()], "watermarked across")[0]) - _pixels(_photo())
    assert 0.05 < (change.max(axis=2) > 20).mean() < 0.6
