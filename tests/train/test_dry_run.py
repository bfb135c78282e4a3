"""What is said of a run before it, without a step or a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rclip_like.errors import TrainingError
from rclip_like.train.dry_run import dry_run
from rclip_like.train.estimate import estimate
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.start import load_start

MakeData = Callable[..., Path]


@pytest.fixture
def settings(captioned: MakeData, tiny_model: Path, tmp_path: Path) -> TrainSettings:
    return TrainSettings(captioned(24), tmp_path / "out", str(tiny_model), folds=0)


def test_a_dry_run_tells_what_there_is_and_writes_nothing(settings: TrainSettings) -> None:
    (settings.data / "003.txt").write_text("")
    (settings.data / "004.txt").write_text("word " * 60)
    before = sorted(settings.data.parent.rglob("*"))
    found = dry_run(settings)
    assert sorted(settings.data.parent.rglob("*")) == before
    assert (found.num_pairs, found.num_captions, len(found.cut)) == (23, 45, 1)
    assert [Path(name).name for name, _ in found.examples] == ["000.png", "001.png", "002.png"]
    assert [Path(each.path.decode()).name for each in found.skipped] == ["003.png"]
    assert (found.plan.preset, found.num_phases, found.retention) == ("head", 1, None)
    assert found.num_trained == 2 * 32 * 32 + 1
    assert found.num_trained < found.num_parameters
    assert found.estimate.seconds > 0
    assert found.estimate.free_bytes > found.estimate.peak_bytes > 1e8
    assert found.estimate.disk_bytes == 0


def test_a_run_does_what_the_dry_run_says(settings: TrainSettings) -> None:
    settings = replace(settings, preset="last", loop=LoopOptions(epochs=2, batch_size=6))
    found, report = dry_run(settings), train(settings)
    assert report.plan == found.plan
    assert report.num_captions == found.num_captions
    assert report.num_steps <= found.num_steps


def test_pixels_of_an_unlocked_tower_take_room_on_the_disk(settings: TrainSettings) -> None:
    found = dry_run(replace(settings, unlock_image_tower=True))
    assert found.plan.augments
    assert found.estimate.disk_bytes > 24 * 3 * 32 * 32


def test_an_estimate_changes_neither_the_model_nor_the_random_state(
    settings: TrainSettings,
) -> None:
    start = load_start(replace(settings, unlock_image_tower=True), None)
    values = {name: value.clone() for name, value in start.towers.model.state_dict().items()}
    random = torch.get_rng_state()
    estimate(start)
    assert torch.equal(torch.get_rng_state(), random)
    for name, value in start.towers.model.state_dict().items():
        assert torch.equal(value, values[name])


def test_data_that_cannot_be_trained_on_is_refused_as_by_a_run(
    settings: TrainSettings, captioned: MakeData
) -> None:
    with pytest.raises(TrainingError, match="at least two pairs"):
        dry_run(replace(settings, data=captioned(1, "one")))
