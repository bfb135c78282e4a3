"""What training forgets, measured on pictures that the model is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch

from rclip_like.evaluate.report import counted
from rclip_like.train.checkpoint import RETENTION_PIXELS
from rclip_like.train.learner import freeze_statistics
from rclip_like.train.retention_figures import Judge, Retained
from rclip_like.train.retention_sets import SetReader
from rclip_like.train.settings import TrainSettings
from rclip_like.train.towers import BATCH_SIZE, Towers
from rclip_like.train.values import OnProgress
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.values import Embeddings

RetentionKind: TypeAlias = Literal["set", "package", "index"]
"""What is measured on: a set that the user named, features in the package, indexed pictures."""

OwnPictures: TypeAlias = Callable[[int, int], Sequence[str]]
"""Called with a number and a seed; returns the paths of indexed pictures drawn by the seed.

There are so many, or all if there are fewer, and their files are as they were when indexed.
"""

Tokenize: TypeAlias = Callable[[list[str]], Any]
"""Returns the tokens of texts as a tensor (n, L)."""

_TEXTS_AT_ONCE = 256


@dataclass(frozen=True)
class Retention:
    """Pictures and texts on which the starting model and the trained ones are compared.

    title: what they are, for the user. skipped: the pictures that could not be used.
    """

    kind: RetentionKind
    title: str
    num_pictures: int
    skipped: tuple[Trouble, ...]
    images: Any
    texts: Any
    num_text_parts: int
    judge: Judge

    @torch.no_grad()
    def measure(self, towers: Towers) -> Retained:
        """Return the figures of the towers as they are; they are left as they train."""
        towers.model.eval()
        rows = np.arange(self.num_pictures)
        parts = np.array_split(rows, -(-len(rows) // BATCH_SIZE))
        images_ND = [towers.encode_images(self.images.rows(part)) for part in parts]
        texts_TD = [towers.encode_texts(self.texts.all_of(n)) for n in range(self.num_text_parts)]
        freeze_statistics(towers.model)
        return Retained(self.judge(_joined(images_ND), _joined(texts_TD)))


def retention_kind(
    settings: TrainSettings,
    specification: ModelSpecification,
    own_pictures: OwnPictures | None,
    *,
    locks_image_tower: bool,
) -> RetentionKind | None:
    """Return on what forgetting would be measured, None for nothing. No picture is read."""
    if settings.retain is not None:
        return "set"
    return None


def open_retention(
    settings: TrainSettings,
    specification: ModelSpecification,
    towers: Towers,
    tokenize: Tokenize,
    own_pictures: OwnPictures | None,
    report: OnProgress,
) -> Retention | None:
    """Return what forgetting is measured on, its pictures read; None if there is nothing.

    towers: of the starting model. Pixels that an unlocked image tower needs are kept in the output
    folder. Raises DataError, UsageError and ReaderError.
    """
    kind = retention_kind(
        settings, specification, own_pictures, locks_image_tower=towers.locks_image_tower
    )
    if kind == "set":
        assert settings.retain is not None
        reader = SetReader.open(settings.retain, specification.preprocessing, report)
        images = towers.load_images(reader.pixels(), settings.output / RETENTION_PIXELS)
        judge = reader.judge()
        texts, num_parts = _load_texts(judge.texts(), towers, tokenize)
        number = len(reader.examples)
        title = f"{counted(number, 'picture')} of {reader.pictures.name}"
        return Retention(
            kind, title, number, tuple(reader.skipped), images, texts, num_parts, judge
        )
    return None


def _load_texts(texts: Sequence[str], towers: Towers, tokenize: Tokenize) -> tuple[Any, int]:
    """Return texts as the towers take them, in so many parts."""
    parts = [list(texts[at : at + _TEXTS_AT_ONCE]) for at in range(0, len(texts), _TEXTS_AT_ONCE)]
    return towers.load_texts([tokenize(part).numpy() for part in parts]), len(parts)


def _joined(parts: Sequence[torch.Tensor]) -> Embeddings:
    embeddings: Embeddings = torch.cat(list(parts)).float().cpu().numpy()
    return embeddings
