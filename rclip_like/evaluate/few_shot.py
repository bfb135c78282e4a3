"""Few-shot probes: their accuracies by the number of shots, and the crossing with zero-shot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import repeats
from rclip_like.evaluate.probe import (
    DEFAULT_C,
    Features,
    Fit,
    Numbers,
    Sweep,
    Tried,
    fit_probe,
    judge,
    sweep,
)
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.splits import draw_shots

_MOST_DRAWN = 0.9
"""Draws with a larger share of the training pictures hardly differ."""


class LabelledFeatures(NamedTuple):
    """Pictures of one split: features (N, D), label numbers (N,), and digests of their contents."""

    features: Features
    numbers: Numbers
    digests: tuple[bytes, ...]


class SplitFeatures(NamedTuple):
    """The three splits of a labelled set; `validation` and `test` may be empty."""

    train: LabelledFeatures
    validation: LabelledFeatures
    test: LabelledFeatures


class Shots(NamedTuple):
    """The repeats of one k, with test accuracies float64 (R,).

    drawn: for each repeat the positions among the training pictures, ascending. sweep: the choice
    of C for all repeats. num_short: labels with fewer than k training pictures, which are then all
    drawn. num_unfinished: fits that did not converge. share_drawn: the share of the training
    pictures in a draw.
    """

    k: int
    accuracies: npt.NDArray[np.float64]
    drawn: tuple[Numbers, ...]
    sweep: Sweep
    num_short: int
    num_unfinished: int
    share_drawn: float = 0.0

    @property
    def is_nearly_all(self) -> bool:
        """Whether a draw takes nearly all training pictures, so that the draws hardly differ."""
        return self.share_drawn >= _MOST_DRAWN

    def mean(self) -> Interval:
        """Return the mean accuracy with Student's interval, within [0, 1].

        The interval is NaN if the draws hardly differ: their spread then says nothing.
        """
        mean, low, high = repeats(self.accuracies)
        if self.is_nearly_all:
            low = high = float("nan")
        return Interval(mean, max(low, 0.0), min(high, 1.0))


def probe_with_shots(
    split: SplitFeatures,
    k: int,
    seed: int,
    num_repeats: int,
    pool: ThreadPoolExecutor,
    on_fit: Callable[[], None],
) -> Shots:
    """Return the test accuracies of probes fitted on k training pictures per label, by repeat.

    All repeats have one C, with the highest mean accuracy on the validation pictures. `on_fit` is
    called after each fit.
    """
    train, validation, test = split
    drawn = tuple(
        draw_shots(train.digests, train.numbers, seed, number, k) for number in range(num_repeats)
    )
    fits: dict[float, list[Fit]] = {}

    def fit_one(own: Numbers, c: float) -> Fit:
        fit = fit_probe(train.features[own], train.numbers[own], c)
        on_fit()
        return fit

    def try_all(cs: Sequence[float]) -> list[Tried]:
        fits.update({c: list(pool.map(fit_one, drawn, repeat(c))) for c in cs})
        return [_mean_judgement(fits[c], validation) for c in cs]

    if len(validation.numbers):
        chosen = sweep(try_all)
    else:
        chosen = Sweep(DEFAULT_C)
        fits[chosen.c] = list(pool.map(fit_one, drawn, repeat(chosen.c)))
    best = fits[chosen.c]
    accuracies = [judge(fit, test.features, test.numbers).accuracy for fit in best]
    counts = np.bincount(train.numbers)
    return Shots(
        k,
        np.array(accuracies),
        drawn,
        chosen,
        int((counts < k).sum()),
        sum(not fit.has_converged for fit in best),
        len(drawn[0]) / len(train.numbers),
    )


def is_on_curve(counts: Numbers, k: int) -> bool:
    """Return whether at least half of the labels have k training pictures; counts (L,)."""
    return bool(2 * (counts >= k).sum() >= len(counts))


def probe_with_all(
    split: SplitFeatures, pool: ThreadPoolExecutor, on_fit: Callable[[], None]
) -> tuple[Fit, Sweep]:
    """Return the probe fitted on training and validation pictures together, and how C was chosen.

    C is chosen first, by fits on the training pictures judged on the validation pictures. `on_fit`
    is called after each fit.
    """
    train, validation, _ = split

    def try_c(c: float) -> Tried:
        tried = judge(fit_probe(train.features, train.numbers, c), *validation[:2])
        on_fit()
        return tried

    chosen = Sweep(DEFAULT_C)
    if len(validation.numbers):
        chosen = sweep(lambda cs: list(pool.map(try_c, cs)))
    features = np.concatenate([train.features, validation.features])
    fit = fit_probe(features, np.concatenate([train.numbers, validation.numbers]), chosen.c)
    on_fit()
    return fit, chosen


def crossing(ks: Sequence[int], accuracies: Sequence[float], level: float) -> float | None:
    """Return the k at which the curve reaches the level, interpolated in log k.

    None if the curve stays below the level, 0.0 if it reaches it at the smallest k.
    """
    below: tuple[float, float] | None = None
    for k, accuracy in zip(ks, accuracies, strict=True):
        if accuracy >= level:
            if below is None:
                return 0.0
            share = (level - below[1]) / (accuracy - below[1])
            return math.exp(math.log(below[0]) + share * math.log(k / below[0]))
        below = float(k), accuracy
    return None


def _mean_judgement(fits: Sequence[Fit], split: LabelledFeatures) -> Tried:
    judged = [judge(fit, split.features, split.numbers) for fit in fits]
    accuracy = float(np.mean([each.accuracy for each in judged]))
    return Tried(fits[0].c, accuracy, float(np.mean([each.loss for each in judged])))
