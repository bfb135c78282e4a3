"""Training runs in processes of their own that are killed at a moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import Any

import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train import run
from rclip_like.train.settings import TrainSettings
from rclip_like.train.values import OnProgress, TrainProgress

import_open_clip()  # takes seconds, so that the copied process has it loaded

Moment = tuple[str, str, int]
"""A stage, the title of a phase, and a step, or the number of a checkpoint while `saving`."""


def run_and_be_killed(settings: TrainSettings, moment: Moment) -> int:
    """Train in another process until a moment, and return how the process ended.

    Each process is a copy of one that has loaded this module and done nothing else; that one finds
    the module on PYTHONPATH.
    """
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    process = processes.Process(target=_train, args=(settings, moment))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _train(settings: TrainSettings, moment: Moment) -> None:
    torch.set_num_threads(1)
    stage, _, number = moment
    if stage == "saving":
        _kill_amid_saving(number)
    if stage == "writing":
        run.copy_tokenizer = lambda *_: _kill()  # type: ignore[assignment]
    run.train(settings, on_progress=_killing(*moment))


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killing(stage: str, title: str, number: int) -> OnProgress:
    def on_progress(at: TrainProgress) -> None:
        is_there = at.stage == "measuring" or at.step == number
        if (at.stage, at.title) == (stage, title) and is_there:
            _kill()

    return on_progress


def _kill_amid_saving(number: int) -> None:
    """Kill this process when half of its checkpoint with this number is written."""
    save, times = torch.save, 0

    def half(state: Any, stream: Any) -> None:
        nonlocal times
        times += 1
        if times < number:
            return save(state, stream)
        stream.write(b"half of it")
        stream.flush()
        return _kill()

    torch.save = half  # type: ignore[assignment]
