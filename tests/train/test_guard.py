"""Steps that must not be taken."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from rclip_like.cli.remedies import said
from rclip_like.errors import TrainingError
from rclip_like.train.guard import FEW_STEPS, Guard, mean_cosine, stop_unless_finite
from rclip_like.train.values import StepFigures

CHANCE = math.log(8)


def _figures(
    step: int = 1, loss: float = 1.0, norm: float = 1.0, alike: float = 0.3
) -> StepFigures:
    return StepFigures(step, 8, loss, 0.0, CHANCE, 20.0, norm, 1e-3, (alike, 0.2))


def _guard(saved_step: int = 0) -> Guard:
    guard = Guard(lambda: ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], lambda: saved_step)
    for step in range(1, FEW_STEPS + 1):
        guard(_figures(step))
    return guard


@pytest.mark.parametrize("broken", [{"loss": math.nan}, {"norm": math.inf}])
def test_a_step_that_is_not_finite_is_not_taken(broken: dict[str, float]) -> None:
    with pytest.raises(TrainingError, match=r"of step 1 (is nan|are not finite)"):
        stop_unless_finite(_figures(**broken))
    with pytest.raises(TrainingError, match=r"of step 1 (is nan|are not finite)"):
        Guard(list, lambda: 0)(_figures(**broken))


def test_what_stops_a_run_names_files_and_checkpoint_and_says_what_may_help() -> None:
    with pytest.raises(TrainingError) as caught:
        _guard(20)(_figures(21, math.nan))
    assert said(caught.value) == (
        "stopped: the loss of step 21 is nan; the batch holds a.jpg, b.jpg, c.jpg and 1 more; the "
        "last checkpoint is of step 20; begin anew in another --output with a smaller --lr, or "
        "see whether these pictures and captions are what they should be"
    )


def test_embeddings_that_became_alike_at_the_loss_of_chance_stop_the_run() -> None:
    with pytest.raises(TrainingError, match="by step 21 all pictures have become alike"):
        _guard()(_figures(21, CHANCE, alike=0.9999))


def test_a_loss_of_chance_alone_and_a_single_high_loss_stop_nothing() -> None:
    guard = _guard()
    guard(_figures(21, CHANCE))
    guard(_figures(22, 5 * CHANCE))


def test_a_loss_that_stays_far_above_chance_stops_the_run() -> None:
    guard, steps = _guard(), iter(range(21, 21 + FEW_STEPS))

    def learn_on() -> None:
        for step in steps:
            guard(_figures(step, 4 * CHANCE))

    with pytest.raises(TrainingError, match=r"mere guessing has 2\.08"):
        learn_on()
    assert next(steps) > 30


def test_small_losses_that_vary_where_most_pairs_are_equal_stop_nothing() -> None:
    guard = Guard(list, lambda: 0)
    for step in range(1, 5 * FEW_STEPS):
        guard(_figures(step, 0.05 if step <= FEW_STEPS else 0.4)._replace(chance=0.1))


def test_the_mean_cosine_is_that_of_all_pairs_of_rows() -> None:
    rows_ND = F.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)))
    cosines_NN = rows_ND @ rows_ND.T
    others = cosines_NN[~torch.eye(7, dtype=torch.bool)]
    assert float(mean_cosine(rows_ND)) == pytest.approx(float(others.mean()), abs=1e-6)
    assert mean_cosine(rows_ND[:1]).isnan()
