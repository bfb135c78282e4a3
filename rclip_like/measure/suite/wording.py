"""Format figures for the sentences of a section, as the report's tables do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Interval


def percent(share: float | Interval) -> str:
    """Return a share in per cent, with its interval if it has one: "12.3 % (10.0 to 14.9)"."""
    if isinstance(share, tuple):
        ends = f" ({100 * share.low:.1f} to {100 * share.high:.1f})"
        return percent(share.value) + ("" if math.isnan(share.low) else ends)
    return f"{100 * share:.1f} %"


def points(difference: Interval) -> str:
    """Return a difference of shares in points: "+1.2 points (-0.3 to +2.9)"."""
    value, low, high = (f"{100 * each:+.1f}" for each in difference)
    return f"{value} points" + ("" if math.isnan(difference.low) else f" ({low} to {high})")


def is_clear(difference: Interval) -> bool:
    """Return whether the interval of a difference does not contain zero."""
    return difference.low > 0 or difference.high < 0


def listed(names: list[str], most: int = 12) -> str:
    """Return the first names, separated by commas, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")
