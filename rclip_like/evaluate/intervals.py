"""Confidence intervals of 95 %: score intervals of shares, Student's t of repeats, bootstraps.

The ends are NaN if all values are equal, because they then do not show how much others would vary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.report import Interval

NUM_RESAMPLES = 1000
INTERVALS = (
    "Intervals are of 95 %: Wilson's score interval for shares, Tango's for the difference of two "
    "shares on the same pictures, Student's for means of repeated draws. Other means, and shares "
    "over several captions per picture, have percentile bootstrap intervals: whole pictures (for "
    f"words: labels) are resampled {NUM_RESAMPLES:,} times, in pairs for differences. Means over "
    "labels have an interval of this width, centred on the figure; ECE has one of 1.96 standard "
    "deviations of the resamples on both sides. With few pictures chance makes ECE too large; "
    "its interval does not correct that. There is no interval if all values or all resamples are "
    "equal."
)
"""The note on intervals in every report."""

Values: TypeAlias = "npt.NDArray[np.floating] | npt.NDArray[np.bool_]"
Numbers: TypeAlias = "npt.NDArray[np.int64]"

Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
_TAILS = (2.5, 97.5)
_VALUES_AT_ONCE = 1 << 22
_ROUNDING = 1e-12
"""Means of equal values may differ by less."""


def wilson(successes: float, num: float) -> Interval:
    """Return a share with Wilson's score interval (1927), as scipy.stats.binomtest computes it.

    Both may be fractional, since ties count with their expected value. Raises MeasureError if num
    is below 1.
    """
    if num < 1:
        raise MeasureError("a share cannot be measured without pictures")
    share = successes / num
    centre = share + Z**2 / (2 * num)
    half = Z * np.sqrt(share * (1 - share) / num + (Z / (2 * num)) ** 2)
    shrink = 1 + Z**2 / num
    low = 0.0 if successes == 0 else float((centre - half) / shrink)
    high = 1.0 if successes == num else float((centre + half) / shrink)
    return Interval(share, low, high)


def repeats(values: Values) -> Interval:
    """Return the mean of repeated measurements (n,) with Student's t-interval.

    One repeat and equal repeats have no spread: their interval is NaN. Raises MeasureError without
    values, and if SciPy is missing.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 1:
        raise MeasureError("a mean cannot be measured without repeats")
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return Interval(mean, float("nan"), float("nan"))
    require_research("an interval over repeats")
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)


def paired_shares(gained: int, lost: int, num: int) -> Interval:
    """Return the difference of two shares of the same num pictures, with Tango's score interval.

    gained: pictures that are right only in the second share; lost: only in the first. Unlike a
    bootstrap interval, it keeps its width if both are small or 0 (Tango 1998, Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design). Raises
    MeasureError if num is 0.
    """
    if num < 1:
        raise MeasureError("a difference of shares cannot be measured without pictures")

    def score(difference: float) -> float:
        linear = (2 * num - gained + lost) * difference - gained - lost
        constant = -lost * difference * (1 - difference)
        only_first = (np.sqrt(linear**2 - 8 * num * constant) - linear) / (4 * num)
        spread = num * (2 * only_first + difference * (1 - difference))
        excess = gained - lost - num * difference
        return float(excess / np.sqrt(spread)) if spread > 0 else float(np.copysign(np.inf, excess))

    value = (gained - lost) / num
    low = -1.0 if value == -1 else _root(lambda each: score(each) - Z, -1.0, value)
    high = 1.0 if value == 1 else _root(lambda each: score(each) + Z, value, 1.0)
    return Interval(value, low, high)


def mean_interval(values: Values, *, groups: Numbers | None = None, seed: int = 0) -> Interval:
    """Return the mean of values (n,) with the interval that suits them.

    This is `wilson` for zeros and ones with one value per picture, and for equal zeros or ones with
    several per picture; otherwise `bootstrap_mean`. groups and NaN as in `bootstrap_mean`. Raises
    MeasureError if no value is left.
    """
    values, group_of = _numbered(values, groups)
    num_pictures = int(group_of.max()) + 1
    is_share = _is_share(values)
    if is_share and num_pictures == len(values):
        return wilson(float(values.sum()), len(values))
    if is_share and np.ptp(values) == 0:
        return wilson(float(values[0]) * num_pictures, num_pictures)
    return bootstrap_mean(values, groups=group_of, seed=seed)


def paired_difference(
    first: Values, second: Values, *, groups: Numbers | None = None, seed: int = 0
) -> Interval:
    """Return the mean of second - first, (n,) each, with the interval that suits them.

    This is `paired_shares` for zeros and ones with one value per picture, and for equal differences
    of them with several per picture; otherwise `paired_bootstrap`. Both arguments hold values of
    the same pictures; groups as in `bootstrap_mean`.
    """
    before, after = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    changes, group_of = _numbered(after - before, groups)
    num_pictures = int(group_of.max()) + 1
    is_share = _is_share(before) and _is_share(after)
    if is_share and num_pictures == len(changes):
        gained, lost = int((changes > 0).sum()), int((changes < 0).sum())
        return paired_shares(gained, lost, num_pictures)
    if is_share and np.ptp(changes) == 0:
        change = int(changes[0])
        return paired_shares(
            num_pictures * max(change, 0), num_pictures * max(-change, 0), num_pictures
        )
    return bootstrap_mean(changes, groups=group_of, seed=seed)


def bootstrap_mean(
    values: Values,
    *,
    groups: Numbers | None = None,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return the mean of values (n,) with its percentile bootstrap interval.

    groups (n,): the number of each value's picture, if a picture has several values, such as one
    per caption. Then whole pictures are drawn, with all their values. NaN values are left out.
    If all resamples are equal, the interval is NaN. Raises MeasureError if no value is left.
    """
    values, group_of = _numbered(values, groups)
    sums = np.bincount(group_of, values).astype(np.float64)
    counts = np.bincount(group_of).astype(np.float64)
    means = _resampled_means(sums, counts, seed, num_resamples)
    return _interval(float(sums.sum() / counts.sum()), means)


def bootstrap_median(
    values: Values,
    *,
    groups: Numbers | None = None,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return the median of values (n,) with its percentile bootstrap interval.

    groups and NaN as in `bootstrap_mean`. The median of an even number of values is the mean of the
    middle two. If all resamples are equal, the interval is NaN. Raises MeasureError if no value is
    left.
    """
    values, group_of = _numbered(values, groups)
    order = np.argsort(values, kind="stable")
    ordered, group_of = values[order], group_of[order]
    medians = []
    for draws in resample(int(group_of.max()) + 1, seed, num_resamples):
        for drawn in draws:
            times = np.bincount(drawn, minlength=draws.shape[1])[group_of]
            below = np.cumsum(times)
            halves = np.searchsorted(below, [below[-1] / 2, below[-1] / 2 + 0.5], "left")
            medians.append(ordered[halves].mean())
    return _interval(float(np.median(ordered)), np.array(medians))


def paired_bootstrap(
    first: Values,
    second: Values,
    *,
    groups: Numbers | None = None,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return the mean of second - first, (n,) each, with its percentile bootstrap interval.

    Both hold values of the same pictures in the same order, so each draw is paired. groups as in
    `bootstrap_mean`.
    """
    difference = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    return bootstrap_mean(difference, groups=groups, seed=seed, num_resamples=num_resamples)


def bootstrap_statistic(
    statistic: Callable[[Numbers], float],
    num_pictures: int,
    *,
    seed: int = 0,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval:
    """Return a statistic of pictures with its percentile bootstrap interval.

    statistic: takes picture numbers (num_pictures,), which may repeat, and returns its value.
    If all resamples are equal, the interval is NaN. Raises MeasureError without pictures.
    """
    if num_pictures < 1:
        raise MeasureError("a figure cannot be measured without pictures")
    figures = [
        statistic(numbers)
        for draws in resample(num_pictures, seed, num_resamples)
        for numbers in draws
    ]
    return _interval(statistic(np.arange(num_pictures)), np.array(figures))


def resample(num_pictures: int, seed: int, num_resamples: int = NUM_RESAMPLES) -> Iterator[Numbers]:
    """Yield picture numbers drawn with replacement, (n, num_pictures): num_resamples rows."""
    random = np.random.default_rng(seed)
    step = max(1, _VALUES_AT_ONCE // num_pictures)
    for start in range(0, num_resamples, step):
        size = min(step, num_resamples - start), num_pictures
        yield random.integers(num_pictures, size=size)


def _numbered(values: Values, groups: Numbers | None) -> tuple[npt.NDArray[np.float64], Numbers]:
    """Return the values that are not NaN, and the number of each value's picture, from 0."""
    values = np.asarray(values, dtype=np.float64)
    is_there = ~np.isnan(values)
    if not is_there.any():
        raise MeasureError("a mean cannot be measured without values")
    if groups is None:
        return values[is_there], np.arange(int(is_there.sum()))
    _, group_of = np.unique(np.asarray(groups)[is_there], return_inverse=True)
    return values[is_there], group_of


def _resampled_means(
    sums: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], seed: int, num_resamples: int
) -> npt.NDArray[np.float64]:
    means = [
        sums[draws].sum(1) / counts[draws].sum(1)
        for draws in resample(len(sums), seed, num_resamples)
    ]
    return np.concatenate(means)


def _is_share(values: npt.NDArray[np.float64]) -> bool:
    """Return whether all values that are not NaN are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).sum() == (~np.isnan(values)).sum())


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the root of a decreasing function between two numbers, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    """Return the percentile interval, NaN if all resamples are equal."""
    if np.ptp(resampled) < _ROUNDING:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.percentile(resampled, _TAILS)
    return Interval(value, float(low), float(high))
