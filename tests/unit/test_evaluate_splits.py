"""Splits and draws: by content alone, reproducible, and nested within one repeat."""

from __future__ import annotations

import numpy as np
import pytest

from rclip_like.evaluate.splits import (
    LEAST_NEAR,
    SPLIT_NAMES,
    TEST,
    TRAIN,
    VALIDATION,
    draw_ranks,
    draw_shots,
    hash_of_draw,
    nearness,
    split_by_content,
)


def _digests(number: int) -> list[bytes]:
    return [bytes([index % 256, index // 256]) * 16 for index in range(number)]


NUMBERS = np.repeat(np.arange(4), 25)
DIGESTS = _digests(100)


def test_a_split_gives_each_label_three_fifths_and_twice_one_fifth() -> None:
    splits = split_by_content(DIGESTS, NUMBERS, seed=0)
    for number in range(4):
        assert np.bincount(splits[number == NUMBERS]).tolist() == [15, 5, 5]
    assert SPLIT_NAMES[TRAIN] == "train"


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1]), (4, [2, 1, 1]), (10, [6, 2, 2])],
)
def test_small_labels_train_first_then_test_then_validate(number: int, expected: list[int]) -> None:
    splits = split_by_content(_digests(number), np.zeros(number, np.int64), seed=5)
    assert np.bincount(splits, minlength=3).tolist() == expected


def test_a_split_depends_on_contents_and_seed_and_not_on_the_order() -> None:
    splits = split_by_content(DIGESTS, NUMBERS, seed=0)
    order = np.random.default_rng(1).permutation(100)
    turned = split_by_content([DIGESTS[index] for index in order], NUMBERS[order], seed=0)
    assert np.array_equal(turned, splits[order])
    assert not np.array_equal(split_by_content(DIGESTS, NUMBERS, seed=1), splits)
    assert {TRAIN, VALIDATION, TEST} == set(splits.tolist())


def test_draws_are_nested_within_a_repeat_and_differ_between_repeats_and_seeds() -> None:
    draws = {k: set(draw_shots(DIGESTS, NUMBERS, 0, 0, k).tolist()) for k in (1, 2, 8, 16)}
    assert draws[1] < draws[2] < draws[8] < draws[16]
    assert draws[2] != set(draw_shots(DIGESTS, NUMBERS, 0, 1, 2).tolist())
    assert draws[2] != set(draw_shots(DIGESTS, NUMBERS, 1, 0, 2).tolist())
    again = draw_shots(DIGESTS, NUMBERS, 0, 0, 8)
    assert draws[8] == set(again.tolist())
    assert np.bincount(NUMBERS[again]).tolist() == [8, 8, 8, 8]


def test_a_draw_takes_all_of_a_label_that_has_fewer() -> None:
    numbers = np.array([0] * 3 + [1] * 20)
    drawn = draw_shots(_digests(23), numbers, 0, 0, 16)
    assert np.bincount(numbers[drawn]).tolist() == [3, 16]


def test_repeats_draw_each_picture_about_equally_often() -> None:
    counts = np.zeros(100)
    for repeat in range(400):
        counts[draw_shots(DIGESTS, NUMBERS, 0, repeat, 5)] += 1
    assert counts.mean() == 80
    assert abs(counts - 80).max() < 4.5 * np.sqrt(400 * 0.2 * 0.8)


def test_the_hash_of_a_draw_knows_no_order() -> None:
    assert hash_of_draw(DIGESTS[:5]) == hash_of_draw(DIGESTS[4::-1])
    assert hash_of_draw(DIGESTS[:5]) != hash_of_draw(DIGESTS[1:6])


def test_without_a_test_side_four_fifths_train() -> None:
    splits = split_by_content(DIGESTS, NUMBERS, seed=0, with_test=False)
    assert np.bincount(splits, minlength=3).tolist() == [80, 20, 0]


def test_ranks_are_those_at_which_each_label_is_drawn() -> None:
    ranks = draw_ranks(DIGESTS, NUMBERS, 0, 3)
    for number in range(4):
        assert sorted(ranks[number == NUMBERS].tolist()) == list(range(25))
    assert np.flatnonzero(ranks < 4).tolist() == draw_shots(DIGESTS, NUMBERS, 0, 3, 4).tolist()


def test_nearness_is_that_of_a_loop() -> None:
    random = np.random.default_rng(0)
    rows, others = random.normal(size=(2, 1500, 8)).astype(np.float32)
    numbers, other_numbers = random.integers(0, 3, (2, 1500))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (rows, others)]
    found = nearness(rows, numbers, others, other_numbers)
    for row, number, same, different in zip(
        unit[0], numbers, found.same, found.different, strict=True
    ):
        cosines = unit[1] @ row
        assert same == pytest.approx(cosines[other_numbers == number].max(), abs=1e-5)
        assert different == pytest.approx(cosines[other_numbers != number].max(), abs=1e-5)
    assert 0.009 <= (found.different > found.cosine).mean() <= 0.01 or found.cosine == LEAST_NEAR
    nothing = nearness(rows[:0], numbers[:0], others, other_numbers)
    assert (nothing.cosine, len(nothing.is_near)) == (LEAST_NEAR, 0)


def test_the_threshold_of_near_copies_follows_the_model() -> None:
    random = np.random.default_rng(1)
    others = random.normal(size=(200, 16)).astype(np.float32)
    numbers = np.repeat([0, 1], 100)
    copies = others + 0.05 * random.normal(size=others.shape).astype(np.float32)
    strangers = random.normal(size=others.shape).astype(np.float32)
    for shift in (0, 20):  # with a shift all cosines are above 0.99, as of some models
        found = nearness(copies + shift, numbers, others + shift, numbers)
        assert found.is_near.mean() > 0.9
        assert nearness(strangers + shift, numbers, others + shift, numbers).is_near.mean() < 0.05
