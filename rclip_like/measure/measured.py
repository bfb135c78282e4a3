"""A figure with its interval, and its difference between two models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Self

from rclip_like.evaluate.intervals import bootstrap_statistic, mean_interval, paired_difference
from rclip_like.evaluate.report import Interval

if TYPE_CHECKING:
    from rclip_like.evaluate.intervals import Numbers, Values


class Measured(NamedTuple):
    """A figure with its interval, and what its difference from another model is computed from.

    values, groups: as for `mean_interval`, if the figure is a mean. statistic: as for
    `bootstrap_statistic`, if it is another figure that can be compared; num is then the number of
    pictures.
    """

    interval: Interval
    values: Values | None = None
    groups: Numbers | None = None
    statistic: Callable[[Numbers], float] | None = None
    num: int = 0

    @classmethod
    def mean(cls, values: Values, seed: int, groups: Numbers | None = None) -> Self:
        """Return the mean of values (n,), with `groups` as in `bootstrap_mean`."""
        return cls(mean_interval(values, groups=groups, seed=seed), values, groups)

    @classmethod
    def over_labels(cls, statistic: Callable[[Numbers], float], num: int, seed: int) -> Self:
        """Return a share that is a mean over labels, with an interval around it.

        A resample lowers such a mean by itself, since it has fewer distinct pictures of a label, or
        none. So the interval has the width of the bootstrap interval, but is centred on the share.
        """
        value, low, high = bootstrap_statistic(statistic, num, seed=seed)
        half = (high - low) / 2
        interval = Interval(value, max(0.0, value - half), min(1.0, value + half))
        return cls(interval, statistic=statistic, num=num)

    def minus(self, first: Measured, seed: int) -> Interval | None:
        """Return this figure minus another model's on the same pictures, with a paired bootstrap.

        None for figures without values and statistic.
        """
        if self.values is not None and first.values is not None:
            return paired_difference(first.values, self.values, groups=self.groups, seed=seed)
        ours, theirs = self.statistic, first.statistic
        if ours is None or theirs is None:
            return None
        return bootstrap_statistic(lambda some: ours(some) - theirs(some), self.num, seed=seed)
