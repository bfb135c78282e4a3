"""Labels, watermarks and shapes: where they are drawn, and that they are the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.drawing import is_drawable, labelled, shapes, watermarked

GREY = np.full((224, 224, 3), 90, np.uint8)


def box_of(picture: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero((picture != GREY).any(-1))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.mark.parametrize("text", ["iPod", "a", "English springer spaniel", "xk qvz"])
def test_every_text_has_a_label_of_the_same_size_at_the_same_place(text: str) -> None:
    blank = labelled(GREY, "")
    written = labelled(GREY, text)
    assert box_of(written) == box_of(blank)
    outside = (blank == GREY).all(-1)
    np.testing.assert_array_equal(written[outside], GREY[outside])
    assert (written < 60).any(), "something is written in black"


def test_the_blank_label_is_white_alone() -> None:
    top, bottom, left, right = box_of(labelled(GREY, ""))
    assert (labelled(GREY, "")[top : bottom + 1, left : right + 1] == 255).all()


@pytest.mark.parametrize("size", [32, 224, 336])
def test_drawn_pictures_have_the_size_of_what_they_are_drawn_on(size: int) -> None:
    picture = np.zeros((size, size, 3), np.uint8)
    for drawn in (
        labelled(picture, "red car"),
        watermarked(picture, "SAMPLE"),
        shapes(size, 3, generator_of(0)),
    ):
        assert drawn.shape == picture.shape
        assert drawn.dtype == np.uint8


def test_two_watermarks_differ_and_leave_most_of_the_picture() -> None:
    light, dark = watermarked(GREY, "SAMPLE"), watermarked(GREY, "PREVIEW", is_dark=True)
    assert light.max() > 90 > dark.min()
    assert light.min() == dark.max() == 90
    for each in (light, dark):
        assert 0.05 < (each != GREY).any(-1).mean() < 0.5


@pytest.mark.parametrize("number", range(1, 11))
def test_so_many_shapes_are_drawn_and_none_touch(number: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    for seed in range(5):
        picture = shapes(224, number, generator_of(seed, number))
        is_shape = (picture != picture[0, 0]).any(-1)
        assert ndimage.label(is_shape, np.ones((3, 3)))[1] == number
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2


def test_shapes_are_the_same_for_the_same_seed() -> None:
    first = shapes(64, 4, generator_of(1, "a"))
    np.testing.assert_array_equal(shapes(64, 4, generator_of(1, "a")), first)
    assert (shapes(64, 4, generator_of(2, "a")) != first).any()


@pytest.mark.parametrize(
    ("text", "expected"), [("red car", True), ("", False), ("  ", False), ("猫", False)]
)
def test_what_the_typeface_lacks_is_not_drawable(text: str, expected: bool) -> None:
    assert is_drawable(text) is expected
