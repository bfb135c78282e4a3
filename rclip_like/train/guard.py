"""Steps that must not be taken: what is not finite, and what has collapsed.

Shape suffixes: N pairs, D embedding.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from rclip_like.errors import Remedy, TrainingError
from rclip_like.train.values import NUM_NAMED, StepFigures

if TYPE_CHECKING:
    import torch

ALIKE = 0.999
"""The mean cosine between pictures, or between texts, above which they are all one to the model."""
SHRUNK = 0.1
"""To what part of its first distance from 1 that cosine must have come: a model may begin so."""
NEAR_CHANCE = 0.02
"""How near to the loss of chance a collapsed model's loss is, relative to it."""
FAR_ABOVE, RISEN = 3.0, 1.0
"""A mean loss so many times that of chance, twice that of the first steps, and by so much above
theirs runs away. Where most pairs of a batch are equal, losses are small and vary."""
FEW_STEPS = 20
"""Over how many steps a loss is averaged; nothing but finite numbers is asked of the first ones."""


def stop_unless_finite(figures: StepFigures) -> None:
    """Raise TrainingError where a step's loss or gradients are not finite."""
    if fault := _not_finite(figures):
        raise TrainingError(fault, Remedy.LEARN_SLOWER)


@dataclass
class Guard:
    """Stops a phase before the optimiser takes a step that would spoil the model.

    batch_names: gives the names of the files in the batch. saved_step: gives the step of the last
    checkpoint, 0 without any. Costs nothing but comparisons: all figures come from the step.
    """

    batch_names: Callable[[], Sequence[str]]
    saved_step: Callable[[], int]
    _first: list[StepFigures] = field(default_factory=list)
    _latest: deque[StepFigures] = field(default_factory=lambda: deque(maxlen=FEW_STEPS))

    def __call__(self, figures: StepFigures) -> None:
        """Raise TrainingError, with the batch's files and advice, for a step not to be taken."""
        self._latest.append(figures)
        fault = _not_finite(figures)
        if len(self._first) < FEW_STEPS:
            self._first.append(figures)
        else:
            fault = fault or self._running_away(figures) or self._collapsed(figures)
        if fault:
            raise TrainingError(
                f"stopped: {fault}{self._files()}{self._kept()}",
                Remedy.LEARN_SLOWER,
                "see whether these pictures and captions are what they should be",
            )

    def _running_away(self, figures: StepFigures) -> str:
        mean = fmean(each.loss for each in self._latest)
        chance = fmean(each.chance for each in self._latest)
        first = fmean(each.loss for each in self._first)
        if mean <= max(FAR_ABOVE * chance, 2 * first, first + RISEN):
            return ""
        return (
            f"the loss of the last {len(self._latest)} steps up to step {figures.step} is "
            f"{mean:.3g} on average, and mere guessing has {chance:.3g}"
        )

    def _collapsed(self, figures: StepFigures) -> str:
        initial = self._first[0].likeness
        is_near = abs(figures.loss - figures.chance) <= NEAR_CHANCE * figures.chance
        if not is_near or initial is None or figures.likeness is None:
            return ""
        for what, first, now in zip(("pictures", "texts"), initial, figures.likeness, strict=True):
            if now > ALIKE and 1 - now < SHRUNK * (1 - first):
                return (
                    f"by step {figures.step} all {what} have become alike to the model (mean "
                    f"cosine {now:.4f}), and it finds no more than by guessing"
                )
        return ""

    def _files(self) -> str:
        names = list(self.batch_names())
        if not names:
            return ""
        more = f" and {len(names) - NUM_NAMED:,} more" if len(names) > NUM_NAMED else ""
        return f"; the batch holds {', '.join(names[:NUM_NAMED])}{more}"

    def _kept(self) -> str:
        step = self.saved_step()
        return f"; the last checkpoint is of step {step}" if step else "; there is no checkpoint"


def mean_cosine(embeddings_ND: torch.Tensor) -> torch.Tensor:
    """Return the mean cosine between two different unit rows, a scalar; NaN for a single row."""
    number = len(embeddings_ND)
    rows_ND = embeddings_ND.detach().float()
    # The squared length of the sum holds all pairs of rows, and each row with itself.
    pairs: torch.Tensor = rows_ND.sum(0).norm().square() - rows_ND.norm().square()
    return pairs / (number * (number - 1))


def _not_finite(figures: StepFigures) -> str:
    """Return what is not finite about a step, "" where all is."""
    if not math.isfinite(figures.loss):
        return f"the loss of step {figures.step} is {figures.loss}"
    if not math.isfinite(figures.gradient_norm):
        return f"the gradients of step {figures.step} are not finite"
    return ""
