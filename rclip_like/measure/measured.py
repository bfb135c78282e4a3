"""A figure with its interval, and its difference between two models."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Self

from rclip_like.evaluate.intervals import bootstrap_statistic, mean_interval, paired_difference
from rclip_like.evaluate.report import Interval

if TYPE_CHECKING:
    from rclip_like.evaluate.intervals import Numbers, Values


class Measured(NamedTuple):
    """A figure of pictures, and what is drawn anew for its interval and its differences.

    values and groups: as `mean_interval` takes them, where the figure is a mean. statistic: as
    `bootstrap_statistic` takes it, where the figure is another one that can be compared; num is
    then the number of pictures.
    """

    interval: Interval
    values: Values | None = None
    groups: Numbers | None = None
    statistic: Callable[[Numbers], float] | None = None
    num: int = 0

    @classmethod
    def mean(cls, values: Values, seed: int, groups: Numbers | None = None) -> Self:
        """Return the mean of values (n,)."""
        return cls(mean_interval(values, groups=groups, seed=seed), values, groups)

    @classmethod
    def over_labels(cls, statistic: Callable[[Numbers], float], num: int, seed: int) -> Self:
        """Return a share that is a mean over labels of what each label's pictures come to.

        Of a label with few pictures, a draw has fewer different ones or none, which lowers such
        means by itself: the interval is as wide as the draws', but around the share.
        """
        value, low, high = bootstrap_statistic(statistic, num, seed=seed)
        half = (high - low) / 2
        interval = Interval(value, max(0.0, value - half), min(1.0, value + half))
        return cls(interval, statistic=statistic, num=num)

    def minus(self, first: Measured, seed: int) -> Interval | None:
        """Return this figure less that of another model on the same pictures, drawn in pairs.

        None for figures that are neither means nor have a statistic.
        """
        if self.values is not None and first.values is not None:
            return paired_difference(first.values, self.values, groups=self.groups, seed=seed)
        ours, theirs = self.statistic, first.statistic
        if ours is None or theirs is None:
            return None
        return bootstrap_statistic(lambda some: ours(some) - theirs(some), self.num, seed=seed)
