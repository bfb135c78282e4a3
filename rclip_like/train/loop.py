"""The training loop: batches in seeded order, a step each, checkpoints between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rclip_like.errors import TrainingError
from rclip_like.train.batches import Batches, Rows, epoch_batches
from rclip_like.train.learner import Learner
from rclip_like.train.settings import LoopSettings
from rclip_like.train.values import StepFigures

AfterStep = Callable[[StepFigures], None]
"""Called after each step with what it came to."""
BeforeStep = Callable[[Rows, int], None]
"""Called before each step with the rows and the epoch of the step that follows it."""


@dataclass(frozen=True, slots=True)
class LoopReport:
    """How many steps a loop has, and the losses of its first and last one in this process."""

    num_steps: int
    first_loss: float | None
    last_loss: float | None


def count_steps(num_pairs: int, settings: LoopSettings) -> int:
    """Return the number of steps of all epochs, but at least `least_steps`.

    Raises TrainingError for fewer than two pairs.
    """
    if num_pairs < 2:
        raise TrainingError(f"training needs at least two pairs, and there are {num_pairs}")
    steps = settings.epochs * math.ceil(num_pairs / settings.batch_size)
    return max(steps, settings.least_steps)


def run_loop(
    learner: Learner,
    batches: Batches,
    *,
    start: int = 0,
    until: int | None = None,
    after_step: AfterStep,
    before_step: BeforeStep = lambda rows, epoch: None,
) -> LoopReport:
    """Take the steps from `start` (counted from 0) to the end of the last epoch, or to `until`.

    What a step does is a function of the learner's state, the settings and the step's number, so
    a run resumed at `start` goes on exactly. Raises TrainingError as Learner.learn does.
    """
    settings = learner.settings
    num_pairs, num_steps = batches.num_pairs, count_steps(batches.num_pairs, settings)
    losses: list[float] = []
    end = num_steps if until is None else until
    following = _rows_of_steps(num_pairs, settings, start)
    rows, epoch = next(following)
    for step in range(start, end):
        batch = batches.batch(rows, epoch)
        if step + 1 < num_steps:
            rows, epoch = next(following)
            before_step(rows, epoch)
        lr = learning_rate(step, num_steps=num_steps, base=settings.lr, warm_up=settings.warm_up)
        figures = learner.learn(batch, step, lr)
        losses.append(figures.loss)
        after_step(figures)
    first, last = (losses[0], losses[-1]) if losses else (None, None)
    return LoopReport(num_steps, first, last)


def _rows_of_steps(
    num_pairs: int, settings: LoopSettings, start: int
) -> Iterator[tuple[Rows, int]]:
    """Yield the rows and the epoch of each step from `start` on, without an end."""
    epoch, number = divmod(start, math.ceil(num_pairs / settings.batch_size))
    while True:
        rows = epoch_batches(num_pairs, settings.batch_size, seed=settings.seed, epoch=epoch)
        yield from ((each, epoch) for each in rows[number:])
        epoch, number = epoch + 1, 0


def num_looks(locks_image_tower: bool) -> int:
    """Return how many times a phase measures its held-out pairs, spread evenly over its steps.

    Fewer times where the image tower must encode the pictures anew for each model.
    """
    return 20 if locks_image_tower else 5


def learning_rate(step: int, *, num_steps: int, base: float, warm_up: float) -> float:
    """Return the learning rate of a step, counted from 0; past the end it stays at zero.

    warm_up: the share of the steps over which the rate rises to `base`. Within the run the
    numbers are those of open_clip's cosine schedule.
    """
    rising = warm_up_steps(num_steps, warm_up)
    if step < rising:
        return base * (step + 1) / rising
    if step >= num_steps:
        return 0.0
    return 0.5 * base * (1 + math.cos(math.pi * (step - rising) / (num_steps - rising)))


def warm_up_steps(num_steps: int, warm_up: float) -> int:
    """Return over how many steps the rate rises: the share of them, rounded, never all."""
    return min(round(warm_up * num_steps), num_steps - 1)
