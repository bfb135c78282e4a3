"""What a training run tells: how far it is, what a step came to, and what came of it all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from rclip_like.evaluate.report import Interval
    from rclip_like.train.gain import Gain
    from rclip_like.train.plan import Plan
    from rclip_like.train.retention_figures import Change
    from rclip_like.values import Trouble

NUM_NAMED = 3
"""How many unusable pairs a message names with their reasons."""


class StepFigures(NamedTuple):
    """What one step came to, before the optimiser moved anything.

    step: counted from 1. floor, chance: the loss of this batch if all its pairs were told apart,
    and if none were; the latter is ln N where no pairs are equal. likeness: the mean cosine between
    two pictures of the batch, and between two of its texts; None where it is not computed.
    """

    step: int
    num_pairs: int
    loss: float
    floor: float
    chance: float
    logit_scale: float
    gradient_norm: float
    lr: float
    likeness: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """How far a run is.

    `stage` is `reading` (`step` counts pictures; `num_steps` is 0 where their number is unknown),
    `learning` (optimiser steps of the phase `title`) or `measuring`; `loss` is of the last batch.
    While it learns: `figures` of the last step; pairs_per_second since the phase began;
    waiting_share, of that time, for data; seconds_left over all phases, None at first.
    """

    stage: str
    step: int
    num_steps: int
    loss: float | None = None
    title: str = ""
    figures: StepFigures | None = None
    pairs_per_second: float | None = None
    waiting_share: float | None = None
    seconds_left: float | None = None


OnProgress = Callable[[TrainProgress], None]
TEXTS = ("report.md", "report.html", "report.json", "MODEL_CARD.md")
"""Beside the log, what a finished run's folder says of it."""


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The result of a run.

    Recalls are by k: the share of held-out captions whose own picture is among the k nearest
    held-out pictures, before and after; empty where nothing is held out. alpha: as in
    TrainSettings, of the model that was saved; 0 means the starting model; is_alpha_asked: the
    user chose it. model, fingerprint, licence: of the model that training began with; "" for a
    licence that is not known. data: the name of the folder or file. folder: where the names of
    pictures begin, for telling them without it. format: what it was recognised as. batch_size,
    fold_batch_size: the largest batch of the last run, and of the folds, 0 without folds.
    num_labels: 0 for captioned pictures. cut: the captions that are longer than the model reads,
    each after its picture's name. gain: what was gained, by alpha. forgotten: by alpha, how many
    points a model lost on `retained_on`; {} where nothing was measured. changed: by alpha, the
    figures behind that. made_with: precision, threads and versions.
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
    alpha: float = 1.0
    is_alpha_asked: bool = False
    model: str = ""
    fingerprint: str = ""
    licence: str = ""
    data: str = ""
    folder: bytes = b""
    format: str = ""
    num_labels: int = 0
    num_captions: int = 0
    cut: tuple[tuple[str, str], ...] = ()
    fold_batch_size: int = 0
    plan: Plan | None = None
    gain: Mapping[float, Gain] = field(default_factory=dict)
    forgotten: Mapping[float, Interval] = field(default_factory=dict)
    changed: Mapping[float, tuple[Change, ...]] = field(default_factory=dict)
    retained_on: str = ""
    made_with: Mapping[str, object] = field(default_factory=dict)


Describe = Callable[[TrainReport], Mapping[str, str]]
"""Returns texts for the model folder, of those in TEXTS, by the names of their files."""
