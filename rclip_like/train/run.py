"""One run of `clipfind train`: from captioned pictures and a model to a model folder.

Shape suffixes: N pictures, L positions, D embedding.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from rclip_like.errors import Remedy, TrainingError, UsageError
from rclip_like.evaluate.retrieval import equal_caption_positives, text_to_image_recall
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import choose_device, is_out_of_memory
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.checkpoint import (
    PIXELS,
    load_checkpoint,
    prepare_output,
    remove_own_files,
    resume,
    save_checkpoint,
)
from rclip_like.train.folder import copy_tokenizer, save_model_folder
from rclip_like.train.images import BATCH_SIZE, FeatureImages, ImageSide, PixelImages
from rclip_like.train.learner import Learner
from rclip_like.train.loop import LoopReport, count_steps, run_loop
from rclip_like.train.memory import out_of_memory, refuse_too_large
from rclip_like.train.parameters import freeze_statistics, lock_image_tower
from rclip_like.train.prepare import Captioned, Pixels, caption_numbers, read_pixels
from rclip_like.train.settings import TrainProgress, TrainReport, TrainSettings
from rclip_like.train.text_tower import encode_texts

RECALL_AT = (1, 5, 10)
OnProgress = Callable[[TrainProgress], None]


@dataclass(frozen=True)
class Course:
    """Everything one run works with, once model and data are loaded."""

    settings: TrainSettings
    specification: ModelSpecification
    side: ImageSide
    data: Captioned
    batches: CaptionBatches
    held_out: Rows
    notes: tuple[str, ...]

    def identity(self) -> dict[str, Any]:
        """Return what a checkpoint must share with this run to be taken up."""
        precision = _precision(self.settings)
        return {
            "model": self.specification.fingerprint,
            "data": self.data.fingerprint(),
            "held_out_share": self.settings.held_out,
            "image_tower_lock": self.settings.lock_image_tower,
            # Of fp32 nothing is said, as in checkpoints from before there was a choice.
            **({} if precision == "fp32" else {"precision": precision}),
        } | asdict(self.settings.loop)


def train(settings: TrainSettings, *, on_progress: OnProgress | None = None) -> TrainReport:
    """Train a model on captioned pictures, write the model folder and return what came of it.

    Softmax cross-entropy over the cosines of a batch, both ways; pairs with equal captions or
    equal pictures are left out of the wrong ones. Where the output folder holds the checkpoint of
    this very run, it goes on exactly where that ended. Pictures are shown as the model sees them
    when searching, without augmentation. A run that KeyboardInterrupt ends keeps a checkpoint of
    all its whole steps. Seeds torch, and sets its number of threads where one is asked for. Raises
    TrainingError for unusable data or output, UsageError for senseless numbers, ModelError.
    """
    began = time.monotonic()
    report = on_progress or _say_nothing
    settings.loop.check()
    _precision(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    specification = resolve(settings.model, weights=settings.weights)
    prepare_output(settings.output)
    torch.manual_seed(settings.loop.seed % 2**63)
    course = _load(settings, specification, report)
    learner, loop, start, recalls = _learn(course, report)
    _save(course, learner.model)
    return TrainReport(
        output=settings.output,
        num_pairs=course.batches.num_pairs,
        num_held_out=len(course.held_out),
        batch_size=learner.settings.batch_size,
        num_steps=loop.num_steps,
        resumed_at=start,
        first_loss=loop.first_loss,
        last_loss=loop.last_loss,
        recall_before=recalls[0],
        recall_after=recalls[1],
        skipped=tuple(course.data.skipped),
        notes=course.notes,
        seconds=time.monotonic() - began,
    )


def _load(settings: TrainSettings, specification: ModelSpecification, report: OnProgress) -> Course:
    side = _load_image_side(settings, specification)
    tokenize = _tokenizer(specification)
    data = Captioned()
    pictures = _reported(read_pixels(settings.data, side.preprocessing, data), report)
    images = side.load(pictures, settings.output / PIXELS)
    _check_usable(data, settings)
    held_out = data.held_out(settings.held_out)
    members = np.flatnonzero(~held_out)
    count_steps(len(members), settings.loop)
    batches = _batches(members, images, data, tokenize, settings.loop.seed)
    notes = _notes(settings, len(members))
    return Course(settings, specification, side, data, batches, np.flatnonzero(held_out), notes)


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


def _batches(
    members: Rows,
    images: PixelImages | FeatureImages,
    data: Captioned,
    tokenize: Any,
    seed: int,
) -> CaptionBatches:
    tokens = [tokenize(list(captions)).numpy() for captions in data.captions]
    _, pictures = np.unique(np.array(data.digests), return_inverse=True)
    numbers = caption_numbers(data.captions)
    return CaptionBatches(members, images, tokens, numbers, pictures, seed)


def _tokenizer(specification: ModelSpecification) -> Any:
    text = specification.config["text_cfg"]
    if text.get("hf_tokenizer_name"):
        raise TrainingError(f"the tokenizer of {specification.name} cannot be trained with yet")
    open_clip = import_open_clip()
    options = text.get("tokenizer_kwargs") or {}
    return open_clip.SimpleTokenizer(context_length=text.get("context_length", 77), **options)


def _learn(
    course: Course, report: OnProgress
) -> tuple[Learner, LoopReport, int, tuple[dict[int, float], dict[int, float]]]:
    """Return the trained learner, the loop's report, where it began, recalls before and after."""
    settings = course.settings
    batch_size = min(settings.loop.batch_size, course.batches.num_pairs)
    side = course.side
    learner = Learner(
        side.model,
        side.encode,
        replace(settings.loop, batch_size=batch_size),
        precision=_precision(settings),
    )
    refuse_too_large(learner, course.batches, is_locked=settings.lock_image_tower)
    state = load_checkpoint(settings.output, course.identity())
    report(TrainProgress("measuring", 0, 0))
    start, before = resume(settings.output, state, learner) if state else (0, measure(course))
    keeper = _Keeper(course, learner, before, report)
    try:
        loop = run_loop(learner, course.batches, start=start, after_step=keeper.after_step)
    except KeyboardInterrupt:
        keeper.keep()
        raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(batch_size, is_locked=settings.lock_image_tower) from error
    keeper.keep()
    report(TrainProgress("measuring", 0, 0))
    return learner, loop, start, (before, measure(course))


class _Keeper:
    """Reports each step and keeps a checkpoint from time to time."""

    def __init__(
        self, course: Course, learner: Learner, before: dict[int, float], report: OnProgress
    ) -> None:
        self.course, self.learner, self.before, self.report = course, learner, before, report
        self.identity = course.identity()
        self.num_steps = count_steps(course.batches.num_pairs, learner.settings)
        self.saved_at = time.monotonic()

    def after_step(self, step: int, loss: float) -> None:
        self.report(TrainProgress("learning", step, self.num_steps, loss))
        if time.monotonic() - self.saved_at >= self.course.settings.checkpoint_seconds:
            self.keep()

    def keep(self) -> None:
        """Save a checkpoint of the whole steps, unless none has been taken or one is half taken."""
        if self.learner.num_done is None:
            return
        state = {"run": self.identity, "step": self.learner.num_done, "recall_before": self.before}
        save_checkpoint(self.course.settings.output, state | {"learner": self.learner.state()})
        self.saved_at = time.monotonic()


@torch.no_grad()
def measure(course: Course) -> dict[int, float]:
    """Return the recall by k of the held-out pictures by their captions; {} without any.

    A caption's own picture, equal pictures and those with an equal caption are right. The model is
    measured as it searches, and left as it trains.
    """
    if not len(course.held_out):
        return {}
    side, batches = course.side, course.batches
    side.model.eval()
    rows = np.array_split(course.held_out, math.ceil(len(course.held_out) / BATCH_SIZE))
    images = torch.cat([side.encode(batches.images.rows(part)) for part in rows])
    tokens = [torch.from_numpy(batches.tokens[row]) for row in course.held_out]
    texts = torch.cat([encode_texts(side.model, part.to(side.device)) for part in tokens])
    captions = [caption for row in course.held_out for caption in course.data.captions[row]]
    owners = [place for place, part in enumerate(tokens) for _ in range(len(part))]
    freeze_statistics(side.model)
    pictures = batches.pictures[course.held_out]
    positives = equal_caption_positives(captions, owners, len(images))
    positives |= pictures[owners][:, None] == pictures
    return text_to_image_recall(texts.cpu().numpy(), images.cpu().numpy(), positives, RECALL_AT)


def _precision(settings: TrainSettings) -> str:
    """Return what the towers compute in; raises UsageError for what training does not have."""
    if settings.precision not in ("auto", "fp32", "bf16"):
        raise UsageError(
            f"train computes in fp32 and bf16, not in {settings.precision}",
            Remedy.USE_FULL_PRECISION,
        )
    return settings.precision.replace("auto", "fp32")


def _save(course: Course, model: torch.nn.Module) -> None:
    specification, output = course.specification, course.settings.output
    copy_tokenizer(specification, output)
    save_model_folder(output, model, specification.config, specification.preprocessing)
    remove_own_files(output)


def _check_usable(data: Captioned, settings: TrainSettings) -> None:
    """Raise TrainingError when more than the tolerated share of the pairs cannot be used."""
    total = len(data.names) + len(data.skipped)
    if len(data.skipped) > settings.tolerance * total:
        first = data.skipped[0]
        raise TrainingError(
            f"{len(data.skipped)} of {total} pairs cannot be used, the first of them "
            f"{os.fsdecode(first.path)}: {first.reason}"
        )


def _notes(settings: TrainSettings, num_pairs: int) -> tuple[str, ...]:
    if settings.loop.batch_size <= num_pairs:
        return ()
    return (f"the batch size is {num_pairs}, as there are no more pairs",)


def _reported(pictures: Iterable[Pixels], report: OnProgress) -> Iterator[Pixels]:
    for number, pixels in enumerate(pictures, 1):
        report(TrainProgress("reading", number, 0))
        yield pixels


def _say_nothing(progress: TrainProgress) -> None:
    pass
