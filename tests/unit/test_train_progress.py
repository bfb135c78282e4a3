"""How far a training run is, as a bar and as lines of a log."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest
from processes import read_terminal

from rclip_like.output import trained
from rclip_like.output.stream import Talk
from rclip_like.output.trained import progress_line, train_progress
from rclip_like.train.values import StepFigures, TrainProgress

Captured = pytest.CaptureFixture[str]
FIGURES = StepFigures(40, 64, 3.214, 0.0, 4.159, 24.13, 0.834, 1e-4)
LEARNING = TrainProgress(
    "learning", 40, 100, 3.214, "fold 2 of 5", FIGURES, 210.4, 0.031, seconds_left=250.0
)
LINE = (
    "fold 2 of 5: step 40 of 100, loss 3.21 (guessing 4.16), scale 24.1, gradient 0.83, "
    "210 pairs/s, 3 % waiting for data, 4 min left"
)


def test_a_line_has_the_loss_beside_that_of_guessing_and_the_time_left() -> None:
    assert progress_line(LEARNING) == LINE


def test_the_least_loss_is_told_where_it_is_not_zero() -> None:
    told = progress_line(
        TrainProgress("learning", 1, 9, title="training", figures=FIGURES._replace(floor=0.69))
    )
    assert "(guessing 4.16, at best 0.69)" in told


def test_pictures_are_counted_while_they_are_read() -> None:
    assert progress_line(TrainProgress("reading", 1200, 0)) == "reading pictures: 1,200"
    assert progress_line(TrainProgress("reading", 1200, 5000)) == "reading pictures: 1,200 of 5,000"


@pytest.mark.parametrize(("seconds", "said"), [(40, "40 s"), (250, "4 min"), (12600, "3.5 h")])
def test_time_is_told_as_people_say_it(seconds: float, said: str) -> None:
    assert progress_line(TrainProgress("learning", 1, 9, figures=FIGURES)).endswith("gradient 0.83")
    at = TrainProgress("learning", 1, 9, figures=FIGURES, seconds_left=seconds)
    assert progress_line(at).endswith(f", {said} left")


def test_no_line_comes_before_its_time_and_few_come_after(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    seconds = iter(range(0, 100_000, 10))
    monkeypatch.setattr(trained.time, "monotonic", lambda: next(seconds))
    with train_progress(Talk()) as show:
        assert show is not None
        for _ in range(9_000):
            show(LEARNING)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"clipfind: {LINE}"
    assert 40 < len(lines) < 120


def test_quiet_runs_show_nothing() -> None:
    with train_progress(Talk(quiet=True)) as show:
        assert show is None


_DRAWN = """
import time
from rclip_like.output.stream import Talk
from rclip_like.output.trained import train_progress
from rclip_like.train.values import StepFigures, TrainProgress

with train_progress(Talk()) as show:
    time.sleep(0.4)
    for step in range(1, 60):
        figures = StepFigures(step, 64, 3.214, 0.0, 4.159, 24.13, 0.834, 1e-4)
        show(TrainProgress("learning", step, 100, 3.2, "fold 2 of 5", figures, 210.4, 0.03, 250.0))
        show(TrainProgress("measuring", 0, 0, title="fold 2 of 5"))
        time.sleep(0.02)
"""


def test_a_terminal_shows_a_bar_with_the_same_figures() -> None:
    terminal, side = pty.openpty()
    environment = os.environ | {"COLUMNS": "160", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", _DRAWN], stderr=side, env=environment) as process:
        os.close(side)
        shown = read_terminal(terminal)
    assert process.returncode == 0, shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "fold 2 of 5" in plain
    assert "/100" in plain
    assert "loss 3.21 (guessing 4.16), scale 24.1" in plain
    assert "3 % waiting for data, 4 min left" in plain
