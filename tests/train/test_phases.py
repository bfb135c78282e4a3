"""Which pairs each phase learns from: by content, with near copies on one side."""

from __future__ import annotations

import blake3
import numpy as np
import pytest

from rclip_like.train.phases import groups_of_copies, phases_of


def digests(number: int) -> list[bytes]:
    return [blake3.blake3(str(row).encode()).digest() for row in range(number)]


def unit_rows(number: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, 64)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def with_bursts(rows: np.ndarray, length: int) -> np.ndarray:
    """Return rows of which each `length` in turn are nearly the same."""
    shaken = np.repeat(rows[::length], length, axis=0) + 0.01 * rows
    return shaken / np.linalg.norm(shaken, axis=1, keepdims=True)


def test_every_pair_is_held_out_once_and_the_last_phase_learns_from_all() -> None:
    *folds, last = phases_of(np.arange(23), None, num_folds=5, share=0.1, seed=0)
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(23))
    assert {len(fold.held_out) for fold in folds} == {4, 5}
    assert all(len({*fold.members, *fold.held_out}) == 23 for fold in folds)
    assert (len(last.members), len(last.held_out), last.is_fold) == (23, 0, False)


@pytest.mark.parametrize("num_folds", [0, 5])
def test_bursts_of_one_scene_fall_on_one_side(num_folds: int) -> None:
    groups = groups_of_copies(with_bursts(unit_rows(60), 3), digests(60))
    assert [len(set(groups[row : row + 3])) for row in range(0, 60, 3)] == [1] * 20
    for phase in phases_of(groups, None, num_folds=num_folds, share=0.2, seed=1):
        assert not {*groups[phase.members]} & {*groups[phase.held_out]}


def test_equal_pictures_are_of_one_group_whatever_the_model_sees() -> None:
    contents = digests(20)
    contents[7] = contents[3]
    groups = groups_of_copies(unit_rows(20), contents)
    assert groups[7] == groups[3]
    assert len(set(groups)) == 19


def test_pictures_that_are_all_alike_are_not_one_group() -> None:
    coins = unit_rows(1) + 0.04 * unit_rows(40, seed=1)
    coins /= np.linalg.norm(coins, axis=1, keepdims=True)
    assert (coins @ coins.T).min() > 0.9
    assert len(set(groups_of_copies(coins, digests(40)))) == 40


def test_the_held_out_share_goes_by_content_and_not_by_order() -> None:
    contents, rows = digests(50), unit_rows(50)
    order = np.random.default_rng(1).permutation(50)
    groups = groups_of_copies(rows, contents)
    shuffled = groups_of_copies(rows[order], [contents[row] for row in order])
    (phase,) = phases_of(groups, None, num_folds=0, share=0.2, seed=0)
    (other,) = phases_of(shuffled, None, num_folds=0, share=0.2, seed=0)
    assert len(phase.held_out) == 10
    assert {*order[other.held_out]} == {*phase.held_out}


def test_each_label_is_spread_over_the_folds() -> None:
    labels = np.repeat(np.arange(4), 10)
    *folds, _ = phases_of(np.arange(40), labels, num_folds=5, share=0.1, seed=0)
    assert all(np.bincount(labels[fold.held_out]).tolist() == [2] * 4 for fold in folds)


def test_too_few_pictures_for_folds_have_nothing_held_out() -> None:
    phases = phases_of(np.zeros(12, np.int64), None, num_folds=5, share=0.1, seed=0)
    assert [len(phase.held_out) for phase in phases] == [0]


@pytest.mark.parametrize("number", [2, 3, 9])
def test_a_single_picture_is_not_held_out(number: int) -> None:
    [phase] = phases_of(np.arange(number), None, num_folds=0, share=0.1, seed=0)
    assert (len(phase.members), len(phase.held_out)) == (number, 0)


def test_a_share_that_leaves_one_picture_is_not_held_out() -> None:
    [phase] = phases_of(np.array([0, 0, 1]), None, num_folds=0, share=0.1, seed=0)
    assert (len(phase.members), len(phase.held_out)) == (3, 0)
