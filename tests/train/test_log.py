"""The log of a run: each step once, whatever happened in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from described import as_described

from rclip_like.errors import TrainingError
from rclip_like.train.log import LOG, Log, is_log
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import StepFigures, TrainProgress


def _step(log: Log, phase: int, step: int) -> None:
    figures = StepFigures(step, 8, 2.0, 0.0, 2.08, 20.0, 0.5, 1e-4)
    log.step(phase, f"fold {phase} of 5", 3, figures, (0.5, 0.1))


def _logged(output: Path) -> list[dict[str, Any]]:
    return [as_described(line, "train_log") for line in (output / LOG).read_text().splitlines()]


def _without_times(output: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in line.items() if not key.endswith("seconds")}
        for line in _logged(output)
    ]


def test_what_was_logged_beyond_the_checkpoint_is_dropped(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        for phase in (1, 2):
            for step in (1, 2, 3):
                _step(log, phase, step)
            log.look(phase, "fold", 3, float("nan"))
    whole = (tmp_path / LOG).read_bytes()
    (tmp_path / LOG).write_bytes(whole + b'{"phase": 2, "st')
    with Log(tmp_path, 2, 1) as log:
        _step(log, 2, 2)
    found = [(line["phase"], line["step"]) for line in _logged(tmp_path)]
    assert found == [(1, 1), (1, 2), (1, 3), (1, 3), (2, 1), (2, 2)]


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    for _ in range(2):
        with Log(tmp_path) as log:
            _step(log, 1, 1)
    assert len(_logged(tmp_path)) == 1


def test_a_log_is_written_through_no_link(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / LOG).symlink_to(tmp_path / "mine")
    with pytest.raises(TrainingError, match="not a regular file of yours"):
        Log(tmp_path)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "is_ours"),
    [(b"", True), (b'{"phase": 1, "st', True), (b'{"level": "info"}\n', False), (b"hi\n", False)],
)
def test_another_programs_log_is_told_apart(tmp_path: Path, content: bytes, is_ours: bool) -> None:
    (tmp_path / LOG).write_bytes(content)
    assert is_log(tmp_path / LOG) is is_ours


@pytest.fixture
def settings(captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=captioned(24),
        output=tmp_path / "out",
        model=str(tiny_model),
        preset="head",
        loop=LoopOptions(epochs=2, batch_size=8, lr=1e-3),
        folds=2,
        checkpoint_seconds=0,
    )


def test_an_interrupted_run_logs_what_an_unbroken_one_does(
    settings: TrainSettings, tmp_path: Path
) -> None:
    unbroken = replace(settings, output=tmp_path / "unbroken")
    train(unbroken)

    def stop(progress: TrainProgress) -> None:
        if progress.title == "fold 2 of 2" and progress.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, on_progress=stop)
    assert train(settings).resumed_at
    assert _without_times(settings.output) == _without_times(unbroken.output)


def test_progress_tells_speed_waiting_and_the_time_left(settings: TrainSettings) -> None:
    told: list[TrainProgress] = []
    train(settings, on_progress=told.append)
    learning = [each for each in told if each.stage == "learning"]
    assert {each.title for each in learning} == {"fold 1 of 2", "fold 2 of 2", "training"}
    assert all(each.pairs_per_second and each.figures for each in learning)
    assert all(0 <= (each.waiting_share or 0) <= 1 for each in learning)
    assert learning[-1].seconds_left == 0
    assert all(each.seconds_left for each in learning[:-1])


def test_a_finished_folder_is_not_written_to_and_says_how_to_use_it(
    settings: TrainSettings,
) -> None:
    train(settings)
    before = {path: path.stat().st_mtime_ns for path in settings.output.iterdir()}
    with pytest.raises(TrainingError, match="holds a finished model"):
        train(settings)
    assert {path: path.stat().st_mtime_ns for path in settings.output.iterdir()} == before


def test_another_programs_log_is_not_overwritten(settings: TrainSettings) -> None:
    settings.output.mkdir()
    (settings.output / LOG).write_text("2026-11-29 started\n")
    with pytest.raises(TrainingError, match=r"is not empty \(it holds log\.jsonl\)"):
        train(settings)
    assert (settings.output / LOG).read_text() == "2026-11-29 started\n"
