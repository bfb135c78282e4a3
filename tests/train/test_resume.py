"""A run that was killed, again and again, ends in the bits of one that was not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from killed_training import Moment, run_and_be_killed

from rclip_like.errors import TrainingError
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import TrainProgress

WEIGHTS = "open_clip_model.safetensors"
OnProgress = Callable[[TrainProgress], None]

MOMENTS: list[Moment] = [
    ("reading", "", 7),
    ("learning", "fold 1 of 3", 2),
    ("measuring", "fold 2 of 3", 0),
    ("saving", "", 3),
    ("learning", "training", 1),
    ("writing", "", 0),
]
"""Where a run is killed: its stage, its phase, and the step or how many checkpoints it has."""


@pytest.fixture
def settings(captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> TrainSettings:
    """Return a run with dropout, folds, and pictures kept for a trained image tower."""
    folder = shutil.copytree(tiny_model, tmp_path / "dropping")
    described = json.loads((folder / "open_clip_config.json").read_text())
    described["model_cfg"]["vision_cfg"]["patch_dropout"] = 0.5
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return TrainSettings(
        data=captioned(18),
        output=tmp_path / "out",
        model=str(folder),
        preset="all",
        unlock_image_tower=True,
        loop=LoopOptions(epochs=1, batch_size=6, lr=1e-3),
        folds=3,
        alpha=0.75,
        checkpoint_seconds=0,
    )


def digest(output: Path) -> str:
    return hashlib.sha256((output / WEIGHTS).read_bytes()).hexdigest()


@pytest.mark.skipif(os.name == "nt", reason="signals of Unix")
def test_a_run_killed_at_every_stage_ends_in_the_same_bits(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    whole = replace(settings, output=settings.output.with_name("whole"))
    expected = train(whole)
    for moment in MOMENTS:
        assert run_and_be_killed(settings, moment) == -signal.SIGKILL, moment
    seen: list[TrainProgress] = []
    report = train(settings, on_progress=seen.append)
    assert digest(settings.output) == digest(whole.output)
    assert report.gain.keys() == expected.gain.keys()
    assert report.gain[0.75].deciding == expected.gain[0.75].deciding
    assert not [each for each in seen if each.stage != "measuring"]
    assert {path.name for path in settings.output.iterdir()} == {
        path.name for path in whole.output.iterdir()
    }


def stop_at(title: str, step: int) -> OnProgress:
    def on_progress(at: TrainProgress) -> None:
        if (at.stage, at.title, at.step) == ("learning", title, step):
            raise KeyboardInterrupt

    return on_progress


def test_a_run_stopped_in_its_first_step_decodes_nothing_again(settings: TrainSettings) -> None:
    settings = replace(settings, checkpoint_seconds=60)
    with pytest.raises(KeyboardInterrupt):
        train(settings, on_progress=stop_at("fold 1 of 3", 1))
    seen: list[TrainProgress] = []
    train(settings, on_progress=seen.append)
    assert not [each for each in seen if each.stage == "reading"]


def test_another_number_of_threads_is_refused_with_the_one_it_had(settings: TrainSettings) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(replace(settings, threads=1), on_progress=stop_at("fold 1 of 3", 2))
    try:
        with pytest.raises(TrainingError, match=r"another number of threads; set threads to 1"):
            train(replace(settings, threads=2))
    finally:
        torch.set_num_threads(1)


def damaged(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a checkpoint may have become within."""
    current, outcome = state["current"], state["current"]["outcome"]
    return [
        state | {"finished": 5},
        state | {"finished": [5]},
        state | {"finished": [{"looks": {}}]},
        {name: value for name, value in state.items() if name != "current"},
        state | {"current": 5},
        state | {"current": {"outcome": outcome}},
        state | {"current": current | {"learner": {}}},
        state | {"current": current | {"learner": current["learner"] | {"random": 5}}},
        state | {"current": current | {"outcome": {}}},
        state | {"current": current | {"outcome": outcome | {"num_steps": None}}},
        state | {"current": current | {"outcome": outcome | {"num_steps": -1}}},
        state | {"current": current | {"outcome": outcome | {"looks": {1: {"loss": "low"}}}}},
        state | {"current": current | {"outcome": outcome | {"more": 1}}},
    ]


def test_a_fitting_checkpoint_with_damage_within_is_named(settings: TrainSettings) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(settings, on_progress=stop_at("fold 2 of 3", 2))
    checkpoint = settings.output / "checkpoint.pt"
    whole = torch.load(checkpoint, weights_only=True)
    for state in damaged(whole):
        torch.save(state, checkpoint)
        with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read; delete it"):
            train(settings)
    torch.save(whole, checkpoint)
    assert train(settings).resumed_at > 0
