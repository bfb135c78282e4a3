"""What a plan trains, by the number of pairs, the model, the machine and what was asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rclip_like.errors import TrainingError, UsageError
from rclip_like.train.plan import Plan, make_plan
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.work import Machine, Work

SETTINGS = TrainSettings(data=Path("data"), output=Path("out"))
SMALL = Work(image=1e8, text=1e7, splits_text=True)
LARGE = Work(image=1e10, text=1e9, splits_text=True)


class _Model:
    visual = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3))


def plan(num_pairs: int, work: Work = SMALL, *, measures: bool = True, **asked: Any) -> Plan:
    settings = replace(SETTINGS, **asked)
    machine = Machine("cpu", num_threads=2)
    return make_plan(settings, num_pairs, _Model(), work, machine, measures_pictures=measures)


@pytest.mark.parametrize(
    ("num_pairs", "preset", "folds"),
    [(200, "head", 5), (999, "head", 5), (1000, "last", 0), (10_000, "all", 0)],
)
def test_more_is_trained_on_more_pairs(num_pairs: int, preset: str, folds: int) -> None:
    made = plan(num_pairs)
    assert (made.preset, made.folds) == (preset, folds)
    assert made.locks_image_tower == made.locks_text_tower == (preset == "head")
    assert made.augments != made.locks_image_tower
    assert made.notes == ()


def test_pictures_are_not_augmented_where_that_is_asked_for() -> None:
    assert plan(1000).augments
    assert not plan(1000, augments=False).augments


def test_what_takes_hours_is_left_out_and_that_is_said() -> None:
    made = plan(50_000, LARGE)
    assert made.locks_image_tower
    assert "(both towers), but that would take longer than 1 h on this machine" in made.notes[0]
    assert plan(50_000, LARGE, preset="all").notes == ()


def test_without_a_measure_of_what_it_forgets_the_image_tower_stays_locked() -> None:
    made = plan(20_000, measures=False)
    assert made.preset == "all"
    assert made.locks_image_tower
    assert "no other pictures on which to measure what it forgets" in made.notes[0]
    assert not plan(20_000, measures=False, unlock_image_tower=True).locks_image_tower
    assert plan(20_000, measures=True, lock_image_tower=True).notes == ()


def test_an_unlocked_image_tower_trains_layers_however_few_the_pairs() -> None:
    assert plan(50, unlock_image_tower=True).preset == "last"


@pytest.mark.parametrize("num_pairs", [2, 9, 60, 200, 999, 5000, 50_000])
def test_there_are_at_least_a_hundred_steps_and_no_batch_exceeds_the_pairs(num_pairs: int) -> None:
    loop = plan(num_pairs).loop
    per_epoch = -(-num_pairs // loop.batch_size)
    assert max(loop.epochs * per_epoch, loop.least_steps) >= 100
    assert loop.batch_size <= num_pairs


def test_the_rate_rises_over_an_epoch_at_most() -> None:
    loop = plan(40, preset="all", folds=0).loop
    num_steps = max(loop.epochs * 2, loop.least_steps)
    assert loop.batch_size == 32
    assert round(loop.warm_up * num_steps) <= 2
    assert plan(20_000, loop=LoopOptions(epochs=40)).loop.warm_up == pytest.approx(0.025)


def test_what_was_asked_for_holds() -> None:
    asked = LoopOptions(epochs=3, batch_size=7, lr=1e-3, weight_decay=0.3, piece_size=2)
    loop = plan(200, preset="all", loop=asked).loop
    assert (loop.epochs, loop.batch_size, loop.lr, loop.least_steps) == (3, 7, 1e-3, 0)
    assert (loop.weight_decay, loop.piece_size) == (0.3, 2)


def test_too_few_pairs_for_folds_have_none() -> None:
    assert plan(9).folds == 0
    assert plan(10).folds == 5
    with pytest.raises(UsageError, match="5 folds need 10 pairs, and there are 9"):
        plan(9, folds=5)


def test_a_text_tower_that_cannot_be_split_runs_whole() -> None:
    assert not plan(200, SMALL._replace(splits_text=False)).locks_text_tower


def test_lora_says_where_there_is_no_attention() -> None:
    made = plan(5000, preset="lora")
    assert made.notes == ("the image tower has no attention layers, so lora leaves it as it is",)


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(UsageError, match="both locked and unlocked"):
        plan(200, lock_image_tower=True, unlock_image_tower=True)
    with pytest.raises(UsageError, match="the preset head"):
        plan(200, preset="head", unlock_image_tower=True)
    with pytest.raises(UsageError, match="1 fold"):
        plan(200, folds=1)
    with pytest.raises(TrainingError, match="at least two pairs"):
        plan(1)
