"""Pairs made ready: captions numbered, pictures as pixels on disk or features in memory.

Shape suffixes: N pictures, S pixels a side, C channels, F features, D embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import blake3
import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.data.arrays import in_batches
from rclip_like.data.pairs import read_pictures
from rclip_like.evaluate.labels import normalised
from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.train.batches import Rows
from rclip_like.train.checkpoint import make_working_file
from rclip_like.train.settings import OnProgress, TrainProgress
from rclip_like.values import Preprocessing, Trouble

Pixels: TypeAlias = npt.NDArray[np.uint8]
BATCH_SIZE = 32


@dataclass(slots=True)
class Captioned:
    """The pictures of a training run in order: digests, names and captions, row by row."""

    names: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    captions: list[tuple[str, ...]] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)

    def fingerprint(self) -> str:
        """Return a digest over all pictures and captions in their order."""
        everything = blake3.blake3()
        for digest, captions in zip(self.digests, self.captions, strict=True):
            everything.update(digest + "\n".join(captions).encode() + b"\0")
        return everything.hexdigest()


def read_pixels(
    data: Path, preprocessing: Preprocessing, into: Captioned, report: OnProgress
) -> Iterator[Pixels]:
    """Yield the pixels (S, S, C) of each usable pair, noting the pair, or why not, in `into`."""
    square = Square.of(preprocessing)
    for read in read_pictures(data, square, ReadSettings()):
        if isinstance(read, Trouble):
            into.skipped.append(read)
            continue
        pair, picture = read
        into.names.append(pair.name)
        into.digests.append(picture.digest)
        into.captions.append(pair.captions)
        report(TrainProgress("reading", len(into.names), 0))
        yield from picture.products[square.name]


def spool_pixels(pictures: Iterable[Pixels], path: Path, size: int) -> Pixels:
    """Write the pictures one after the other and return them mapped into memory, (N, S, S, C)."""
    number = 0
    with make_working_file(path) as stream:
        for pixels in pictures:
            stream.write(pixels.tobytes())
            number += 1
    if not number:
        return np.zeros((0, size, size, 3), np.uint8)
    return np.memmap(path, np.uint8, "r", shape=(number, size, size, 3))


def caption_numbers(captions: Sequence[Sequence[str]]) -> list[tuple[int, ...]]:
    """Return for each row the numbers of its captions, equal captions having equal numbers."""
    numbers: dict[str, int] = {}
    return [
        tuple(numbers.setdefault(normalised(caption), len(numbers)) for caption in row)
        for row in captions
    ]


@dataclass(frozen=True)
class PixelImages:
    """Pictures as pixels (N, S, S, C), normalised when a batch is taken."""

    pixels_NSSC: Pixels
    preprocessing: Preprocessing
    device: torch.device

    def rows(self, rows: Rows) -> torch.Tensor:
        """Return normalised images (N, C, S, S)."""
        return normalise(self.pixels_NSSC[rows], self.preprocessing, self.device)


@dataclass(frozen=True)
class FeatureImages:
    """Pictures as features of the locked part of the image tower, (N, F)."""

    features_NF: torch.Tensor

    def rows(self, rows: Rows) -> torch.Tensor:
        """Return the features (N, F) of the rows."""
        return self.features_NF[torch.from_numpy(rows).to(self.features_NF.device)]


@dataclass(frozen=True)
class ImageSide:
    """How a model's image tower is run in training: whole, or its unlocked head on features."""

    model: Any
    preprocessing: Preprocessing
    device: torch.device
    locked: bool

    def load(self, pictures: Iterable[Pixels], spool: Path) -> PixelImages | FeatureImages:
        """Return the pictures as this side wants them; pixels are kept in the file `spool`."""
        if not self.locked:
            pixels = spool_pixels(pictures, spool, self.preprocessing.size)
            return PixelImages(pixels, self.preprocessing, self.device)
        self.model.visual.eval()
        locked = self.model.visual.trunk if self._has_trunk() else self.model.visual
        with torch.no_grad():
            features = [
                locked(normalise(pixels_NSSC, self.preprocessing, self.device))
                for pixels_NSSC in in_batches(pictures, BATCH_SIZE)
            ]
        return FeatureImages(torch.cat(features) if features else torch.zeros(0, 1))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings (N, D) of a batch's images."""
        if not self.locked:
            embeddings: torch.Tensor = self.model.encode_image(images, normalize=True)
            return embeddings
        head = getattr(self.model.visual, "head", torch.nn.Identity())
        return F.normalize(head(images) if self._has_trunk() else images, dim=-1)

    def _has_trunk(self) -> bool:
        return hasattr(self.model.visual, "trunk")


def normalise(
    pixels_NSSC: Pixels, preprocessing: Preprocessing, device: torch.device
) -> torch.Tensor:
    """Return images (N, C, S, S) as the image tower wants them."""
    images = torch.from_numpy(np.array(pixels_NSSC)).to(device).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(preprocessing.mean, device=device).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, device=device).view(3, 1, 1)
    return (images - mean) / std
