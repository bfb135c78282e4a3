"""The progress of a run: speed, waiting and time left, reported and logged at each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rclip_like.train.batches import Batch, Batches, Rows
from rclip_like.train.log import Log
from rclip_like.train.values import OnProgress, StepFigures, TrainProgress

Result = TypeVar("Result")


@dataclass
class TimedBatches:
    """The batches of a phase; counts the seconds that a loop waits for them."""

    batches: Batches
    waited_seconds: float = 0.0

    @property
    def num_pairs(self) -> int:
        """Return the number of pairs of an epoch."""
        return self.batches.num_pairs

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the pairs of these rows as an epoch sees them."""
        batch = self._timed(lambda: self.batches.batch(rows, epoch))
        return replace(batch, images=lambda part: self._timed(lambda: batch.images(part)))

    def _timed(self, work: Callable[[], Result]) -> Result:
        began = time.monotonic()
        try:
            return work()
        finally:
            self.waited_seconds += time.monotonic() - began


@dataclass
class Watch:
    """Tells `report` and the log of a run of all its steps.

    num_steps: of each phase, an upper bound until it begins; later phases have no more steps than
    the present one.
    """

    report: OnProgress
    log: Log
    num_steps: list[int]
    _phase: int = 0
    _title: str = ""
    _batches: TimedBatches | None = None
    _first_step: int = 0
    _num_pairs: int = 0
    _began: float = 0.0
    _last: tuple[float, float] = (0.0, 0.0)
    _taken: list[tuple[int, float]] = field(default_factory=list)

    def begin(self, phase: int, title: str, steps: int, step: int, batches: TimedBatches) -> None:
        """Begin, or go on with, a phase (from 1) after so many of its steps."""
        later = [min(each, steps) for each in self.num_steps[phase:]]
        self.num_steps[phase - 1 :] = [steps, *later]
        self._phase, self._title, self._batches = phase, title, batches
        self._first_step, self._num_pairs, self._began = step, 0, time.monotonic()
        self._last = self._began, batches.waited_seconds
        self._taken.append((0, 0.0))

    def stepped(self, figures: StepFigures) -> None:
        """Tell of a step that was taken."""
        assert self._batches is not None
        now, waited = time.monotonic(), self._batches.waited_seconds
        times = now - self._last[0], waited - self._last[1]
        self._last = now, waited
        steps, seconds = self.num_steps[self._phase - 1], max(now - self._began, 1e-9)
        self.log.step(self._phase, self._title, steps, figures, times)
        self._num_pairs += figures.num_pairs
        self._taken[-1] = figures.step - self._first_step, seconds
        self.report(
            TrainProgress(
                "learning",
                figures.step,
                steps,
                figures.loss,
                self._title,
                figures,
                self._num_pairs / seconds,
                min(1.0, waited / seconds),
                self._seconds_left(figures.step),
            )
        )

    def measuring(self) -> None:
        """Tell that held-out pairs are measured."""
        self.report(TrainProgress("measuring", 0, 0, title=self._title))

    def looked(self, step: int, loss: float) -> None:
        """Log the loss on held-out pairs after a step."""
        self.log.look(self._phase, self._title, step, loss)

    def _seconds_left(self, step: int) -> float:
        """Return how long all further steps take at the speed of those so far."""
        taken = sum(steps for steps, _ in self._taken)
        seconds = sum(seconds for _, seconds in self._taken)
        left = self.num_steps[self._phase - 1] - step + sum(self.num_steps[self._phase :])
        return seconds / taken * left
