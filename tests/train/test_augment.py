"""Crops and mirror images: where they lie, what they show, and what they depend on."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rclip_like.train.augment import Crop, can_be_mirrored, cut, draw_crop, finer_size

BIG = np.random.default_rng(0).integers(0, 256, (37, 37, 3), dtype=np.uint8)


def crops(number: int, *, seed: int = 0, epoch: int = 0, may_mirror: bool = True) -> list[Crop]:
    return [
        draw_crop(32, 37, seed=seed, epoch=epoch, row=row, may_mirror=may_mirror)
        for row in range(number)
    ]


def test_crops_lie_within_the_finer_square_and_use_all_of_it() -> None:
    drawn = crops(2000)
    assert {crop.side for crop in drawn} == set(range(32, 38))
    assert min(crop.left for crop in drawn) == min(crop.top for crop in drawn) == 0
    assert max(crop.left + crop.side for crop in drawn) == 37
    assert max(crop.top + crop.side for crop in drawn) == 37
    assert 900 < sum(crop.is_mirrored for crop in drawn) < 1100


def test_a_crop_is_a_function_of_seed_epoch_and_row() -> None:
    assert crops(50) == crops(50)
    assert crops(50) != crops(50, seed=1)
    assert crops(50) != crops(50, epoch=1)
    assert len(set(crops(50))) > 30


def test_where_no_mirror_image_is_allowed_the_rest_is_drawn_the_same() -> None:
    plain = crops(50, may_mirror=False)
    assert not any(crop.is_mirrored for crop in plain)
    assert [crop[:3] for crop in plain] == [crop[:3] for crop in crops(50)]


def test_a_crop_of_the_models_size_keeps_its_pixels() -> None:
    assert np.array_equal(cut(BIG, Crop(2, 3, 32, False), 32), BIG[3:35, 2:34])
    assert np.array_equal(cut(BIG, Crop(2, 3, 32, True), 32), BIG[3:35, 2:34][:, ::-1])


def test_a_larger_crop_is_resized_as_pillow_resizes_to_a_level() -> None:
    found = cut(BIG, Crop(1, 0, 36, False), 32)
    part = Image.fromarray(np.ascontiguousarray(BIG[:36, 1:37]))
    expected = np.asarray(part.resize((32, 32), Image.Resampling.BICUBIC))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_finer_square_has_a_seventh_more() -> None:
    assert [finer_size(size) for size in (32, 224, 336)] == [37, 258, 386]


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (("a dog",), True),
        (("a dog", "a dog to the left of a cat"), False),
        (("The Right hand",), False),
        (("the leftmost chair",), False),
        (("rechts ein Baum",), False),
        (("à gauche, un arbre",), False),
        (("bright leftovers in an upright box",), True),
        ((), True),
    ],
)
def test_pictures_whose_captions_tell_left_from_right_are_not_mirrored(
    captions: tuple[str, ...], expected: bool
) -> None:
    assert can_be_mirrored(captions) == expected
