"""Batches in a seeded order: which rows, which captions, and which pairs do not count as wrong.

Shape suffixes: N pairs of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pairs: images and texts (N, ...) as the towers take them, and equal pairs."""

    images: torch.Tensor
    texts: torch.Tensor
    same_NN: torch.Tensor


class Batches(Protocol):
    """Where a loop's pairs come from; `batch` depends on its arguments alone."""

    @property
    def num_pairs(self) -> int:
        """The number of pairs of an epoch."""
        ...

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the pairs of these rows as an epoch sees them."""
        ...


class Images(Protocol):
    """Pictures by row, as pixels or as features."""

    def rows(self, rows: Rows) -> torch.Tensor:
        """Return what the image tower encodes, (N, ...)."""
        ...


class Texts(Protocol):
    """Captions by row, as tokens or as features."""

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return what the text tower encodes of the caption drawn for each row, (N, ...)."""
        ...

    def all_of(self, row: int) -> torch.Tensor:
        """Return what the text tower encodes of all captions of a row, (M, ...)."""
        ...


@dataclass(frozen=True)
class CaptionBatches:
    """Pictures with one or more captions each, one of which is drawn per epoch.

    members: the rows of the pictures that are trained on. captions: the numbers of each row's
    captions; pictures: a number that equal pictures share. A picture and a caption do not count as
    a wrong pair when the caption belongs to this picture or an equal one.
    """

    members: Rows
    images: Images
    texts: Texts
    captions: Sequence[tuple[int, ...]]
    pictures: npt.NDArray[np.int64]
    seed: int

    @property
    def num_pairs(self) -> int:
        """Return the number of pictures trained on."""
        return len(self.members)

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the members with these numbers and the captions that the epoch draws for them."""
        rows = self.members[rows]
        drawn = [draw(len(self.captions[row]), self.seed, epoch, int(row)) for row in rows]
        chosen = np.array([self.captions[row][m] for row, m in zip(rows, drawn, strict=True)])
        same_NN = np.stack([np.isin(chosen, self.captions[row]) for row in rows])
        same_NN |= self.pictures[rows][:, None] == self.pictures[rows]
        texts = self.texts.rows(rows, drawn)
        return Batch(self.images.rows(rows), texts, torch.from_numpy(same_NN))


def draw(number: int, seed: int, epoch: int, row: int) -> int:
    """Return the number of the caption that an epoch takes of a row's captions.

    Each caption is taken once, in an order shuffled by the seed, before one comes again.
    """
    turn, number_in_turn = divmod(epoch, number)
    order = np.random.default_rng((seed, 1, row, turn)).permutation(number)
    return int(order[number_in_turn])


def epoch_batches(num_pairs: int, batch_size: int, *, seed: int, epoch: int) -> list[Rows]:
    """Return the rows of each batch of an epoch, a function of the seed and the epoch alone.

    Every row comes once; the batches differ in size by one at most, and none exceeds batch_size.
    """
    order = np.random.default_rng((seed, 0, epoch)).permutation(num_pairs)
    return np.array_split(order, math.ceil(num_pairs / batch_size))
