"""One phase of a run: a loop over some pairs, watched on others, that ends at its best state."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from rclip_like.models.towers.torch_tower import is_out_of_memory
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.guard import Guard
from rclip_like.train.held_out import HeldOut, measure_held_out
from rclip_like.train.interpolation import ALPHAS, State, set_between
from rclip_like.train.learner import Learner, trained_state
from rclip_like.train.loop import count_steps, run_loop
from rclip_like.train.memory import out_of_memory
from rclip_like.train.outcome import Outcome
from rclip_like.train.plan import Plan
from rclip_like.train.stopping import Stopping
from rclip_like.train.towers import Towers
from rclip_like.train.values import StepFigures
from rclip_like.train.watch import TimedBatches, Watch

LOOKS = 20
"""How many times a phase is measured on its held-out pairs, spread evenly over its steps."""


class Phase(NamedTuple):
    """The pairs that a loop learns from and those that only measure, as rows of the data.

    num_steps: after how many steps it stops; None: at its best measured state, all steps taken.
    """

    title: str
    members: Rows
    held_out: Rows
    num_steps: int | None = None


@dataclass
class Best:
    """The best state so far by the loss on held-out pairs; without any, the last state.

    looked_at: the last step after which the state was compared.
    """

    step: int = 0
    loss: float = float("inf")
    parameters: dict[str, torch.Tensor] = field(default_factory=dict)
    looked_at: int = 0


def phases_of(
    pictures: Rows, is_held_out: np.ndarray[Any, np.dtype[np.bool_]], plan: Plan
) -> list[Phase]:
    """Return the phases of a run, in order; the last one trains the model that is saved.

    pictures (N,): a number that equal pictures share; is_held_out (N,): those of the one share.
    Folds keep equal pictures together.
    """
    everything = np.arange(len(pictures))
    if not plan.folds:
        return [Phase("training", np.flatnonzero(~is_held_out), np.flatnonzero(is_held_out))]
    _, group = np.unique(pictures, return_inverse=True)
    fold_of = np.random.default_rng(plan.loop.seed).permutation(group.max() + 1)[group] % plan.folds
    folds = [
        Phase(
            f"fold {number + 1} of {plan.folds}",
            np.flatnonzero(fold_of != number),
            np.flatnonzero(fold_of == number),
        )
        for number in range(plan.folds)
    ]
    return [*folds, Phase("training", everything, everything[:0])]


def steps_for_all(outcomes: Sequence[Outcome]) -> int | None:
    """Return how many steps a phase on all pairs takes after folds: their median best step."""
    return int(statistics.median(outcome.best_step for outcome in outcomes)) if outcomes else None


@dataclass
class PhaseRun:
    """A phase under way: its learner, where it began, and its best state so far.

    number: of the phase, from 1. names: of the pictures by row of the data. save: writes a
    checkpoint of what it is given, beside what the run keeps.
    """

    number: int
    phase: Phase
    plan: Plan
    towers: Towers
    batches: CaptionBatches
    names: Sequence[str]
    captions: list[tuple[str, ...]]
    start: State
    save: Callable[[dict[str, Any]], None]
    watch: Watch
    checkpoint_seconds: float
    best: Best = field(default_factory=Best)

    def learn(self, learner: Learner, state: Mapping[str, Any] | None) -> Outcome:
        """Take the steps from a checkpoint's state, or from the first one, and return the outcome.

        The model is left at the best state, with alpha 1. Raises as Learner.learn; Interrupted
        after a signal, with a checkpoint of all whole steps.
        """
        begin = self._restore(learner, state) if state else 0
        learner.num_done = begin
        num_steps = count_steps(self.batches.num_pairs, learner.settings)
        until = num_steps if self.phase.num_steps is None else self.phase.num_steps
        saved_at, is_saving = time.monotonic(), False
        saved_step = begin
        batches = TimedBatches(self.batches)
        learner.guard = Guard(lambda: self._names_of(learner.rows), lambda: saved_step)
        self.watch.begin(self.number, self.phase.title, until, begin, batches)

        def save() -> None:
            nonlocal saved_at, saved_step, is_saving
            if learner.num_done in (None, begin):  # a step is half taken, or none has been taken
                return
            is_saving = True
            self.watch.log.sync()
            self.save(
                {"step": learner.num_done, "learner": learner.state(), "best": vars(self.best)}
            )
            saved_at, saved_step, is_saving = time.monotonic(), learner.num_done, False

        def after_step(figures: StepFigures) -> None:
            self.watch.stepped(figures)
            self._look_if_due(figures.step, until)
            if stopping.signal:
                raise KeyboardInterrupt
            if time.monotonic() - saved_at >= self.checkpoint_seconds:
                save()

        # A signal may have stopped the run between a step and the look at what it came to.
        self._look_if_due(begin, until)
        with Stopping(lambda: learner.num_done is not None and not is_saving) as stopping:
            try:
                loop = run_loop(learner, batches, start=begin, until=until, after_step=after_step)
            except KeyboardInterrupt:
                save()
                raise
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                size, is_locked = learner.settings.batch_size, self.towers.locks_image_tower
                raise out_of_memory(size, is_locked=is_locked) from error
            save()
        return Outcome(self.best.step, loop.first_loss, loop.last_loss, self._by_alpha())

    def _restore(self, learner: Learner, state: Mapping[str, Any]) -> int:
        learner.restore(state["learner"])
        best = state["best"]
        self.best = Best(
            int(best["step"]),
            float(best["loss"]),
            dict(best["parameters"]),
            int(best["looked_at"]),
        )
        return int(state["step"])

    def _look_if_due(self, step: int, until: int) -> None:
        is_due = step % max(1, until // LOOKS) == 0 or step == until
        if is_due and self.best.looked_at < step:
            self._look(step)

    def _look(self, step: int) -> None:
        """Measure the held-out pairs, and remember the state if it is the best so far."""
        loss = float("-inf")
        if len(self.phase.held_out):
            loss = self._measured().loss
            self.watch.looked(step, loss)
        if loss <= self.best.loss:
            self.best = Best(step, loss, trained_state(self.towers.model))
        self.best.looked_at = step

    def _names_of(self, rows: Rows | None) -> list[str]:
        return [] if rows is None else [self.names[row] for row in rows]

    def _measured(self) -> HeldOut:
        self.watch.measuring()
        return measure_held_out(self.towers, self.batches, self.captions, self.phase.held_out)

    def _by_alpha(self) -> dict[float, HeldOut]:
        model, trained = self.towers.model, self.best.parameters
        found = {}
        for alpha in ALPHAS if len(self.phase.held_out) else ():
            set_between(model, self.start, trained, alpha)
            found[alpha] = self._measured()
        set_between(model, self.start, trained, 1.0)
        return found
