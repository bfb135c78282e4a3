"""One row that stands for some pictures: their mean, or what sets them apart from all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from rclip_like.errors import UsageError
from rclip_like.evaluate.packages import has_research
from rclip_like.ranking import combine

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Embedding, Embeddings

FEWEST_PROBED = 15
"""With fewer pictures, a probe is not tried."""
FEWEST_OTHERS = 100
_NUM_FOLDS = 5
_TRIED = (1.0, 10.0, 100.0)
_SAME = 0.999
"""Above this cosine, a picture of the background counts as one of the pictures themselves."""


def row_of(
    pictures: Embeddings, background: Embeddings
) -> tuple[Embedding, Literal["mean", "probe"]]:
    """Return a unit row float32 (D,) that finds what is like the pictures, and how it was made.

    pictures: unit rows (N, D), N >= 1. background: unit rows (B, D) of an index's other pictures.
    A linear probe between the two is taken where there are FEWEST_PROBED pictures, FEWEST_OTHERS
    others and scikit-learn, and only if it ranks pictures that were held out better than the mean
    does, by average precision in five folds; else the mean. The same for the same rows. Raises
    UsageError for pictures that cancel out.
    """
    mean = combine(pictures, [1.0] * len(pictures))
    if len(pictures) < FEWEST_PROBED or not has_research():
        return mean, "mean"
    others = background[(background @ pictures.T).max(axis=1) < _SAME]
    if len(others) < FEWEST_OTHERS:
        return mean, "mean"
    from rclip_like.evaluate.probe import fitting

    with fitting():
        precision, best_c = max((_held_out(pictures, others, c), -c) for c in _TRIED)
        if precision <= _held_out(pictures, others, None):
            return mean, "mean"
        return _probed(pictures, others, -best_c), "probe"


def row_of_label(weights: npt.NDArray[np.floating], number: int) -> Embedding:
    """Return the unit row float32 (D,) in which a probe's label lies apart from the others.

    weights: those of the probe (L, D), L >= 2. Raises UsageError if they are all the same.
    """
    wide = weights.astype(np.float64)
    direction = wide[number] - np.delete(wide, number, axis=0).mean(axis=0)
    length = np.linalg.norm(direction)
    if not length > 0:
        raise UsageError("the probe does not separate this label from the others")
    return np.asarray(direction / length, dtype=np.float32)


def _held_out(pictures: Embeddings, others: Embeddings, c: float | None) -> float:
    """Return the mean average precision of held-out pictures by a probe, or the mean for None."""
    found = []
    for fold in range(_NUM_FOLDS):
        held, rest = _split(pictures, fold)
        held_others, rest_others = _split(others, fold)
        row = combine(rest, [1.0] * len(rest)) if c is None else _probed(rest, rest_others, c)
        found.append(average_precision(held @ row, held_others @ row))
    return float(np.mean(found))


def average_precision(right: npt.NDArray[np.floating], wrong: npt.NDArray[np.floating]) -> float:
    """Return the mean precision at each right score, ties counting as wrong before right."""
    ordered = np.sort(right)[::-1]
    above = (wrong[:, np.newaxis] >= ordered).sum(axis=0)
    ranks = np.arange(1, len(ordered) + 1)
    return float(np.mean(ranks / (ranks + above)))


def _split(rows: Embeddings, fold: int) -> tuple[Embeddings, Embeddings]:
    is_held = np.arange(len(rows)) % _NUM_FOLDS == fold
    return rows[is_held], rows[~is_held]


def _probed(pictures: Embeddings, others: Embeddings, c: float) -> Embedding:
    """Return the direction, of unit length, in which a logistic regression separates them."""
    from rclip_like.evaluate.probe import fit_probe

    numbers = np.repeat([0, 1], [len(others), len(pictures)])
    fit = fit_probe(np.concatenate([others, pictures]), numbers, c)
    direction = fit.weights[1]
    return np.asarray(direction / np.linalg.norm(direction), dtype=np.float32)
