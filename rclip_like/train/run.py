"""One run of `clipfind train`: from captioned pictures and a model to a model folder.

Shape suffixes: N pictures, L positions, D embedding.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from rclip_like.data.arrays import held_out
from rclip_like.errors import TrainingError
from rclip_like.evaluate.retrieval import equal_caption_positives, text_to_image_recall
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import choose_device, is_out_of_memory
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.checkpoint import (
    PIXELS,
    load_checkpoint,
    prepared_output,
    remove_own_files,
    resume,
    save_checkpoint,
)
from rclip_like.train.folder import copy_tokenizer, save_model_folder
from rclip_like.train.learner import Learner, freeze_statistics, lock_image_tower
from rclip_like.train.loop import LoopReport, count_steps, run_loop
from rclip_like.train.memory import out_of_memory, refuse_too_large
from rclip_like.train.prepare import (
    BATCH_SIZE,
    Captioned,
    ImageSide,
    caption_numbers,
    read_pixels,
)
from rclip_like.train.settings import (
    NUM_NAMED,
    OnProgress,
    TrainProgress,
    TrainReport,
    TrainSettings,
)
from rclip_like.train.stopping import Stopping
from rclip_like.train.text_tower import encode_texts

RECALL_AT = (1, 5, 10)


@dataclass(frozen=True)
class Run:
    """What one run works with, once its model and its data are loaded."""

    settings: TrainSettings
    specification: ModelSpecification
    side: ImageSide
    data: Captioned
    batches: CaptionBatches
    held_out: Rows

    def identity(self) -> dict[str, Any]:
        """Return what a checkpoint must share with this run to be resumed by it."""
        precision = self.settings.computed_in
        return {
            "model": self.specification.fingerprint,
            "data": self.data.fingerprint(),
            "held_out_share": self.settings.held_out,
            "image_tower_lock": self.settings.lock_image_tower,
            # Checkpoints from before there was a choice do not mention fp32.
            **({} if precision == "fp32" else {"precision": precision}),
        } | asdict(self.settings.loop)


def train(settings: TrainSettings, *, on_progress: OnProgress | None = None) -> TrainReport:
    """Train a model on captioned pictures, write the model folder and return what came of it.

    Softmax cross-entropy over the cosines of a batch, both ways; pairs with equal captions or
    equal pictures do not count as wrong. Where the output folder holds the checkpoint of this very
    run, training goes on exactly where that ended. The model sees pictures as in a search, without
    augmentation; worker processes read them within ReadSettings' limits. A run that a
    signal or KeyboardInterrupt stops keeps a checkpoint of all its whole steps; one that fails
    before its first checkpoint leaves no output folder. Seeds torch, and sets its number of threads
    where one is asked for. Raises TrainingError for unusable data or output, UsageError for numbers
    that make no sense, ModelError, ReaderError; Interrupted on SIGINT, SIGTERM or SIGHUP during the
    steps if called in the main thread.
    """
    began = time.monotonic()
    report = on_progress or (lambda progress: None)
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    specification = resolve(settings.model, weights=settings.weights)
    with prepared_output(settings.output):
        torch.manual_seed(settings.loop.seed % 2**63)
        run = _load(settings, specification, report)
        num_pairs, side = run.batches.num_pairs, run.side
        loop_settings = replace(settings.loop, batch_size=min(settings.loop.batch_size, num_pairs))
        learner = Learner(side.model, side.encode, loop_settings, precision=settings.computed_in)
        refuse_too_large(learner, run.batches, is_locked=settings.lock_image_tower)
        state = load_checkpoint(settings.output, run.identity())
        report(TrainProgress("measuring", 0, 0))
        start, before = resume(settings.output, state, learner) if state else (0, measure(run))
        loop = _learn(run, learner, start, before, report)
        report(TrainProgress("measuring", 0, 0))
        after = measure(run)
        copy_tokenizer(specification, settings.output)
        save_model_folder(
            settings.output, side.model, specification.config, specification.preprocessing
        )
        remove_own_files(settings.output)
    shrunk = f"batch size reduced to {num_pairs}, because there are only {num_pairs} pairs"
    return TrainReport(
        output=settings.output,
        num_pairs=num_pairs,
        num_held_out=len(run.held_out),
        batch_size=loop_settings.batch_size,
        num_steps=loop.num_steps,
        resumed_at=start,
        first_loss=loop.first_loss,
        last_loss=loop.last_loss,
        recall_before=before,
        recall_after=after,
        skipped=tuple(run.data.skipped),
        notes=(shrunk,) if settings.loop.batch_size > num_pairs else (),
        seconds=time.monotonic() - began,
    )


def _load(settings: TrainSettings, specification: ModelSpecification, report: OnProgress) -> Run:
    side = _load_image_side(settings, specification)
    tokenize = _tokenizer(specification)
    data = Captioned()
    images = side.load(
        read_pixels(settings.data, side.preprocessing, data, report), settings.output / PIXELS
    )
    _check_usable(data, settings)
    is_held_out = held_out(data.digests, settings.held_out)
    members = np.flatnonzero(~is_held_out)
    count_steps(len(members), settings.loop)
    _, pictures = np.unique(np.array(data.digests), return_inverse=True)
    batches = CaptionBatches(
        members,
        images,
        tokens=[tokenize(list(captions)).numpy() for captions in data.captions],
        captions=caption_numbers(data.captions),
        pictures=pictures,
        seed=settings.loop.seed,
    )
    return Run(settings, specification, side, data, batches, np.flatnonzero(is_held_out))


def _load_image_side(settings: TrainSettings, specification: ModelSpecification) -> ImageSide:
    device = choose_device(settings.device)
    model: Any = load_model(specification).to(device).requires_grad_(True)
    if getattr(model, "logit_bias", None) is not None:
        raise TrainingError(
            f"{specification.name} was trained with a sigmoid loss, which train does not have yet"
        )
    if settings.lock_image_tower:
        lock_image_tower(model)
        # Pictures come with their colours last; see the encoder for what this saves.
        model.visual.to(memory_format=torch.channels_last)
    return ImageSide(model, specification.preprocessing, device, settings.lock_image_tower)


def _tokenizer(specification: ModelSpecification) -> Any:
    text = specification.config["text_cfg"]
    if text.get("hf_tokenizer_name"):
        raise TrainingError(f"the tokenizer of {specification.name} cannot be trained with yet")
    open_clip = import_open_clip()
    options = text.get("tokenizer_kwargs") or {}
    return open_clip.SimpleTokenizer(context_length=text.get("context_length", 77), **options)


def _learn(
    run: Run, learner: Learner, start: int, before: dict[int, float], report: OnProgress
) -> LoopReport:
    """Take the steps from `start` on, keeping a checkpoint from time to time and at the end.

    before: the recalls before the first step, which a resumed run cannot measure any more.
    """
    settings, identity = run.settings, run.identity()
    num_steps = count_steps(run.batches.num_pairs, learner.settings)
    learner.num_done = start
    saved_at, is_saving = time.monotonic(), False

    def save() -> None:
        nonlocal saved_at, is_saving
        if learner.num_done in (None, start):  # a step is half taken, or none has been taken
            return
        is_saving = True
        state = {"run": identity, "step": learner.num_done, "recall_before": before}
        save_checkpoint(settings.output, state | {"learner": learner.state()})
        saved_at, is_saving = time.monotonic(), False

    def after_step(step: int, loss: float) -> None:
        report(TrainProgress("learning", step, num_steps, loss))
        if stopping.signal:
            raise KeyboardInterrupt
        if time.monotonic() - saved_at >= settings.checkpoint_seconds:
            save()

    with Stopping(lambda: learner.num_done is not None and not is_saving) as stopping:
        try:
            loop = run_loop(learner, run.batches, start=start, after_step=after_step)
        except KeyboardInterrupt:
            save()
            raise
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            size, is_locked = learner.settings.batch_size, settings.lock_image_tower
            raise out_of_memory(size, is_locked=is_locked) from error
        save()
    return loop


@torch.no_grad()
def measure(run: Run) -> dict[int, float]:
    """Return the recall by k of the held-out pictures by their captions; {} without any.

    A caption's own picture, equal pictures and those with an equal caption are right. The model is
    measured as it searches, and left as it trains.
    """
    if not len(run.held_out):
        return {}
    side, batches = run.side, run.batches
    side.model.eval()
    rows = np.array_split(run.held_out, math.ceil(len(run.held_out) / BATCH_SIZE))
    images = torch.cat([side.encode(batches.images.rows(part)) for part in rows])
    tokens = [torch.from_numpy(batches.tokens[row]) for row in run.held_out]
    texts = torch.cat([encode_texts(side.model, part.to(side.device)) for part in tokens])
    captions = [caption for row in run.held_out for caption in run.data.captions[row]]
    owners = [number for number, part in enumerate(tokens) for _ in range(len(part))]
    freeze_statistics(side.model)
    pictures = batches.pictures[run.held_out]
    positives = equal_caption_positives(captions, owners, len(images))
    positives |= pictures[owners][:, None] == pictures
    return text_to_image_recall(texts.cpu().numpy(), images.cpu().numpy(), positives, RECALL_AT)


def _check_usable(data: Captioned, settings: TrainSettings) -> None:
    """Raise TrainingError when more than the tolerated share of the pairs cannot be used."""
    total = len(data.names) + len(data.skipped)
    if len(data.skipped) <= settings.tolerance * total:
        return
    named = [f"{os.fsdecode(each.path)}: {each.reason}" for each in data.skipped[:NUM_NAMED]]
    if len(data.skipped) > NUM_NAMED:
        named.append(f"and {len(data.skipped) - NUM_NAMED} more")
    share = "one in ten" if settings.tolerance == 0.1 else f"{settings.tolerance:.0%}"
    stopped = (
        f"stopped: {len(data.skipped)} of {total} pairs cannot be used, and at most {share} may be"
    )
    raise TrainingError("; ".join((stopped, *named)))
