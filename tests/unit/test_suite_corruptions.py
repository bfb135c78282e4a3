"""Corruptions of squares: what they change, by how much, and that they are the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from rclip_like.measure.suite.corruptions import (
    CORRUPTIONS,
    LEVELS,
    Corruption,
    corrupted,
    generator_of,
)

EACH = pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda each: each.key)
SIZES = (32, 75, 224)


def scene(number: int = 0, size: int = 128) -> np.ndarray:
    """Return a smooth picture with fine stripes, uint8 (S, S, 3)."""
    drawn = np.random.default_rng(number)
    x, y = np.meshgrid(np.linspace(0, 1, size), np.linspace(0, 1, size))
    waves = [np.sin(20 * drawn.random() * x + 30 * drawn.random() * y) for _ in range(3)]
    return (127 + 90 * np.stack(waves, -1) + drawn.integers(0, 20, (size, size, 1))).astype(
        np.uint8
    )


@EACH
@pytest.mark.parametrize("size", SIZES)
def test_a_corrupted_picture_has_the_size_and_type_of_the_picture(
    corruption: Corruption, size: int
) -> None:
    for level in LEVELS:
        changed = corrupted(scene(size=size), b"digest", corruption, level, seed=0)
        assert changed.shape == (size, size, 3)
        assert changed.dtype == np.uint8


@EACH
def test_level_and_strength_zero_change_nothing(corruption: Corruption) -> None:
    picture = scene()
    unchanged = corruption.change(picture, 0.0, generator_of(0))
    np.testing.assert_array_equal(corrupted(picture, b"", corruption, 0, seed=0), picture)
    np.testing.assert_array_equal(unchanged, picture)


@EACH
def test_a_stronger_corruption_leaves_less_of_the_picture(corruption: Corruption) -> None:
    pictures = [scene(number) for number in range(8)]
    errors = [
        np.mean(
            [
                np.abs(corrupted(each, bytes([n]), corruption, level, 0) - each.astype(float))
                for n, each in enumerate(pictures)
            ]
        )
        for level in (0, *LEVELS)
    ]
    assert errors == sorted(errors)
    assert errors[1] > 0


@EACH
def test_a_corruption_leaves_the_picture_it_is_given_as_it_is(corruption: Corruption) -> None:
    picture = scene()
    before = picture.copy()
    picture.flags.writeable = False
    corrupted(picture, b"", corruption, 5, seed=0)
    np.testing.assert_array_equal(picture, before)


@EACH
def test_what_is_drawn_depends_on_seed_content_and_level_alone(corruption: Corruption) -> None:
    first = corrupted(scene(), b"one", corruption, 3, seed=7)
    for number in range(5):  # other pictures in between, as in another batch
        corrupted(scene(number), bytes([number]), corruption, 2, seed=7)
    np.testing.assert_array_equal(corrupted(scene(), b"one", corruption, 3, seed=7), first)


@pytest.mark.parametrize("key", ["noise", "motion", "fog", "mask"])
def test_another_seed_or_content_draws_anew(key: str) -> None:
    (corruption,) = (each for each in CORRUPTIONS if each.key == key)
    first = corrupted(scene(), b"one", corruption, 4, seed=7)
    assert (corrupted(scene(), b"two", corruption, 4, seed=7) != first).any()
    assert (corrupted(scene(), b"one", corruption, 4, seed=8) != first).any()


def test_strengths_rise_and_have_names_of_their_own() -> None:
    assert len({each.key for each in CORRUPTIONS}) == len(CORRUPTIONS) == 9
    for corruption in CORRUPTIONS:
        assert len(corruption.strengths) == len(LEVELS)
        assert list(corruption.strengths) == sorted(set(corruption.strengths))


def test_masks_hide_the_share_that_they_name() -> None:
    (mask,) = (each for each in CORRUPTIONS if each.key == "mask")
    black = np.zeros((224, 224, 3), np.uint8)
    for level, share in zip(LEVELS, mask.strengths, strict=True):
        hidden = (corrupted(black, b"", mask, level, 0) > 0).all(-1).mean()
        assert hidden == pytest.approx(share, abs=0.005)


def test_noise_has_the_deviation_that_it_names() -> None:
    (noise,) = (each for each in CORRUPTIONS if each.key == "noise")
    grey = np.full((224, 224, 3), 127, np.uint8)
    changed = corrupted(grey, b"", noise, 1, 0).astype(float)
    assert changed.std() == pytest.approx(noise.strengths[0] * 255, rel=0.02)


def test_motion_blurs_a_uniform_picture_into_itself() -> None:
    (motion,) = (each for each in CORRUPTIONS if each.key == "motion")
    grey = np.full((64, 64, 3), 131, np.uint8)
    np.testing.assert_array_equal(corrupted(grey, b"", motion, 5, 0), grey)
