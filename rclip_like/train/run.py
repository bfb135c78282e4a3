"""One run of `clipfind train`: from captioned pictures and a model to a model folder.

Shape suffixes: N pictures, L positions, D embedding.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rclip_like.evaluate.report import Interval
from rclip_like.models.hub.registry import licence_of
from rclip_like.models.names import is_folder_name
from rclip_like.train.batches import CaptionBatches, Rows, largest_batch
from rclip_like.train.checkpoint import (
    COPIES,
    THREADS,
    Checkpoint,
    prepared_output,
    remove_files,
    require_same_run,
)
from rclip_like.train.folder import (
    copy_model_folder,
    copy_tokenizer,
    save_model_folder,
    save_texts,
)
from rclip_like.train.gain import Gain, choose_alpha, gains
from rclip_like.train.held_out import embed_pictures
from rclip_like.train.interpolation import ALPHAS, set_between
from rclip_like.train.learner import trained_state
from rclip_like.train.learning import Setup, learn_phases
from rclip_like.train.loop import count_steps
from rclip_like.train.lora import merge_low_rank
from rclip_like.train.outcome import Outcome, held_out_by_alpha
from rclip_like.train.phases import Phase, groups_of_copies, phases_of
from rclip_like.train.prepare import Prepared, prepare
from rclip_like.train.retention import OwnPictures, Retention, open_retention
from rclip_like.train.retention_figures import Change, changes, worst
from rclip_like.train.settings import TrainSettings
from rclip_like.train.spool import stored_numbers
from rclip_like.train.start import Start, load_start
from rclip_like.train.stopping import stopped_at_once
from rclip_like.train.survey import require_usable
from rclip_like.train.values import Describe, OnProgress, TrainReport


def train(
    settings: TrainSettings,
    *,
    own_pictures: OwnPictures | None = None,
    on_progress: OnProgress | None = None,
    describe: Describe | None = None,
) -> TrainReport:
    """Train a model on captioned pictures, write the model folder and return what came of it.

    Softmax cross-entropy over the cosines of a batch, both ways; pairs with equal captions or
    equal pictures do not count as wrong. Where the output folder holds the checkpoint of this very
    run, training goes on exactly where that ended. Worker processes read pictures within
    ReadSettings' limits. A run that a signal or KeyboardInterrupt stops keeps a checkpoint of all
    its whole steps; one that fails before its first checkpoint leaves no output folder.
    own_pictures: pictures of the user's index, on which forgetting can be measured. describe: makes
    texts for the model folder of what came of the run. Seeds torch, and sets its number of threads
    where one is asked for. Raises TrainingError for unusable data or output, UsageError for numbers
    that make no sense, ModelError, ReaderError; Interrupted on SIGINT, SIGTERM or SIGHUP if
    called in the main thread.
    """
    began, report = time.monotonic(), on_progress or (lambda _: None)
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    with stopped_at_once(settings.output), prepared_output(settings.output):
        require_same_run(settings.output, _asked(settings))  # before a model takes seconds to load
        start = load_start(settings, own_pictures)
        require_same_run(settings.output, _identity(start))
        run = _prepare(start, own_pictures, report)
        outcomes, resumed_at = learn_phases(run.setup, run.phases, run.checkpoint, report)
        result = _measure(run, outcomes)
        summary = _report(run, result, resumed_at, time.monotonic() - began)
        _save(run, result, describe(summary) if describe else {})
    return summary


@dataclass(frozen=True)
class Run:
    """One run, ready for its first step. retention: on what forgetting is measured, if it is."""

    start: Start
    prepared: Prepared
    setup: Setup
    phases: tuple[Phase, ...]
    retention: Retention | None
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Result:
    """What came of a run. gain, lost: by alpha, on held-out pairs and on general pictures, in
    points; {} where that is not measured. changed: by alpha, the figures behind `lost`. alpha: of
    the model that is saved.
    """

    trained: Outcome
    gain: Mapping[float, Gain]
    changed: Mapping[float, tuple[Change, ...]]
    lost: Mapping[float, Interval]
    alpha: float


def _prepare(start: Start, own_pictures: OwnPictures | None, report: OnProgress) -> Run:
    """Decode the pictures and return the run, with its checkpoint if it has one."""
    settings, surveyed, towers, plan = start.settings, start.surveyed, start.towers, start.plan
    prepared = prepare(surveyed, towers, plan, settings.output, report)
    skipped = [*surveyed.skipped, *prepared.skipped]
    require_usable(len(prepared.rows), skipped, settings.tolerance)
    labels = [surveyed.labels[row] for row in prepared.rows if surveyed.labels]
    batches = CaptionBatches(
        np.arange(len(prepared.rows)),
        prepared.images,
        prepared.texts,
        captions=prepared.captions,
        pictures=_numbers(prepared.digests),
        seed=plan.loop.seed,
        labels=_numbers(labels) if labels else None,
    )
    retention = open_retention(
        settings, start.specification, towers, start.tokenize, own_pictures, report
    )
    checkpoint = Checkpoint(
        settings.output,
        _identity(start) | {"data": prepared.fingerprint(surveyed)},
        settings.checkpoint_seconds,
        plan.loop.piece_size,
    )
    phases = _phases(start, batches, prepared.digests)
    setup = Setup(
        towers,
        trained_state(towers.model),
        batches,
        [surveyed.names[row] for row in prepared.rows],
        replace(plan.loop, piece_size=checkpoint.piece_size),
        settings.computed_in,
        tuple(sorted({*ALPHAS, settings.alpha or 0.0})),
        count_steps(len(phases[-1].members), plan.loop),
    )
    return Run(start, prepared, setup, tuple(phases), retention, checkpoint)


def _phases(start: Start, batches: CaptionBatches, digests: Sequence[bytes]) -> list[Phase]:
    share = start.settings.held_out

    def groups() -> Rows:
        if not start.plan.folds and not share:  # nothing is held out, so that copies do no harm
            return np.arange(len(digests))
        start.towers.model.eval()
        embeddings_ND = embed_pictures(start.towers, batches, batches.members)
        return groups_of_copies(embeddings_ND.float().cpu().numpy(), digests)

    return phases_of(
        stored_numbers(start.settings.output / COPIES, len(digests), groups),
        batches.labels,
        num_folds=start.plan.folds,
        share=share,
        seed=start.plan.loop.seed,
    )


def _asked(settings: TrainSettings) -> dict[str, Any]:
    """Return the part of a run's identity that the settings alone decide."""
    asked = {
        "preset": None if settings.preset == "auto" else settings.preset,
        "epochs": settings.loop.epochs,
        "lr": settings.loop.lr,
        "seed": settings.loop.seed,
        "positives": settings.positives,
        "held_out_share": settings.held_out,
        "precision": settings.computed_in,
        THREADS: torch.get_num_threads(),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _identity(start: Start) -> dict[str, Any]:
    """Return what a checkpoint must share with this run to be resumed by it, but for its data."""
    return {
        "model": start.specification.fingerprint,
        "held_out_share": start.settings.held_out,
        "preset": start.plan.preset,
        "image_tower_lock": start.plan.locks_image_tower,
        "folds": start.plan.folds,
        "precision": start.settings.computed_in,
        THREADS: torch.get_num_threads(),
    } | asdict(replace(start.plan.loop, piece_size=None))


def _numbers(values: Sequence[Any]) -> Rows:
    """Return (N,) a number for each value that equal ones share."""
    return np.unique(np.array(values), return_inverse=True)[1]


def _measure(run: Run, outcomes: Sequence[Outcome]) -> Result:
    """Return what was gained and forgotten by alpha, and which alpha that speaks for."""
    settings, surveyed = run.start.settings, run.start.surveyed
    gain = gains(held_out_by_alpha(outcomes), is_labelled=bool(surveyed.labels))
    changed: dict[float, tuple[Change, ...]] = {}
    if run.retention:
        retained = {}
        for alpha in run.setup.alphas:
            set_between(run.start.towers.model, run.setup.start, outcomes[-1].parameters, alpha)
            retained[alpha] = run.retention.measure(run.start.towers)
        changed = {alpha: changes(retained[0.0], after) for alpha, after in retained.items()}
    lost = {alpha: worst(each).lost for alpha, each in changed.items()}
    alpha = choose_alpha(gain, lost) if settings.alpha is None else settings.alpha
    return Result(outcomes[-1], gain, changed, lost, alpha)


def _save(run: Run, result: Result, texts: Mapping[str, str]) -> None:
    """Write the model folder with texts, and delete what only an unfinished run needs."""
    start, output = run.start, run.start.settings.output
    model, specification = start.towers.model, start.specification
    copy_tokenizer(specification, output)
    # The starting model keeps its fingerprint, so that an index that has its rows needs no others.
    if result.alpha or not copy_model_folder(specification, output):
        set_between(model, run.setup.start, result.trained.parameters, result.alpha)
        merge_low_rank(model)
        save_model_folder(output, model, specification.config, specification.preprocessing)
    save_texts(output, texts)
    remove_files(output)


def _report(run: Run, result: Result, resumed_at: int, seconds: float) -> TrainReport:
    start, num_pairs = run.start, len(run.phases[-1].members)
    name = start.specification.name
    fold_batches = [
        largest_batch(len(phase.members), start.plan.loop.batch_size)
        for phase in run.phases
        if phase.is_fold
    ]
    shrunk = f"batch size reduced to {num_pairs}, because there are only {num_pairs} pairs"
    is_shrunk = (start.settings.loop.batch_size or 0) > num_pairs
    return TrainReport(
        output=start.settings.output,
        num_pairs=num_pairs,
        num_held_out=sum(len(phase.held_out) for phase in run.phases),
        batch_size=largest_batch(num_pairs, start.plan.loop.batch_size),
        fold_batch_size=max(fold_batches, default=0),
        num_steps=result.trained.num_steps,
        resumed_at=resumed_at,
        first_loss=result.trained.first_loss,
        last_loss=result.trained.last_loss,
        recall_before=_recalls(result, 0.0),
        recall_after=_recalls(result, result.alpha),
        skipped=(*start.surveyed.skipped, *run.prepared.skipped),
        notes=(
            *((shrunk,) if is_shrunk else ()),
            *start.surveyed.notes,
            *start.plan.notes,
        ),
        seconds=seconds,
        alpha=result.alpha,
        is_alpha_asked=start.settings.alpha is not None,
        model=Path(name).name if is_folder_name(name) else name,
        fingerprint=start.specification.fingerprint,
        licence=licence_of(name),
        data=Path(os.path.abspath(start.settings.data)).name,
        folder=_folder(start.settings.data),
        format=start.surveyed.format,
        num_labels=len(set(start.surveyed.labels)),
        num_captions=sum(len(captions) for captions in run.setup.batches.captions),
        cut=start.surveyed.cut,
        plan=start.plan._replace(folds=sum(phase.is_fold for phase in run.phases)),
        gain=result.gain,
        forgotten=result.lost,
        changed=result.changed,
        retained_on=run.retention.title if run.retention else "",
        made_with={
            "precision": start.settings.computed_in,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "open_clip": version("open_clip_torch"),
        },
    )


def _folder(data: Path) -> bytes:
    """Return the absolute path of a folder, or of the folder that holds a file."""
    path = os.path.abspath(data)
    return os.fsencode(path if os.path.isdir(path) else os.path.dirname(path))


def _recalls(result: Result, alpha: float) -> dict[int, float]:
    if alpha not in result.gain:
        return {}
    found = result.gain[alpha].of_texts.after
    return {k: each.value for k, each in found.recall.items()}
