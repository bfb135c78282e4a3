"""Which pictures train, which validate and which test: drawn by content, the same for any model."""

from __future__ import annotations

from collections.abc import Sequence

import blake3
import numpy as np
import numpy.typing as npt

TRAIN, VALIDATION, TEST = range(3)
SIDES = ("train", "validation", "test")
"""The names of the three sides by their numbers."""

_SHARE = 0.2
"""Of each label's pictures that validate, and as many that test; the others train."""

Sides = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int64]


def split_by_content(digests: Sequence[bytes], numbers: Numbers, seed: int) -> Sides:
    """Return the side of each picture (N,): of every label about 60, 20 and 20 per cent.

    numbers (N,) are label numbers; digests are distinct, and with the seed they alone decide, not
    the pictures' names or order. One picture of a label trains; of two, one trains and one tests;
    of three, each has a side.
    """
    sides = np.full(len(digests), TRAIN, dtype=np.int8)
    order = _ranks(digests, f"split {seed}")
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        share = round(_SHARE * len(own))
        num_test = max(share, 1) if len(own) > 1 else 0
        num_validation = max(share, 1) if len(own) > 2 else 0
        sides[own[:num_test]] = TEST
        sides[own[num_test : num_test + num_validation]] = VALIDATION
    return sides


def draw_shots(
    digests: Sequence[bytes], numbers: Numbers, seed: int, repeat: int, k: int
) -> Numbers:
    """Return the positions of k pictures of each label, ascending; all where a label has fewer.

    The draw depends on seed, repeat, digests and labels alone. In one repeat a smaller draw is
    part of every larger one; the repeats are independent of each other.
    """
    order = _ranks(digests, f"draw {seed} {repeat}")
    drawn = [order[numbers[order] == number][:k] for number in np.unique(numbers)]
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=np.int64)


def hash_of_draw(digests: Sequence[bytes]) -> str:
    """Return the hexadecimal BLAKE3 of the drawn contents, whatever their order."""
    return str(blake3.blake3(b"".join(sorted(digests))).hexdigest())


def _ranks(digests: Sequence[bytes], purpose: str) -> Numbers:
    """Return the positions in an order that the purpose and the digests fix."""
    keys = [blake3.blake3(purpose.encode() + b"\0" + digest).digest() for digest in digests]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
