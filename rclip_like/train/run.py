"""One run of `clipfind train`: from captioned pictures and a model to a model folder.

Shape suffixes: N pictures, L positions, D embedding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from rclip_like.data.arrays import held_out
from rclip_like.errors import TrainingError
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import choose_device
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import CaptionBatches
from rclip_like.train.checkpoint import (
    PIXELS,
    load_checkpoint,
    prepared_output,
    remove_own_files,
    save_checkpoint,
)
from rclip_like.train.estimate import count_work, machine_of
from rclip_like.train.folder import copy_tokenizer, save_model_folder
from rclip_like.train.gain import Gain, choose_alpha, gains
from rclip_like.train.interpolation import set_between
from rclip_like.train.learner import Learner, trained_state
from rclip_like.train.log import Log
from rclip_like.train.loop import count_steps
from rclip_like.train.lora import merge_low_rank
from rclip_like.train.memory import refuse_too_large
from rclip_like.train.outcome import Outcome, outcomes_in, storable
from rclip_like.train.phases import Phase, PhaseRun, phases_of, steps_for_all
from rclip_like.train.plan import Plan, make_plan
from rclip_like.train.prepare import Captioned, caption_numbers, read_pixels
from rclip_like.train.presets import choose_trained
from rclip_like.train.settings import TrainSettings
from rclip_like.train.survey import require_usable, survey
from rclip_like.train.towers import Towers
from rclip_like.train.values import OnProgress, TrainReport
from rclip_like.train.watch import Watch


@dataclass(frozen=True)
class Run:
    """What one run works with, once its model and its data are loaded."""

    settings: TrainSettings
    specification: ModelSpecification
    plan: Plan
    towers: Towers
    data: Captioned
    batches: CaptionBatches
    phases: tuple[Phase, ...]
    report: OnProgress

    def identity(self) -> dict[str, Any]:
        """Return what a checkpoint must share with this run to be resumed by it."""
        return {
            "model": self.specification.fingerprint,
            "data": self.data.fingerprint(),
            "held_out_share": self.settings.held_out,
            "preset": self.plan.preset,
            "image_tower_lock": self.plan.locks_image_tower,
            "folds": self.plan.folds,
            "precision": self.settings.computed_in,
        } | asdict(self.plan.loop)


def train(settings: TrainSettings, *, on_progress: OnProgress | None = None) -> TrainReport:
    """Train a model on captioned pictures, write the model folder and return what came of it.

    Softmax cross-entropy over the cosines of a batch, both ways; pairs with equal captions or
    equal pictures do not count as wrong. Where the output folder holds the checkpoint of this very
    run, training goes on exactly where that ended. Worker processes read pictures within
    ReadSettings' limits. A run that a signal or KeyboardInterrupt stops keeps a checkpoint of all
    its whole steps; one that fails before its first checkpoint leaves no output folder. Seeds
    torch, and sets its number of threads where one is asked for. Raises TrainingError for unusable
    data or output, UsageError for numbers that make no sense, ModelError, ReaderError; Interrupted
    on SIGINT, SIGTERM or SIGHUP during the steps if called in the main thread.
    """
    began = time.monotonic()
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    specification = resolve(settings.model, weights=settings.weights)
    with prepared_output(settings.output):
        torch.manual_seed(settings.loop.seed % 2**63)
        run = _load(settings, specification, on_progress or (lambda progress: None))
        model = run.towers.model
        start = trained_state(model)
        outcomes, resumed_at, trained = _learn_phases(run, start)
        gain = gains([outcome.by_alpha for outcome in outcomes if outcome.by_alpha])
        alpha = choose_alpha(gain) if settings.alpha is None else settings.alpha
        set_between(model, start, trained, alpha)
        merge_low_rank(model)
        copy_tokenizer(specification, settings.output)
        save_model_folder(settings.output, model, specification.config, specification.preprocessing)
        remove_own_files(settings.output)
    return _report(run, outcomes, resumed_at, gain, alpha, time.monotonic() - began)


def _load(settings: TrainSettings, specification: ModelSpecification, report: OnProgress) -> Run:
    found = survey(settings, _tokenizer(specification))
    towers, plan = _load_towers(settings, specification, len(found.names))
    data = Captioned()
    pictures = read_pixels(found, specification.preprocessing, data, report)
    images = towers.load_images(pictures, settings.output / PIXELS)
    require_usable(len(data.names), data.skipped, settings.tolerance)
    _, numbers = np.unique(np.array(data.digests), return_inverse=True)
    batches = CaptionBatches(
        np.arange(len(data.names)),
        images,
        towers.load_texts(data.tokens),
        captions=caption_numbers(data.tokens),
        pictures=numbers,
        seed=settings.loop.seed,
    )
    phases = phases_of(numbers, held_out(data.digests, settings.held_out), plan)
    return Run(settings, specification, plan, towers, data, batches, tuple(phases), report)


def _load_towers(
    settings: TrainSettings, specification: ModelSpecification, num_pairs: int
) -> tuple[Towers, Plan]:
    device = choose_device(settings.device)
    model: Any = load_model(specification).to(device)
    if getattr(model, "logit_bias", None) is not None:
        raise TrainingError(
            f"{specification.name} was trained with a sigmoid loss, which train does not have yet"
        )
    preprocessing = specification.preprocessing
    plan = make_plan(
        settings,
        num_pairs,
        model,
        count_work(model, preprocessing.size, specification.context_length),
        machine_of(device),
        measures_pictures=False,
    )
    choose_trained(model, plan.preset, locks_image_tower=plan.locks_image_tower)
    if plan.locks_image_tower:
        # Pictures come with their colours last; see the encoder for what this saves.
        model.visual.to(memory_format=torch.channels_last)
    return (
        Towers(model, preprocessing, device, plan.locks_image_tower, plan.locks_text_tower),
        plan,
    )


def _tokenizer(specification: ModelSpecification) -> Any:
    text = specification.config["text_cfg"]
    if text.get("hf_tokenizer_name"):
        raise TrainingError(f"the tokenizer of {specification.name} cannot be trained with yet")
    open_clip = import_open_clip()
    options = text.get("tokenizer_kwargs") or {}
    return open_clip.SimpleTokenizer(context_length=text.get("context_length", 77), **options)


def _learn_phases(
    run: Run, start: Mapping[str, torch.Tensor]
) -> tuple[list[Outcome], int, dict[str, torch.Tensor]]:
    """Return the outcomes of all phases, where a resumed run went on, and the trained parameters.

    Each phase begins from `start`. What an earlier process finished is taken from its checkpoint.
    """
    output = run.settings.output
    state = load_checkpoint(output, run.identity())
    outcomes = outcomes_in(output, state) if state else []
    resumed_at = int(state["step"]) if state else 0
    trained: dict[str, torch.Tensor] = {}
    with Log(output, len(outcomes) + 1, resumed_at) as log:
        watch = Watch(run.report, log, _num_steps(run))
        for number in range(len(outcomes), len(run.phases)):
            set_between(run.towers.model, start, start, 0.0)
            learning = _phase_run(run, number, outcomes, start, watch)
            outcomes.append(learning.learn(_learner(run, learning.phase), state))
            trained, state = learning.best.parameters, None
    return outcomes, resumed_at, trained


def _phase_run(
    run: Run,
    number: int,
    outcomes: Sequence[Outcome],
    start: Mapping[str, torch.Tensor],
    watch: Watch,
) -> PhaseRun:
    """Return the phase with this number, from 0, ready to begin after those that are finished."""
    phase, identity = run.phases[number], run.identity()
    if number == len(run.phases) - 1:
        phase = phase._replace(num_steps=steps_for_all(outcomes))
    finished = [storable(outcome) for outcome in outcomes]

    def save(now: dict[str, Any]) -> None:
        save_checkpoint(run.settings.output, {"run": identity, "outcomes": finished} | now)

    return PhaseRun(
        number + 1,
        phase,
        run.plan,
        run.towers,
        replace(run.batches, members=phase.members),
        run.data.names,
        run.data.captions,
        start,
        save,
        watch,
        run.settings.checkpoint_seconds,
    )


def _num_steps(run: Run) -> list[int]:
    """Return how many steps each phase has if none ends early."""
    return [count_steps(len(phase.members), run.plan.loop) for phase in run.phases]


def _learner(run: Run, phase: Phase) -> Learner:
    settings = run.plan.loop
    settings = replace(settings, batch_size=min(settings.batch_size, len(phase.members)))
    towers = run.towers
    learner = Learner(
        towers.model,
        towers.encode_images,
        settings,
        encode_texts=towers.encode_texts,
        precision=run.settings.computed_in,
    )
    batches = replace(run.batches, members=phase.members)
    refuse_too_large(learner, batches, is_locked=towers.locks_image_tower)
    return learner


def _report(
    run: Run,
    outcomes: list[Outcome],
    resumed_at: int,
    gain: Mapping[float, Gain],
    alpha: float,
    seconds: float,
) -> TrainReport:
    num_pairs = len(run.phases[-1].members)
    asked = run.settings.loop.batch_size
    shrunk = f"batch size reduced to {num_pairs}, because there are only {num_pairs} pairs"
    return TrainReport(
        output=run.settings.output,
        num_pairs=num_pairs,
        num_held_out=sum(len(phase.held_out) for phase in run.phases),
        batch_size=min(run.plan.loop.batch_size, num_pairs),
        num_steps=outcomes[-1].best_step,
        resumed_at=resumed_at,
        first_loss=outcomes[-1].first_loss,
        last_loss=outcomes[-1].last_loss,
        recall_before=dict(gain[0.0].recalls) if gain else {},
        recall_after=dict(gain[alpha].recalls) if alpha in gain else {},
        skipped=tuple(run.data.skipped),
        notes=(*((shrunk,) if (asked or 0) > num_pairs else ()), *run.plan.notes),
        seconds=seconds,
        alpha=alpha,
    )
