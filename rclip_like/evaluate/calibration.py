"""Calibration: whether a classifier is right as often as its probabilities say.

Everything is computed from logits, because a very small probability would underflow.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.evaluate.intervals import Z, mean_interval, resample
from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.zero_shot import softmax

Logits = npt.NDArray[np.float32]
Truth = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

NUM_BINS = 15
FEWEST_PICTURES = 200
"""With fewer, the ECE of a perfectly calibrated classifier is as large as that of a bad one."""

_WIDEST = np.log(1e4)
_VALUES_AT_ONCE = 1 << 22


class Bin(NamedTuple):
    """The pictures whose confidence is in (low, high]: how many, and how many of them are right.

    confidence: their mean confidence; accuracy: the share that is right. Both are None if num is 0.
    """

    low: float
    high: float
    num: int
    confidence: float | None
    accuracy: float | None


class Calibration(NamedTuple):
    """ECE with bins of equal width and of equal mass, mean NLL in nats, and mean Brier score.

    The Brier score is the sum over labels of the squared errors of the probabilities, in [0, 2].
    """

    num: int
    ece: Interval
    ece_equal_mass: Interval
    nll: Interval
    brier: Interval
    bins: tuple[Bin, ...]


class Predicted(NamedTuple):
    """For each picture the highest probability, whether that label is true, and the losses.

    All are (N,) float64. If t labels share the highest logit and the true label is one of them,
    `correct` is 1 / t.
    """

    confidence: Shares
    correct: Shares
    nll: Shares
    brier: Shares


def calibration(
    logits: Logits, truth: Truth, *, temperature: float = 1.0, seed: int = 0
) -> tuple[Calibration | None, str]:
    """Return how well probabilities are calibrated and ""; or None and the reason.

    logits (N, L) at the model's own scale, divided here by the temperature; truth (N,) label
    numbers. Intervals are bootstrap intervals over pictures. For both ECE they are the figure plus
    and minus 1.96 standard deviations of the resamples: ECE is biased upwards in a sample, and in a
    resample once more, so that percentiles could leave the figure out.
    """
    if len(truth) < FEWEST_PICTURES:
        return None, (
            f"calibration needs at least {FEWEST_PICTURES} pictures with a label,"
            f" but there are {len(truth)}"
        )
    predicted = predict(logits, truth, temperature)
    gap = predicted.correct - predicted.confidence
    by_width, by_mass = bins_of_width(predicted.confidence), bins_of_mass(predicted.confidence)
    return Calibration(
        len(truth),
        _error_interval(by_width, gap, seed),
        _error_interval(by_mass, _even_gap(predicted), seed),
        mean_interval(predicted.nll, seed=seed),
        mean_interval(predicted.brier, seed=seed),
        _bins(by_width, predicted),
    ), ""


def predict(logits: Logits, truth: Truth, temperature: float = 1.0) -> Predicted:
    """Return what logits (N, L), divided by the temperature, predict; truth (N,) label numbers."""
    parts = []
    step = max(1, _VALUES_AT_ONCE // logits.shape[1])
    for start in range(0, len(truth), step):
        some = logits[start : start + step].astype(np.float64) / temperature
        right = truth[start : start + step]
        rows = np.arange(len(right))
        highest = some.max(1, keepdims=True)
        is_first = some == highest
        shares = softmax(some)
        nll = highest[:, 0] + np.log(np.exp(some - highest).sum(1)) - some[rows, right]
        brier = (shares**2).sum(1) - 2 * shares[rows, right] + 1
        correct = is_first[rows, right] / is_first.sum(1)
        parts.append(Predicted(shares.max(1), correct, nll, brier))
    return Predicted(*map(np.concatenate, zip(*parts, strict=True)))


def fit_temperature(logits: Logits, truth: Truth) -> float:
    """Return the temperature that minimises the mean NLL (Guo et al. 2017, section 4.2).

    logits (N, L) and truth (N,) are of validation pictures, which are not measured afterwards. The
    temperature is between 1/10,000 and 10,000; it is at the lower end if no prediction is wrong.
    Raises MeasureError without pictures, and if SciPy is missing.
    """
    if not len(truth):
        raise MeasureError("fitting a temperature needs labelled pictures, but there are none")
    require_research("fitting a temperature")
    from scipy.optimize import minimize_scalar

    def mean_nll(log_temperature: float) -> float:
        return float(predict(logits, truth, float(np.exp(log_temperature))).nll.mean())

    found = minimize_scalar(mean_nll, bounds=(-_WIDEST, _WIDEST), method="bounded")
    return float(np.exp(found.x))


def bins_of_width(confidence: Shares, num_bins: int = NUM_BINS) -> npt.NDArray[np.int64]:
    """Return the number of each confidence's bin, (N,): bin b holds (b / num, (b + 1) / num]."""
    return np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)


def bins_of_mass(confidence: Shares, num_bins: int = NUM_BINS) -> npt.NDArray[np.int64]:
    """Return the number of each confidence's bin, (N,): bins differ by one picture at most."""
    bins = np.empty(len(confidence), dtype=np.int64)
    bins[np.argsort(confidence, kind="stable")] = np.arange(len(bins)) * num_bins // len(bins)
    return bins


def calibration_error(bins: npt.NDArray[np.int64], gap: Shares) -> float:
    """Return ECE: the sum over bins of |the sum of correct - confidence| / N.

    bins (N,) from `bins_of_width` (Guo et al. 2017, equation 3) or `bins_of_mass`; gap (N,).
    """
    return float(np.abs(np.bincount(bins, gap)).sum() / len(bins))


def _even_gap(predicted: Predicted) -> Shares:
    """Return correct - confidence, with `correct` averaged over pictures of equal confidence.

    Bins of equal mass may part such pictures; averaged, it does not matter where.
    """
    _, group_of = np.unique(predicted.confidence, return_inverse=True)
    correct = np.bincount(group_of, predicted.correct) / np.bincount(group_of)
    return np.asarray(correct[group_of] - predicted.confidence)


def _error_interval(bins: npt.NDArray[np.int64], gap: Shares, seed: int) -> Interval:
    """Return the ECE with an interval around it; each draw keeps the bins of the pictures."""
    errors = []
    for draws in resample(len(bins), seed):
        cells = bins[draws] + NUM_BINS * np.arange(len(draws))[:, None]
        sums = np.bincount(cells.ravel(), gap[draws].ravel(), NUM_BINS * len(draws))
        errors.append(np.abs(sums.reshape(-1, NUM_BINS)).sum(1) / len(bins))
    error = calibration_error(bins, gap)
    half = Z * float(np.concatenate(errors).std())
    return Interval(error, max(0.0, error - half), min(1.0, error + half))


def _bins(bins: npt.NDArray[np.int64], predicted: Predicted) -> tuple[Bin, ...]:
    counts = np.bincount(bins, minlength=NUM_BINS)
    sums = np.bincount(bins, predicted.confidence, NUM_BINS)
    right = np.bincount(bins, predicted.correct, NUM_BINS)
    return tuple(
        Bin(
            number / NUM_BINS,
            (number + 1) / NUM_BINS,
            int(n),
            float(sums[number] / n) if n else None,
            float(right[number] / n) if n else None,
        )
        for number, n in enumerate(counts)
    )
