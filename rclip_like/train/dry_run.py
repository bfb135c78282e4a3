"""What a run would do, without a step of it and without a file written."""

from __future__ import annotations

from typing import NamedTuple

import torch

from rclip_like.train.estimate import Estimate, estimate
from rclip_like.train.loop import count_steps
from rclip_like.train.plan import Plan
from rclip_like.train.retention import OwnPictures, RetentionKind, retention_kind
from rclip_like.train.settings import TrainSettings
from rclip_like.train.start import load_start
from rclip_like.values import Trouble

NUM_EXAMPLES = 3


class DryRun(NamedTuple):
    """What there is to learn from, and what a run would do with it.

    measures_gain: whether there are pairs enough to hold some out, unless most are copies.
    examples, cut: names of pictures, each with a caption; cut: all those that the model does not
    read to their end. batch_size, num_steps: of each phase, at most.
    num_phases: the folds and the last one. num_trained: how many of the model's num_parameters
    numbers are trained. retention: on what forgetting is measured, None for nothing.
    """

    model: str
    format: str
    num_pairs: int
    num_captions: int
    num_labels: int
    cut: tuple[tuple[str, str], ...]
    examples: tuple[tuple[str, str], ...]
    skipped: tuple[Trouble, ...]
    plan: Plan
    num_phases: int
    measures_gain: bool
    num_steps: int
    num_trained: int
    num_parameters: int
    retention: RetentionKind | None
    estimate: Estimate


def dry_run(settings: TrainSettings, own_pictures: OwnPictures | None = None) -> DryRun:
    """Return what `train` with these settings would do; its output folder is neither read nor made.

    Reads captions and the headers of pictures, and times a few steps on noise. Sets torch's number
    of threads where one is asked for. Raises as `train` before it decodes pictures.
    """
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    start = load_start(settings, own_pictures)
    surveyed, plan = start.surveyed, start.plan
    kind = retention_kind(
        settings, start.specification, own_pictures, locks_image_tower=plan.locks_image_tower
    )
    shown = zip(surveyed.names, surveyed.captions, strict=True)
    parameters = list(start.towers.model.parameters())
    return DryRun(
        start.specification.name,
        surveyed.format,
        len(surveyed.names),
        sum(len(row) for row in surveyed.captions),
        len(set(surveyed.labels)),
        surveyed.cut,
        tuple((name, row[0]) for (name, row), _ in zip(shown, range(NUM_EXAMPLES), strict=False)),
        surveyed.skipped,
        plan,
        plan.folds + 1,
        plan.folds > 0 or settings.held_out * len(surveyed.names) > 1,
        count_steps(len(surveyed.names), plan.loop),
        sum(value.numel() for value in parameters if value.requires_grad),
        sum(value.numel() for value in parameters),
        kind,
        estimate(start),
    )
