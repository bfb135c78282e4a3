"""The contrastive stage: photos and classes against texts, the teacher's English kept in mind.

Shape suffixes: N pairs, K classes, F features, L positions, T teacher's dimension.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.train.batches import Batch, Rows
from rclip_like.train.equality import EqualCells
from rclip_like.train.learner import Learner
from rclip_like.train.settings import LoopSettings
from rclip_like.train.text_tower import text_features

from .corpus import TEMPLATES
from .distil import Lesson, batches, following_loss, lesson_batch
from .pairs import Subject, not_negative

TAUGHT_TEMPLATES = ("{}",) * 5 + TEMPLATES[:8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Classes:
    """Made-up pictures of classes: means (K, F), and offsets (N, F) of single photos as noise."""

    means_KF: Floats
    residuals_NF: Floats

    def draw(self, number: int, generator: np.random.Generator) -> Floats:
        """Return the features (F,) of a visit."""
        noise_F = self.residuals_NF[generator.integers(len(self.residuals_NF))]
        made_F: Floats = self.means_KF[number] + noise_F
        return made_F


@dataclass(frozen=True)
class Pictures:
    """Features to draw from: of photos in several views, (N, F) each, and of classes after them."""

    views: Sequence[Floats]
    classes: Classes

    def draw(self, row: int, generator: np.random.Generator) -> Floats:
        """Return the features (F,) of a visit: a photo in any view, or a class with noise."""
        num_photos = len(self.views[0])
        if row >= num_photos:
            return self.classes.draw(row - num_photos, generator)
        view = self.views[int(generator.integers(len(self.views)))]
        photo: Floats = view[row]
        return photo

    def images(self, rows: Rows, generator: np.random.Generator) -> Callable[[slice], Any]:
        """Return the features (n, F) of a part of the visits of these rows."""
        drawn_NF = np.stack([self.draw(int(row), generator) for row in rows])
        return torch.from_numpy(drawn_NF).__getitem__


class Drawable(Protocol):
    """Pictures to draw batches from."""

    def images(self, rows: Rows, generator: np.random.Generator) -> Callable[[slice], Any]:
        """Return, by part of the batch, what the image encoder takes of the visits of rows."""
        ...


@dataclass(frozen=True)
class SubjectBatches:
    """Batches of photos and classes.

    visits lists the rows of an epoch, classes repeatedly; texts turns strings into what the text
    side takes: tokens (N, L), or the teacher's rows (N, T).
    """

    pictures: Drawable
    subjects: Sequence[Subject]
    visits: Rows
    templates: Sequence[str]
    texts: Callable[[list[str]], torch.Tensor]
    seed: int

    @property
    def num_pairs(self) -> int:
        """Return the number of visits an epoch makes."""
        return len(self.visits)

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the visits at these places, their views and texts drawn for the epoch."""
        subjects = [self.subjects[row] for row in self.visits[rows]]
        seeds = [f"{self.seed}:{epoch}:{row}" for row in rows]
        texts = [
            subject.draw(random.Random(seed), self.templates)
            for subject, seed in zip(subjects, seeds, strict=True)
        ]
        generator = np.random.default_rng((self.seed, epoch, int(rows[0])))
        images = self.pictures.images(self.visits[rows], generator)
        same_NN = not_negative(subjects, [name for _, name in texts])
        inputs = self.texts([text for text, _ in texts])
        return Batch(
            self.visits[rows],
            images,
            inputs,
            EqualCells(torch.from_numpy(same_NN)),
        )


@dataclass(frozen=True, slots=True)
class Reminder:
    """What keeps unseen words: a batch of the teacher's strings beside each contrastive one."""

    lesson: Lesson
    to_teacher_DT: torch.Tensor
    weight: float
    batch_size: int


class RemindedLearner(Learner):
    """A learner whose loss also has the text tower go on following the teacher."""

    def __init__(
        self,
        model: Any,
        encode_images: Callable[[torch.Tensor], torch.Tensor],
        settings: LoopSettings,
        reminder: Reminder,
    ) -> None:
        super().__init__(model, encode_images, settings)
        self.reminder = reminder
        self._order = enumerate(
            batches(reminder.lesson.lengths().tolist(), reminder.batch_size, seed=settings.seed + 1)
        )

    def extra_loss(self, step: int) -> torch.Tensor:
        """Return the weighted distance to the teacher."""
        reached, rows = next(item for item in self._order if item[0] >= step)
        assert reached == step, "steps go up by one"
        tokens_NL, targets_NT = lesson_batch(self.reminder.lesson, rows)
        guesses = text_features(self.model, tokens_NL) @ self.reminder.to_teacher_DT
        distance = following_loss(F.normalize(guesses, dim=1), targets_NT, None, 0.0)
        return self.reminder.weight * distance


class Blend:
    """The exponential mean of the trained parameters over the steps.

    kept: the share of the mean so far that a step leaves; values: by name, the mean.
    """

    def __init__(self, model: Any, kept: float) -> None:
        self._kept = kept
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.values = {name: value.detach().clone() for name, value in self._parameters.items()}

    @torch.no_grad()
    def take(self, step: int) -> None:
        """Take in the parameters after a step, counted from 1; early steps weigh as in a mean."""
        kept = min(self._kept, step / (step + 1))
        for name, value in self._parameters.items():
            self.values[name].lerp_(value, 1 - kept)

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """Lend the model the blend within a `with` block."""
        own = {name: value.detach().clone() for name, value in self._parameters.items()}
        for name, value in self._parameters.items():
            value.copy_(self.values[name])
        try:
            yield
        finally:
            for name, value in self._parameters.items():
                value.copy_(own[name])


def image_encoder(
    model: Any, mean_F: torch.Tensor, dropout: float
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return how a batch's features become embeddings: some offsets dropped, then the head.

    Offsets from the mean, not features, are dropped: features are far from zero.
    """

    def encode(features_NF: torch.Tensor) -> torch.Tensor:
        offsets_NF = F.dropout(features_NF - mean_F, dropout)
        return F.normalize(model.visual.head(mean_F + offsets_NF), dim=1)

    return encode


def class_residuals(features_NF: Floats, kinds: Sequence[str | None], *, least: int = 5) -> Floats:
    """Return the offsets of photos from the mean of their kind, kinds with few photos left out."""
    rows_of: dict[str, list[int]] = {}
    for row, kind in enumerate(kinds):
        if kind is not None:
            rows_of.setdefault(kind, []).append(row)
    parts = [features_NF[rows] for rows in rows_of.values() if len(rows) >= least]
    return np.concatenate([part - part.mean(0) for part in parts])
