"""The settings of a training run, and what it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rclip_like.errors import Remedy, UsageError
from rclip_like.settings import (
    Argument,
    Device,
    ModelName,
    Option,
    Precision,
    Threads,
    Weights,
)
from rclip_like.values import Trouble


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long and how fast one loop learns.

    `warm_up` is a share of all steps; `weight_decay` spares gains, biases and the logit scale;
    an epoch visits every pair once.
    """

    epochs: Annotated[int, Option("--epochs", metavar="N", min=1, help="Passes over the data.")] = (
        10
    )
    batch_size: Annotated[int, Option("--batch-size", metavar="N", min=2, help="Pairs a step.")] = (
        256
    )
    lr: Annotated[float, Option("--lr", metavar="X", min=0, help="The highest learning rate.")] = (
        1e-4
    )
    seed: Annotated[
        int, Option("--seed", metavar="N", min=0, help="The seed of all that is drawn by chance.")
    ] = 0
    warm_up: float = 0.05
    weight_decay: float = 0.1
    max_gradient: float = 1.0

    def check(self) -> None:
        """Raise UsageError for numbers with which no run makes sense."""
        wrong = {
            "epochs": self.epochs < 1,
            "batch_size": self.batch_size < 2,
            "lr": not 0 < self.lr < 1,
            "seed": self.seed < 0,
        }
        for name, is_wrong in wrong.items():
            if is_wrong:
                raise UsageError(f"{name} {getattr(self, name)} makes no sense")


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """One run of `clipfind train`.

    data: a folder of pictures with same-named `.txt` files (one caption a line) or of tar shards,
    one shard, or a table (CSV, TSV, JSON lines) with captions. output: the model folder to write;
    it must not exist, be empty, or hold the checkpoint of the same run, which then goes on. model:
    as `--model` everywhere, None for `builtin`; weights: as `--weights`. held_out: the share of
    pictures, chosen by content, that only measures.
    tolerance: the share of unusable pairs beyond which the run stops. precision: fp32, which auto
    stands for, or bf16, in which the towers compute while weights and loss stay in fp32.
    """

    data: Annotated[
        Path,
        Argument(
            "DATA",
            help="A folder of pictures with same-named .txt files, tar shards, or a table (.csv).",
        ),
    ]
    output: Annotated[
        Path,
        Option(
            "--output -o",
            metavar="DIR",
            help="The model folder to write; an interrupted run goes on there. Required.",
        ),
    ]
    model: ModelName = None
    weights: Weights = None
    lock_image_tower: Annotated[
        bool, Option("--lock-image-tower", help="Leave the image tower as it is; much faster.")
    ] = False
    loop: LoopSettings = LoopSettings()
    held_out: float = 0.1
    tolerance: float = 0.1
    checkpoint_seconds: float = 60.0
    device: Device = "auto"
    precision: Precision = "auto"
    threads: Threads = None

    @property
    def computed_in(self) -> str:
        """What the towers compute in: fp32 or bf16."""
        return "fp32" if self.precision == "auto" else self.precision

    def check(self) -> None:
        """Raise UsageError for settings with which no run makes sense."""
        self.loop.check()
        if self.computed_in not in ("fp32", "bf16"):
            raise UsageError(
                f"train computes in fp32 and bf16, not in {self.precision}",
                Remedy.USE_FULL_PRECISION,
            )


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """How far a run is. `stage` is `reading` (`step` counts pictures; their number is unknown, so
    `num_steps` is 0), `learning` (optimiser steps) or `measuring`; `loss` is of the last batch.
    """

    stage: str
    step: int
    num_steps: int
    loss: float | None = None


OnProgress = Callable[[TrainProgress], None]
NUM_NAMED = 3
"""How many unusable pairs a message names with their reasons."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The result of a run. Recalls are by k: the share of held-out captions whose own picture is
    among the k nearest held-out pictures, before and after; empty where nothing is held out.
    """

    output: Path
    num_pairs: int
    num_held_out: int
    batch_size: int
    num_steps: int
    resumed_at: int
    first_loss: float | None
    last_loss: float | None
    recall_before: dict[int, float]
    recall_after: dict[int, float]
    skipped: tuple[Trouble, ...]
    notes: tuple[str, ...]
    seconds: float
