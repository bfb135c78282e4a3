"""Batches in a seeded order: which rows, which captions, and which pairs do not count as wrong.

Shape suffixes: N pairs of a batch, n of them in a part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from rclip_like.train.equality import Equal, EqualNumbers, caption_table

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's N pairs, whose pictures are read part by part.

    rows (N,): which pairs of the data these are. images: from a part of the batch to its pictures
    (n, ...) as the image tower takes them, equal each time. texts (N, ...), as the text tower takes
    them. equal: which other pairs are not wrong; None: all are.
    """

    rows: Rows
    images: Callable[[slice], torch.Tensor]
    texts: torch.Tensor
    equal: Equal | None = None

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.rows)


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

    def rows(self, rows: Rows, epoch: int | None = None) -> torch.Tensor:
        """Return what the image tower encodes, (N, ...): as an epoch sees it, or unaltered."""
        ...


class Texts(Protocol):
    """Captions by row, as tokens or as features."""

    def rows(self, rows: Rows, drawn: Sequence[int]) -> torch.Tensor:
        """Return what the text tower encodes of the caption drawn for each row, (N, ...)."""
        ...

    def all_of(self, rows: Rows | int) -> torch.Tensor:
        """Return what the text tower encodes of all captions of these rows, or of one, (T, ...)."""
        ...


@dataclass(frozen=True)
class CaptionBatches:
    """Pictures with one or more captions each, one of which is drawn per epoch.

    members: the rows of the pictures that are trained on. captions: the numbers of each row's
    captions; pictures, labels: a number that equal pictures and those of one label share. A picture
    and a caption do not count as a wrong pair when the caption belongs to this picture, to an
    equal one or to one of its label.
    """

    members: Rows
    images: Images
    texts: Texts
    captions: Sequence[tuple[int, ...]]
    pictures: npt.NDArray[np.int64]
    seed: int
    labels: npt.NDArray[np.int64] | None = None

    @property
    def num_pairs(self) -> int:
        """Return the number of pictures trained on."""
        return len(self.members)

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the members with these numbers and the captions that the epoch draws for them."""
        rows = self.members[rows]
        drawn = [draw(len(self.captions[row]), self.seed, epoch, int(row)) for row in rows]
        captions = [self.captions[row] for row in rows]
        labels_N = None if self.labels is None else self.labels[rows]
        return Batch(
            rows,
            lambda part: self.images.rows(rows[part], epoch),
            self.texts.rows(rows, drawn),
            EqualNumbers(
                caption_table(captions),
                np.array([own[number] for own, number in zip(captions, drawn, strict=True)]),
                self.pictures[rows],
                labels_N,
            ),
        )


def draw(number: int, seed: int, epoch: int, row: int) -> int:
    """Return the number of the caption that an epoch takes of a row's captions.

    Each caption is taken once, in an order shuffled by the seed, before one comes again.
    """
    turn, number_in_turn = divmod(epoch, number)
    return _order(number, seed, row, turn)[number_in_turn]


@lru_cache(1 << 16)  # a turn has as many epochs as there are captions, and folds draw the same
def _order(number: int, seed: int, row: int, turn: int) -> tuple[int, ...]:
    return tuple(np.random.default_rng((seed, 1, row, turn)).permutation(number).tolist())


def largest_batch(num_pairs: int, batch_size: int) -> int:
    """Return how many pairs the largest batch of an epoch has, as `epoch_batches` makes them."""
    return math.ceil(num_pairs / math.ceil(num_pairs / batch_size))


def epoch_batches(num_pairs: int, batch_size: int, *, seed: int, epoch: int) -> list[Rows]:
    """Return the rows of each batch of an epoch, a function of the seed and the epoch alone.

    Every row comes once; the batches differ in size by one at most, and none exceeds batch_size.
    """
    order = np.random.default_rng((seed, 0, epoch)).permutation(num_pairs)
    return np.array_split(order, math.ceil(num_pairs / batch_size))
