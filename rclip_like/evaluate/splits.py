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

_AT_ONCE = 1024

Sides = npt.NDArray[np.int8]
Numbers = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]
IsSo = npt.NDArray[np.bool_]


def split_by_content(
    digests: Sequence[bytes], numbers: Numbers, seed: int, *, with_test: bool = True
) -> Sides:
    """Return the side of each picture (N,): of every label about 60, 20 and 20 per cent.

    numbers (N,) are label numbers; digests are distinct, and with the seed they alone decide, not
    the pictures' names or order. One picture of a label trains; of two, one trains and one tests;
    of three, each has a side. Without `with_test`, only the fifth that validates is set apart.
    """
    sides = np.full(len(digests), TRAIN, dtype=np.int8)
    order = _ranks(digests, f"split {seed}")
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        share = round(_SHARE * len(own))
        num_test = max(share, 1) if len(own) > 1 and with_test else 0
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
    places = draw_places(digests, numbers, seed, repeat)
    return np.flatnonzero(places < k)


def draw_places(digests: Sequence[bytes], numbers: Numbers, seed: int, repeat: int) -> Numbers:
    """Return where each picture stands in the order in which its label is drawn, from 0 on (N,)."""
    order = _ranks(digests, f"draw {seed} {repeat}")
    places = np.empty(len(digests), dtype=np.int64)
    for number in np.unique(numbers):
        own = order[numbers[order] == number]
        places[own] = np.arange(len(own))
    return places


def hash_of_draw(digests: Sequence[bytes]) -> str:
    """Return the hexadecimal BLAKE3 of the drawn contents, whatever their order."""
    return str(blake3.blake3(b"".join(sorted(digests))).hexdigest())


def has_near_copy(rows_ND: Features, others_MD: Features, least_cosine: float) -> IsSo:
    """Return which rows have a cosine of more than `least_cosine` with one of the others (N,).

    Shots of one burst are such: on both sides of a split they flatter what is measured.
    """
    others_MD = others_MD / np.linalg.norm(others_MD, axis=1, keepdims=True)
    found = np.zeros(len(rows_ND), dtype=bool)
    for start in range(0, len(rows_ND), _AT_ONCE):
        part = rows_ND[start : start + _AT_ONCE]
        cosines = part @ others_MD.T / np.linalg.norm(part, axis=1, keepdims=True)
        found[start : start + _AT_ONCE] = cosines.max(axis=1, initial=-1.0) > least_cosine
    return found


def _ranks(digests: Sequence[bytes], purpose: str) -> Numbers:
    """Return the positions in an order that the purpose and the digests fix."""
    keys = [blake3.blake3(purpose.encode() + b"\0" + digest).digest() for digest in digests]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
