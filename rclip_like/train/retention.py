"""How much training forgets, measured on pictures that the model is not trained on.

Shape suffixes: N pictures, T texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import torch

from rclip_like.errors import StoreError, counted
from rclip_like.train.checkpoint import RETENTION_PIXELS
from rclip_like.train.general_set import has_general_set, load_general_set
from rclip_like.train.learner import freeze_statistics
from rclip_like.train.prepare import FeatureImages, Pixels, load_images, load_texts
from rclip_like.train.retention_figures import Judge, Neighbours, Retained
from rclip_like.train.retention_sets import PictureReader, SetReader
from rclip_like.train.settings import TrainSettings
from rclip_like.train.survey import Tokenize
from rclip_like.train.towers import BATCH_SIZE, Towers
from rclip_like.train.values import OnProgress
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from rclip_like.models.specification import ModelSpecification
    from rclip_like.values import Embeddings

RetentionKind: TypeAlias = Literal["set", "package", "index"]
"""What is measured on: a set that the user named, features in the package, indexed pictures."""

OwnPictures: TypeAlias = "Callable[[int, int, Path], Sequence[str]]"
"""Called with a number, a seed and a folder; returns the paths of indexed pictures.

They are drawn by the seed, so many or all if there are fewer, outside the folder, and their files
are as they were when indexed.
"""

NUM_OWN = 500
LEAST_OWN = 100
"""With fewer pictures one of them is more than a point."""
_TEXTS_AT_ONCE = 256


class Material(NamedTuple):
    """Pictures and texts as the towers take them; the texts in so many parts."""

    images: Any
    num_pictures: int
    texts: Any
    num_parts: int

    @torch.no_grad()
    def embed(self, towers: Towers) -> tuple[Embeddings, Embeddings]:
        """Return unit rows of the pictures (N, D) and of the texts (T, D), float32.

        The model is measured as it searches, and left as it trains.
        """
        towers.model.eval()
        rows = np.arange(self.num_pictures)
        parts = np.array_split(rows, -(-len(rows) // BATCH_SIZE))
        images_ND = _joined(towers.encode_images(self.images.rows(part)) for part in parts)
        numbers = range(self.num_parts)
        texts_TD = _joined(towers.encode_texts(self.texts.all_of(number)) for number in numbers)
        freeze_statistics(towers.model)
        return images_ND, texts_TD


@dataclass(frozen=True)
class Retention:
    """Pictures and texts on which the starting model and the trained ones are compared.

    title: what they are, for the user. skipped: the pictures that could not be used.
    """

    kind: RetentionKind
    title: str
    material: Material
    judge: Judge
    skipped: tuple[Trouble, ...] = ()

    def measure(self, towers: Towers) -> Retained:
        """Return the figures of the towers as they are; they are left as they train."""
        return Retained(self.judge(*self.material.embed(towers)))


def measures_pictures(settings: TrainSettings, own_pictures: OwnPictures | None) -> bool:
    """Return whether there are pictures to measure an unlocked image tower on; reads none."""
    return settings.retain is not None or len(_own(settings, own_pictures)) >= LEAST_OWN


def retention_kind(
    settings: TrainSettings,
    specification: ModelSpecification,
    own_pictures: OwnPictures | None,
    *,
    locks_image_tower: bool,
) -> RetentionKind | None:
    """Return on what forgetting would be measured, None for nothing; reads no picture."""
    if settings.retain is not None:
        return "set"
    if locks_image_tower and has_general_set(specification):
        return "package"
    return "index" if measures_pictures(settings, own_pictures) else None


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
    folder. Raises DataError and ReaderError.
    """
    opening = _Opening(settings, specification, towers, tokenize, report)
    kind = retention_kind(
        settings, specification, own_pictures, locks_image_tower=towers.locks_image_tower
    )
    if kind == "set":
        return opening.of_set()
    if kind == "package":
        return opening.of_package()
    return opening.of_index(_own(settings, own_pictures)) if kind == "index" else None


class _Opening(NamedTuple):
    """What the pictures and texts of a retention are read and loaded with."""

    settings: TrainSettings
    specification: ModelSpecification
    towers: Towers
    tokenize: Tokenize
    report: OnProgress

    def of_set(self) -> Retention:
        """Return the retention on the set that the settings name."""
        assert self.settings.retain is not None
        preprocessing = self.specification.preprocessing
        reader = SetReader.open(self.settings.retain, preprocessing, self.report)
        images = self._load_images(reader.pixels())
        judge, number = reader.judge(), len(reader.examples)
        title = f"{counted(number, 'picture')} of {reader.pictures.name}"
        material = self._material(images, number, judge.texts())
        return Retention("set", title, material, judge, tuple(reader.skipped))

    def of_package(self) -> Retention:
        """Return the retention on the features inside the package."""
        features_NF, judge = load_general_set(everyday_queries())
        number = len(features_NF)
        material = self._material(FeatureImages(features_NF), number, judge.texts())
        judge = judge.with_best(*material.embed(self.towers))
        title = f"{counted(number, 'general photo')} that come with clipfind"
        return Retention("package", title, material, judge)

    def of_index(self, paths: Sequence[str]) -> Retention | None:
        """Return the retention on indexed pictures; None if too few can still be read."""
        reader = PictureReader(paths, self.specification.preprocessing, self.report)
        images = self._load_images(reader.pixels())
        if reader.num_read < LEAST_OWN:
            return None
        queries = everyday_queries()
        material = self._material(images, reader.num_read, queries)
        judge = Neighbours.of(queries, *material.embed(self.towers))
        title = f"{counted(reader.num_read, 'picture')} of your index"
        return Retention("index", title, material, judge, tuple(reader.skipped))

    def _load_images(self, pixels: Iterator[Pixels]) -> Any:
        return load_images(pixels, self.towers, self.settings.output / RETENTION_PIXELS)

    def _material(self, images: Any, number: int, texts: Sequence[str]) -> Material:
        starts = range(0, len(texts), _TEXTS_AT_ONCE)
        parts = [list(texts[start : start + _TEXTS_AT_ONCE]) for start in starts]
        loaded = load_texts([self.tokenize(part).numpy() for part in parts], self.towers)
        return Material(images, number, loaded, len(parts))


def everyday_queries() -> tuple[str, ...]:
    """Return words, phrases and sentences of everyday things, as people search for them."""
    stored = resources.files("rclip_like.train") / "everyday_queries.txt"
    return tuple(stored.read_text(encoding="utf-8").splitlines())


def _own(settings: TrainSettings, own_pictures: OwnPictures | None) -> Sequence[str]:
    """Return the paths of the indexed pictures to measure on; none of an index that is damaged.

    Those in the folder that is trained on, or in that of a table or shard, are left out.
    """
    if own_pictures is None:
        return []
    data = settings.data
    try:
        return own_pictures(NUM_OWN, settings.loop.seed, data if data.is_dir() else data.parent)
    except StoreError:
        return []


def _joined(parts: Iterable[torch.Tensor]) -> Embeddings:
    embeddings: Embeddings = torch.cat(list(parts)).float().cpu().numpy()
    return embeddings
