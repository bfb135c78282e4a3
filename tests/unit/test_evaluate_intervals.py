"""Intervals against SciPy and against loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ttest_1samp

from rclip_like.errors import MeasureError
from rclip_like.evaluate.intervals import (
    bootstrap_mean,
    bootstrap_median,
    bootstrap_statistic,
    mean_interval,
    paired_bootstrap,
    paired_difference,
    paired_shares,
    repeats,
    wilson,
)


@pytest.mark.parametrize(("right", "num"), [(0, 7), (7, 7), (1, 3), (431, 1996), (1, 1)])
def test_wilson_equals_scipy(right: int, num: int) -> None:
    reference = binomtest(right, num).proportion_ci(0.95, method="wilson")
    assert wilson(right, num) == pytest.approx((right / num, reference.low, reference.high))


def test_wilson_takes_shares_of_ties() -> None:
    assert wilson(3, 10).low < wilson(3.5, 10).low < wilson(4, 10).low


def test_the_interval_of_repeats_is_that_of_student() -> None:
    values = np.random.default_rng(1).normal(size=10)
    reference = ttest_1samp(values, 0).confidence_interval(0.95)
    assert repeats(values) == pytest.approx((values.mean(), reference.low, reference.high))


def test_equal_repeats_have_no_interval() -> None:
    assert math.isnan(repeats(np.full(10, 0.7)).low)


def test_one_repeat_has_no_interval() -> None:
    value, low, high = repeats(np.array([0.5]))
    assert value == 0.5
    assert math.isnan(low)
    assert math.isnan(high)


def test_a_bootstrapped_mean_has_about_the_normal_interval() -> None:
    values = np.random.default_rng(2).normal(size=2000)
    mean, low, high = bootstrap_mean(values, seed=1)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.15 * half)
    assert bootstrap_mean(values, seed=1) == (mean, low, high)
    assert bootstrap_mean(values, seed=2) != (mean, low, high)


def test_a_bootstrap_equals_a_loop_over_its_draws() -> None:
    values = np.random.default_rng(3).normal(size=30)
    by_mean = bootstrap_mean(values, num_resamples=50)
    assert by_mean == pytest.approx(
        bootstrap_statistic(lambda numbers: float(values[numbers].mean()), 30, num_resamples=50)
    )


def test_pictures_are_drawn_with_all_their_captions() -> None:
    """Five equal captions a picture tell no more than one."""
    values = np.random.default_rng(4).integers(0, 2, size=300).astype(float)
    alone = bootstrap_mean(values)
    grouped = bootstrap_mean(np.repeat(values, 5), groups=np.repeat(np.arange(300), 5))
    assert grouped == pytest.approx(alone)
    ungrouped = bootstrap_mean(np.repeat(values, 5))
    assert ungrouped.high - ungrouped.low < 0.6 * (alone.high - alone.low)


def test_groups_of_different_size_count_by_their_values() -> None:
    values, groups = np.array([1.0, 1.0, 1.0, 0.0]), np.array([7, 7, 7, 3])
    assert bootstrap_mean(values, groups=groups) == (0.75, 0.0, 1.0)


def test_a_paired_difference_draws_the_same_pictures_of_both() -> None:
    first = np.random.default_rng(5).normal(size=200)
    interval = paired_bootstrap(first, first + 0.25 + 1e-6 * np.arange(200) / 200)
    assert interval == pytest.approx((0.25, 0.25, 0.25), abs=1e-5)
    assert math.isnan(paired_bootstrap(first, first + 0.25).low)


def test_values_that_are_not_there_belong_to_no_mean() -> None:
    values = np.array([1.0, np.nan, 0.0, 1.0])
    assert bootstrap_mean(values) == bootstrap_mean(np.array([1.0, 0.0, 1.0]))


def test_nothing_has_no_figure() -> None:
    for measure in (
        lambda: wilson(0, 0),
        lambda: repeats(np.array([])),
        lambda: bootstrap_mean(np.array([np.nan])),
        lambda: bootstrap_statistic(float, 0),
    ):
        with pytest.raises(MeasureError, match="cannot be measured"):
            measure()


@pytest.mark.parametrize("num", [1, 2, 30, 31])
def test_a_bootstrapped_median_equals_a_loop_over_its_draws(num: int) -> None:
    values = np.random.default_rng(num).integers(0, 9, size=num).astype(float)
    reference = bootstrap_statistic(
        lambda own: float(np.median(values[own])), num, num_resamples=60
    )
    assert bootstrap_median(values, num_resamples=60) == pytest.approx(reference, nan_ok=True)


def test_the_median_of_captions_draws_whole_pictures() -> None:
    values, groups = np.arange(60.0), np.repeat(np.arange(20), 3)
    by_picture = values.reshape(20, 3)
    assert bootstrap_median(values, groups=groups, num_resamples=60) == pytest.approx(
        bootstrap_statistic(lambda own: float(np.median(by_picture[own])), 20, num_resamples=60)
    )


def test_a_mean_of_zeros_and_ones_has_the_interval_of_wilson() -> None:
    """A bootstrap of twenty right ones draws nothing but right ones, as if that were certain."""
    right = np.ones(20)
    assert mean_interval(right) == wilson(20, 20)
    assert mean_interval(right).low == pytest.approx(0.839, abs=1e-3)
    assert mean_interval(np.array([True, False, np.nan], dtype=object).astype(float)) == wilson(
        1, 2
    )


def test_equal_captions_of_few_pictures_count_as_so_many_pictures() -> None:
    groups = np.repeat(np.arange(20), 5)
    assert mean_interval(np.ones(100), groups=groups) == wilson(20, 20)
    mixed = np.where(np.arange(100) % 3, 1.0, 0.0)
    assert mean_interval(mixed, groups=groups) == bootstrap_mean(mixed, groups=groups)


def test_a_mean_of_other_equal_values_has_no_interval() -> None:
    value, low, high = mean_interval(np.full(9, 0.5))
    assert value == 0.5
    assert math.isnan(low)
    assert math.isnan(high)
    assert math.isnan(bootstrap_statistic(lambda numbers: 1.0, 9).low)


def test_a_mean_of_other_values_is_drawn_anew() -> None:
    values = np.random.default_rng(6).normal(size=30)
    assert mean_interval(values, seed=3) == bootstrap_mean(values, seed=3)


@pytest.mark.parametrize(
    ("gained", "lost", "num", "low", "high"),
    [
        (0, 0, 172, -0.02185, 0.02185),  # z^2 / (n + z^2)
        (1, 7, 21, -0.517, -0.026),  # Fagerland, Lydersen and Laake 2014, their first example
    ],
)
def test_a_paired_difference_of_shares_has_published_intervals(
    gained: int, lost: int, num: int, low: float, high: float
) -> None:
    interval = paired_shares(gained, lost, num)
    assert interval.value == (gained - lost) / num
    assert interval[1:] == pytest.approx((low, high), abs=6e-4)


@pytest.mark.parametrize(
    ("gained", "lost", "num"), [(3, 0, 40), (0, 3, 40), (5, 9, 60), (2, 2, 9), (7, 0, 7)]
)
def test_a_paired_difference_of_shares_inverts_the_score_test(
    gained: int, lost: int, num: int
) -> None:
    """A grid of differences, each with its likeliest tables found by trying, stands for it."""
    _, low, high = paired_shares(gained, lost, num)
    inside = []
    for difference in np.linspace(-0.999, 0.999, 1999):
        losses = np.linspace(max(0, -difference), (1 - difference) / 2, 4001)[1:-1]
        gains = losses + difference
        losses, gains = losses[gains > 0], gains[gains > 0]
        agree = 1 - gains - losses
        logs = (
            gained * np.log(gains) + lost * np.log(losses) + (num - gained - lost) * np.log(agree)
        )
        best = int(np.argmax(logs))
        spread = num * (gains[best] + losses[best] - difference**2)
        if abs(gained - lost - num * difference) <= 1.959964 * math.sqrt(spread):
            inside.append(difference)
    assert low == pytest.approx(max(-1, inside[0]), abs=3e-3)
    assert high == pytest.approx(min(1, inside[-1]), abs=3e-3)


def test_a_difference_of_zeros_and_ones_keeps_its_width() -> None:
    first = np.arange(172) % 4 > 0
    assert paired_difference(first, first) == paired_shares(0, 0, 172)
    second = first.copy()
    second[:3] = True
    assert paired_difference(first, second) == paired_shares(1, 0, 172)
    captions = np.repeat(first, 5)
    groups = np.repeat(np.arange(172), 5)
    assert paired_difference(captions, captions, groups=groups) == paired_shares(0, 0, 172)


def test_other_differences_are_drawn_anew_or_have_no_interval() -> None:
    values = np.random.default_rng(7).normal(size=(2, 30))
    assert paired_difference(*values, seed=2) == paired_bootstrap(*values, seed=2)
    assert math.isnan(paired_difference(values[0], values[0]).low)
