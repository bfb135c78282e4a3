"""The phases of a run, one after the other, each from the starting model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from rclip_like.models.towers.torch_tower import is_out_of_memory
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.checkpoint import Checkpoint, damage_named
from rclip_like.train.guard import Guard
from rclip_like.train.held_out import HeldOut, measure_held_out
from rclip_like.train.interpolation import State, set_between
from rclip_like.train.learner import Learner, trained_state
from rclip_like.train.log import Log
from rclip_like.train.loop import AfterStep, num_looks, run_loop
from rclip_like.train.memory import out_of_memory
from rclip_like.train.outcome import Look, Outcome, common_step, restored, storable
from rclip_like.train.phases import Phase
from rclip_like.train.prefetch import PrefetchedBatches
from rclip_like.train.settings import LoopSettings
from rclip_like.train.stopping import Stopping
from rclip_like.train.towers import Towers
from rclip_like.train.values import OnProgress, StepFigures
from rclip_like.train.watch import TimedBatches, Watch


@dataclass(frozen=True)
class Setup:
    """What all phases share: the towers, where they begin, all pairs, and how they are learnt.

    start: the parameters of the starting model that are trained. names: of the pictures, by row of
    the data. alphas: the models from the start (0) to the trained one (1) that are compared,
    ascending. num_steps: of every phase if it does not end early, whatever it leaves out, so that
    the learning rate of a step is the same in all.
    """

    towers: Towers
    start: State
    batches: CaptionBatches
    names: Sequence[str]
    loop: LoopSettings
    precision: str
    alphas: tuple[float, ...]
    num_steps: int

    def loop_of(self, phase: Phase) -> LoopSettings:
        """Return the settings of a phase."""
        batch_size = min(self.loop.batch_size, len(phase.members))
        return replace(self.loop, batch_size=batch_size, epochs=0, least_steps=self.num_steps)

    def learner(self, phase: Phase) -> Learner:
        """Return the learner of a phase; the model's present parameters are where it begins."""
        return Learner(
            self.towers.model,
            self.towers.encode_images,
            self.loop_of(phase),
            encode_texts=self.towers.encode_texts,
            precision=self.precision,
        )


def learn_phases(
    setup: Setup, phases: Sequence[Phase], checkpoint: Checkpoint, report: OnProgress
) -> tuple[list[Outcome], int]:
    """Return the outcomes of all phases, and how many of their steps an earlier process took.

    What is in the checkpoint is not learnt again. Each phase begins from the starting model and
    a random state of its own. Raises as Learner.learn; Interrupted after a signal.
    """
    outcomes, step = _resumed(checkpoint)
    if not checkpoint.path.exists():
        checkpoint.save([], None)  # so that what is prepared stays, whatever stops the run now
    resumed_at = sum(outcome.num_steps for outcome in outcomes) + step
    with Log(checkpoint.path.parent, len(outcomes) + 1, step) as log:
        watch = Watch(report, log, [setup.num_steps] * len(phases))
        for number in range(len(outcomes), len(phases)):
            set_between(setup.towers.model, setup.start, setup.start, 0.0)
            torch.manual_seed((setup.loop.seed + number) % 2**63)
            phase = _limited(phases[number], outcomes)
            outcomes.append(_Learning(setup, phase, checkpoint, watch, number + 1).run())
            checkpoint.save([storable(outcome) for outcome in outcomes], None)
    return outcomes, resumed_at


def _resumed(checkpoint: Checkpoint) -> tuple[list[Outcome], int]:
    """Return the outcomes of the phases that are done, and how many steps the next one has."""
    with damage_named(checkpoint.path):
        outcomes = [restored(each) for each in checkpoint.finished]
        if not all(0 < outcome.best_step in outcome.looks for outcome in outcomes):
            raise ValueError("a phase that is not done")
        current = checkpoint.current and restored(checkpoint.current["outcome"])
        return outcomes, current.num_steps if current else 0


def _limited(phase: Phase, folds: Sequence[Outcome]) -> Phase:
    """Return the phase with the number of steps that the folds before it leave of use."""
    if not folds:
        return phase
    if phase.is_fold:
        return phase._replace(num_steps=min(fold.num_steps for fold in folds))
    return phase._replace(num_steps=common_step(folds))


class _Learning:
    """A phase under way; it begins where the checkpoint is, if that is within this phase."""

    def __init__(
        self, setup: Setup, phase: Phase, checkpoint: Checkpoint, watch: Watch, number: int
    ) -> None:
        self.setup, self.phase, self.checkpoint, self.watch = setup, phase, checkpoint, watch
        self.number, self.saved_step = number, 0
        self.prefetched = PrefetchedBatches(replace(setup.batches, members=phase.members))
        self.batches = TimedBatches(self.prefetched)
        self.learner = setup.learner(phase)
        self.outcome = Outcome()
        if checkpoint.current is not None:
            with damage_named(checkpoint.path):
                self.learner.restore(checkpoint.current["learner"])
                self.outcome = restored(checkpoint.current["outcome"])
        self.learner.num_done = self.saved_step = self.outcome.num_steps
        self.learner.guard = Guard(self._names_of_batch, lambda: self.saved_step)

    def run(self) -> Outcome:
        """Take the steps that are left and return the outcome."""
        learner, outcome, looks = self.learner, self.outcome, self._steps_of_looks()
        begun_at = outcome.num_steps
        self.watch.begin(self.number, self.phase.title, looks[-1], begun_at, self.batches)
        with self.prefetched, self._stopping() as stopping, self._memory_named():
            if len(self.phase.held_out) and 0 not in outcome.looks:
                found = self._measured()
                outcome.looks[0] = Look(found.loss, {0.0: found})
            for until in looks:
                if until not in outcome.looks:
                    run_loop(
                        learner,
                        self.batches,
                        start=outcome.num_steps,
                        until=until,
                        after_step=self._after_step(stopping),
                        before_step=self._expect,
                    )
                    self._look(until)
                if outcome.has_flattened():
                    break
            if not self.phase.is_fold:
                self._measure_best()
        return outcome

    def _steps_of_looks(self) -> list[int]:
        num_steps = self.phase.num_steps or self.setup.num_steps
        if not len(self.phase.held_out):
            return [num_steps]
        every = max(1, self.setup.num_steps // num_looks(self.setup.towers.locks_image_tower))
        return [*range(every, num_steps, every), num_steps]

    def _expect(self, rows: Rows, epoch: int) -> None:
        if not self.setup.towers.locks_image_tower:  # features are there at once
            self.prefetched.expect(rows, epoch)

    def _after_step(self, stopping: Stopping) -> AfterStep:
        def after_step(figures: StepFigures) -> None:
            self.outcome.note(figures.step, figures.loss)
            self.watch.stepped(figures)
            if stopping.signal:
                raise KeyboardInterrupt
            if self.checkpoint.is_due():
                self._save()

        return after_step

    def _look(self, step: int) -> None:
        """Measure the held-out pairs, and remember the state if it is the best so far."""
        model, outcome = self.setup.towers.model, self.outcome
        loss, by_alpha = 0.0, {}
        if len(self.phase.held_out):
            by_alpha = self._by_alpha() if self.phase.is_fold else {1.0: self._measured()}
            loss = by_alpha[1.0].loss
            self.watch.looked(step, loss)
        outcome.looks[step] = Look(loss, by_alpha if self.phase.is_fold else {})
        if outcome.is_best(step):
            outcome.best_step = step
            outcome.parameters = {} if self.phase.is_fold else trained_state(model)

    def _by_alpha(self) -> dict[float, HeldOut]:
        """Return what each model on the way to the present one finds, but for the start."""
        model, start = self.setup.towers.model, self.setup.start
        trained, num_done, found = trained_state(model), self.learner.num_done, {}
        self.learner.num_done = None  # what the model holds is not where it has learnt to
        for alpha in self.setup.alphas[1:]:
            set_between(model, start, trained, alpha)
            found[alpha] = self._measured()
        set_between(model, start, trained, 1.0)
        self.learner.num_done = num_done
        return found

    def _measure_best(self) -> None:
        """Measure each alpha at the best step, and leave the model there."""
        model, outcome = self.setup.towers.model, self.outcome
        set_between(model, self.setup.start, outcome.parameters, 1.0)
        look = outcome.looks[outcome.best_step]
        if len(self.phase.held_out):
            outcome.looks[outcome.best_step] = look._replace(by_alpha=self._by_alpha())

    def _measured(self) -> HeldOut:
        self.watch.measuring()
        return measure_held_out(self.setup.towers, self.setup.batches, self.phase.held_out)

    def _names_of_batch(self) -> list[str]:
        rows = self.learner.rows
        return [] if rows is None else [self.setup.names[row] for row in rows]

    def _save(self) -> None:
        self.watch.log.sync()
        current = {"learner": self.learner.state(), "outcome": storable(self.outcome)}
        self.checkpoint.save(self.checkpoint.finished, current)
        self.saved_step = self.outcome.num_steps

    @contextmanager
    def _stopping(self) -> Iterator[Stopping]:
        """Note signals in the block; KeyboardInterrupt keeps every whole step."""
        learner, checkpoint = self.learner, self.checkpoint
        begun_at = learner.num_done
        with Stopping(
            lambda: learner.num_done is not None and not checkpoint.is_saving
        ) as stopping:
            try:
                yield stopping
                if stopping.signal:
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if learner.num_done != begun_at and learner.num_done == self.outcome.num_steps:
                    self._save()
                raise

    @contextmanager
    def _memory_named(self) -> Iterator[None]:
        """Say what would help when memory runs out in the block."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            settings, is_locked = self.learner.settings, self.setup.towers.locks_image_tower
            size = min(settings.piece_size or settings.batch_size, settings.batch_size)
            raise out_of_memory(size, is_locked=is_locked) from error
