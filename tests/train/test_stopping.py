"""Signals during the steps of a training run: whole steps are saved, and the run goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import run

from rclip_like.errors import Interrupted
from rclip_like.train.stopping import Stopping

WITHIN_A_STEP = """
import signal, sys, time, torch
from rclip_like.cli import main
step, calls = torch.optim.AdamW.step, []
def interrupted(optimiser):
    calls.append(optimiser)
    step(optimiser)
    if len(calls) == 4:
        {signals}
torch.optim.AdamW.step = interrupted
sys.exit(main())
"""
TWICE = "signal.raise_signal(signal.SIGINT); time.sleep(1.1); signal.raise_signal(signal.SIGINT)"


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ("signal.raise_signal(signal.SIGINT)", 130),
        ("signal.raise_signal(signal.SIGTERM)", 143),
        ("signal.raise_signal(signal.SIGHUP)", 129),
        (TWICE, 130),
    ],
    ids=["INT", "TERM", "HUP", "INT twice"],
)
def test_a_signal_within_a_step_keeps_all_whole_steps(
    signals: str, status: int, captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    def arguments(output: str) -> list[str | Path]:
        words = ["--model", tiny_model, "--epochs", "3", "--batch-size", "8", "--threads", "1"]
        return ["train", captions, "--output", tmp_path / output, *words]

    captions = captioned(24)
    program = WITHIN_A_STEP.format(signals=signals)
    stopped = subprocess.run(
        [sys.executable, "-c", program, *arguments("stopped")], capture_output=True, timeout=120
    )
    assert stopped.stderr == b"clipfind: interrupted; the same command goes on from there\n"
    assert stopped.returncode == status
    checkpoint = torch.load(tmp_path / "stopped" / "checkpoint.pt", weights_only=True)
    assert checkpoint["current"]["outcome"]["num_steps"] == 4
    weights = []
    for output in ("stopped", "whole"):
        assert run(*arguments(output)).returncode == 0
        weights.append((tmp_path / output / "open_clip_model.safetensors").read_bytes())
    assert weights[0] == weights[1]


NOTHING_KEPT = "nothing was kept, because training had not begun"
OUTSIDE_THE_STEPS = """
import signal, sys
from rclip_like.cli import main
from rclip_like.train import {module}
called = {module}.{function}
def interrupted(*arguments, **options):
    found = called(*arguments, **options)
    {signals}
    return found
{module}.{function} = interrupted
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("module", "function", "signal_name", "kept"),
    [
        ("prepare", "TrainProgress", "SIGINT", NOTHING_KEPT),
        ("prepare", "_unique_captions", "SIGTERM", NOTHING_KEPT),
        ("run", "load_start", "SIGHUP", NOTHING_KEPT),
        ("run", "_measure", "SIGTERM", "the same command goes on from there"),
    ],
)
def test_a_signal_outside_the_steps_ends_the_run_at_once(
    module: str,
    function: str,
    signal_name: str,
    kept: str,
    captioned: Callable[..., Path],
    tiny_model: Path,
    tmp_path: Path,
) -> None:
    signals = f"signal.raise_signal(signal.{signal_name}); signal.raise_signal(signal.SIGTERM)"
    program = OUTSIDE_THE_STEPS.format(module=module, function=function, signals=signals)
    words = ["--model", tiny_model, "--epochs", "1", "--folds", "0", "--threads", "1"]
    output = tmp_path / "made" / "stopped"
    stopped = subprocess.run(
        [sys.executable, "-c", program, "train", captioned(24), "--output", output, *words],
        capture_output=True,
        timeout=120,
    )
    assert stopped.stderr.decode() == f"clipfind: interrupted; {kept}\n"
    assert stopped.returncode == 128 + signal.Signals[signal_name]
    assert (tmp_path / "made").exists() == (output / "checkpoint.pt").exists()
    assert (output / "checkpoint.pt").exists() == (kept != NOTHING_KEPT)


def test_a_second_signal_breaks_off_what_may_be_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rclip_like.train.stopping.REPEATED_SECONDS", 0.0)
    before = signal.getsignal(signal.SIGTERM)
    stopping = Stopping(lambda: is_whole)
    is_whole = False
    steps = []
    with pytest.raises(Interrupted) as stopped, stopping:  # noqa: PT012
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        steps.append("half")
        is_whole = True
        signal.raise_signal(signal.SIGINT)
        steps.append("whole")
    assert steps == ["half"]
    assert stopped.value.exit_status == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_signal_that_comes_twice_at_once_counts_once() -> None:
    steps = []
    with pytest.raises(Interrupted), Stopping(lambda: True):  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        steps.append("whole")
    assert steps == ["whole"]


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stopping(lambda: True) as stopping:
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert stopping.signal is None
