"""Split labelled pictures, and draw shots, by content alone: the same for any model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import blake3
import numpy as np
import numpy.typing as npt

TRAIN, VALIDATION, TEST = range(3)
SPLIT_NAMES = ("train", "validation", "test")
"""The names of the three splits, by number."""

_SHARE = 0.2
"""The share of each label's pictures that validates, and the share that tests."""

LEAST_NEAR = 0.85
"""Different photos of one thing seldom have a higher cosine, resized and cropped copies mostly do.

Measured with builtin; it counts where pictures of different labels are very unlike.
"""

_AT_ONCE = 1024

Splits = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]
Cosines = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def split_by_content(
    digests: Sequence[bytes], numbers: Numbers, seed: int, *, with_test: bool = True
) -> Splits:
    """Return the split of each picture (N,): about 60, 20 and 20 per cent of every label.

    numbers (N,): label numbers. digests: distinct; they and the seed alone decide, not the names or
    the order of the pictures. The only picture of a label trains; of two, one trains and one tests;
    three are in three splits. Without `with_test`, no picture tests.
    """
    splits = np.full(len(digests), TRAIN, dtype=np.int8)
    order = _shuffled(digests, f"split {seed}")
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        share = round(_SHARE * len(own))
        num_test = max(share, 1) if len(own) > 1 and with_test else 0
        num_validation = max(share, 1) if len(own) > 2 else 0
        splits[own[:num_test]] = TEST
        splits[own[num_test : num_test + num_validation]] = VALIDATION
    return splits


def draw_shots(
    digests: Sequence[bytes], numbers: Numbers, seed: int, repeat: int, k: int
) -> Numbers:
    """Return the positions of k pictures of each label, ascending; all if a label has fewer.

    The draw depends only on seed, repeat, digests and labels. The draws of one repeat are nested,
    and the repeats are independent of each other.
    """
    ranks = draw_ranks(digests, numbers, seed, repeat)
    return np.flatnonzero(ranks < k)


def draw_ranks(digests: Sequence[bytes], numbers: Numbers, seed: int, repeat: int) -> Numbers:
    """Return the rank (N,), from 0, at which each picture is drawn among those of its label."""
    order = _shuffled(digests, f"draw {seed} {repeat}")
    ranks = np.empty(len(digests), dtype=np.int64)
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        ranks[own] = np.arange(len(own))
    return ranks


def hash_of_draw(digests: Sequence[bytes]) -> str:
    """Return the hexadecimal BLAKE3 of the drawn contents, independent of their order."""
    return str(blake3.blake3(b"".join(sorted(digests))).hexdigest())


class Nearness(NamedTuple):
    """How near each of N pictures comes to others, as cosines (N,), and which are near copies.

    same, different: the highest cosine with a picture of the same label and of a different one; -1
    without such a picture. cosine: the threshold. Pictures of different labels are not copies of
    each other, so it is the cosine that 99 % of the pictures do not exceed with these, at least
    `LEAST_NEAR`. So it suits any model.
    """

    same: Cosines
    different: Cosines
    cosine: float

    @property
    def is_near(self) -> Flags:
        """Whether each picture is nearer than the threshold to one of its own label (N,)."""
        return self.same > self.cosine


def nearness(
    rows_ND: Features, numbers: Numbers, others_MD: Features, other_numbers: Numbers
) -> Nearness:
    """Return how near pictures come to others; numbers (N,), other_numbers (M,): their labels.

    Rows need not have unit length.
    """
    others_MD = others_MD / np.linalg.norm(others_MD, axis=1, keepdims=True)
    same, different = np.full((2, len(rows_ND)), -1.0, dtype=np.float32)
    for start in range(0, len(rows_ND), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        lengths = np.linalg.norm(rows_ND[part], axis=1, keepdims=True)
        cosines = rows_ND[part] @ others_MD.T / lengths
        is_same = numbers[part, None] == other_numbers
        same[part] = cosines.max(axis=1, initial=-1.0, where=is_same)
        different[part] = cosines.max(axis=1, initial=-1.0, where=~is_same)
    highest = np.percentile(different, 99, method="higher") if len(different) else -1.0
    return Nearness(same, different, max(LEAST_NEAR, float(highest)))


def _shuffled(digests: Sequence[bytes], purpose: str) -> Numbers:
    """Return the positions in a random order, which depends only on purpose and digests."""
    keys = [blake3.blake3(purpose.encode() + b"\0" + digest).digest() for digest in digests]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
