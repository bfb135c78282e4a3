"""What comes of phases: one step for all folds, and figures that it has not chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.testing import assert_array_equal

from rclip_like.evaluate.retrieval import Positives, retrieve
from rclip_like.train.held_out import RECALL_AT, HeldOut
from rclip_like.train.outcome import (
    LEAST_STEPS,
    PATIENCE,
    Look,
    Outcome,
    common_step,
    held_out_by_alpha,
    restored,
    storable,
)


def held_out(seed: int) -> HeldOut:
    rows = np.eye(6, dtype=np.float32)[np.random.default_rng(seed).permutation(6)]
    own = Positives(np.arange(7), np.arange(6))
    found = retrieve(rows, np.eye(6, dtype=np.float32), own, RECALL_AT)
    return HeldOut(np.arange(6), np.arange(6), found, found, float(seed))


def fold(losses: dict[int, float]) -> Outcome:
    looks = {step: Look(loss, {1.0: held_out(step)}) for step, loss in losses.items()}
    looks[0] = Look(9.0, {0.0: held_out(0)})
    return Outcome(num_steps=max(losses), looks=looks, best_step=min(losses, key=losses.get))


FOLDS = [
    fold({10: 1.0, 20: 3.0, 30: 3.0, 40: 0.0}),
    fold({10: 5.0, 20: 2.0, 30: 2.5}),
    fold({10: 5.0, 20: 3.0, 30: 2.0}),
]


def test_the_common_step_is_best_on_the_mean_curve_where_all_folds_were_looked_at() -> None:
    assert [each.best_step for each in FOLDS] == [40, 20, 30]
    assert common_step(FOLDS) == 30


def test_a_fold_is_measured_at_the_step_that_the_others_choose() -> None:
    last = Outcome(num_steps=30, looks={30: Look(0.0, {})}, best_step=30)
    found = held_out_by_alpha([*FOLDS, last])
    # Without the first, 30 has 4.5; without the second, 30 has 5.0; without the third, 20 has 5.0.
    assert [part[1.0].loss for part in found] == [30.0, 30.0, 20.0]
    assert [part[0.0].loss for part in found] == [0.0, 0.0, 0.0]


def test_a_fold_that_ends_before_the_step_of_the_others_is_measured_where_it_was_looked_at() -> (
    None
):
    falling = {10: 5.0, 20: 4.0, 30: 1.0}
    last = Outcome(num_steps=20, looks={20: Look(0.0, {})}, best_step=20)
    found = held_out_by_alpha([fold(falling), fold(falling), fold({10: 1.0, 20: 2.0}), last])
    assert found[2][1.0].loss == 20.0


def test_one_share_is_measured_at_its_best_step_and_nothing_where_nothing_is_held_out() -> None:
    assert held_out_by_alpha([FOLDS[1]])[0][1.0].loss == 20.0
    assert held_out_by_alpha([Outcome(num_steps=5, looks={5: Look(0.0, {})}, best_step=5)]) == []


def test_a_phase_ends_after_looks_without_gain_but_not_before_the_least_steps() -> None:
    steps = range(10, 10 * (PATIENCE + 2), 10)
    outcome = fold({step: float(step) for step in steps})
    assert not outcome.has_flattened()
    outcome.num_steps = LEAST_STEPS
    assert outcome.has_flattened()
    outcome.best_step = 20
    assert not outcome.has_flattened()


def test_a_later_equal_loss_is_as_good_and_a_higher_one_is_not() -> None:
    outcome = fold({10: 2.0, 20: 2.0, 30: 2.1})
    assert [outcome.is_best(step) for step in (10, 20, 30)] == [True, True, False]


def test_an_outcome_comes_back_from_a_checkpoint_as_it_was(tmp_path: Path) -> None:
    outcome = fold({10: 1.0, 20: 0.5})
    outcome.parameters = {"weight": torch.ones(2)}
    torch.save(storable(outcome), tmp_path / "state")
    again = restored(torch.load(tmp_path / "state", weights_only=True))
    assert (again.num_steps, again.best_step, [*again.looks]) == (20, 20, [*outcome.looks])
    for step in (10, 20):
        first, second = outcome.by_alpha(step), again.by_alpha(step)
        assert [*first] == [*second] == [0.0, 1.0]
        assert_array_equal(first[1.0].of_texts.ranks, second[1.0].of_texts.ranks)
        assert_array_equal(first[1.0].of_texts.hits[5], second[1.0].of_texts.hits[5])
        assert first[1.0].of_texts.num_targets == second[1.0].of_texts.num_targets
    assert torch.equal(again.parameters["weight"], torch.ones(2))
