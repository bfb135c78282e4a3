"""Pairs made ready: captions and pictures as tokens and pixels, or as features in memory.

Shape suffixes: N pictures, T captions, L positions, S pixels a side, C channels, F features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import blake3
import numpy as np
import numpy.typing as npt
import torch

from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.train.batches import Rows
from rclip_like.train.checkpoint import make_working_file
from rclip_like.train.survey import Survey, read_rows
from rclip_like.train.values import OnProgress, TrainProgress
from rclip_like.values import Preprocessing, Trouble

Pixels: TypeAlias = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Prepared:
    """The pictures of a survey that could be read, in order: their rows in it, and their digests.

    skipped: the others.
    """

    rows: list[int] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)

    def fingerprint(self, surveyed: Survey) -> str:
        """Return a digest over all pictures and the tokens of their captions, in their order."""
        everything = blake3.blake3()
        for row, digest in zip(self.rows, self.digests, strict=True):
            everything.update(digest + surveyed.tokens[row].tobytes())
        return everything.hexdigest()


def read_pixels(
    surveyed: Survey, preprocessing: Preprocessing, into: Prepared, report: OnProgress
) -> Iterator[Pixels]:
    """Yield the pixels (S, S, C) of each picture that can be read, noting which in `into`."""
    square = Square.of(preprocessing)
    for read in read_rows(surveyed, (square,), ReadSettings()):
        if isinstance(read, Trouble):
            into.skipped.append(read)
            continue
        row, picture = read
        into.rows.append(row)
        into.digests.append(picture.digest)
        report(TrainProgress("reading", len(into.rows), len(surveyed.names)))
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


def caption_numbers(tokens: Sequence[npt.NDArray[np.int64]]) -> list[tuple[int, ...]]:
    """Return for each row the numbers of its captions; those with equal tokens have equal ones."""
    numbers: dict[bytes, int] = {}
    return [
        tuple(numbers.setdefault(tokens_L.tobytes(), len(numbers)) for tokens_L in row)
        for row in tokens
    ]


@dataclass(frozen=True)
class PixelImages:
    """Pictures as pixels (N, S, S, C), normalised when a batch is taken."""

    pixels_NSSC: Pixels
    preprocessing: Preprocessing
    device: torch.device

    def rows(self, rows: Rows, epoch: int | None = None) -> torch.Tensor:
        """Return normalised images (N, C, S, S)."""
        return normalise(self.pixels_NSSC[rows], self.preprocessing, self.device)


@dataclass(frozen=True)
class FeatureImages:
    """Pictures as features of the locked part of the image tower, (N, F)."""

    features_NF: torch.Tensor

    def rows(self, rows: Rows, epoch: int | None = None) -> torch.Tensor:
        """Return the features (N, F) of the rows; every epoch sees the same."""
        return self.features_NF[torch.from_numpy(rows).to(self.features_NF.device)]


@dataclass(frozen=True)
class TokenTexts:
    """The captions of all pictures as tokens, (M, L) for the M captions of a picture."""

    tokens: Sequence[npt.NDArray[np.int64]]

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return the tokens (N, L) of the caption drawn for each row."""
        chosen = [self.tokens[row][number] for row, number in zip(rows, drawn, strict=True)]
        return torch.from_numpy(np.stack(chosen))

    def all_of(self, row: int) -> torch.Tensor:
        """Return the tokens (M, L) of all captions of a row."""
        return torch.from_numpy(self.tokens[row])


@dataclass(frozen=True)
class FeatureTexts:
    """The captions of all pictures as features (T, F) of the locked part of the text tower.

    Those of row r are features_TF[starts[r]:starts[r + 1]].
    """

    features_TF: torch.Tensor
    starts: Rows

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return the features (N, F) of the caption drawn for each row."""
        chosen = self.starts[rows] + np.asarray(drawn, np.int64)
        return self.features_TF[torch.from_numpy(chosen).to(self.features_TF.device)]

    def all_of(self, row: int) -> torch.Tensor:
        """Return the features (M, F) of all captions of a row."""
        return self.features_TF[self.starts[row] : self.starts[row + 1]]


def normalise(
    pixels_NSSC: Pixels, preprocessing: Preprocessing, device: torch.device
) -> torch.Tensor:
    """Return images (N, C, S, S) as the image tower wants them."""
    images = torch.from_numpy(np.array(pixels_NSSC)).to(device).permute(0, 3, 1, 2).float() / 255
    mean = torch.tensor(preprocessing.mean, device=device).view(3, 1, 1)
    std = torch.tensor(preprocessing.std, device=device).view(3, 1, 1)
    return (images - mean) / std
