"""What training gained on held-out pairs, for each model between the start and the trained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from rclip_like.evaluate.intervals import paired_bootstrap
from rclip_like.evaluate.report import Interval
from rclip_like.train.held_out import RECALL_AT, HeldOut


class Gain(NamedTuple):
    """The held-out pairs of all phases at one alpha.

    recalls: by k, the share of captions with a right picture among the k best. gained: the
    difference of the mean reciprocal rank of captions to that of the starting model.
    """

    recalls: Mapping[int, float]
    gained: Interval


def gains(parts: Sequence[Mapping[float, HeldOut]]) -> dict[float, Gain]:
    """Return the gain by alpha over the held-out pairs of all phases; {} without any."""
    if not parts:
        return {}
    return {
        alpha: _gain([part[0.0] for part in parts], [part[alpha] for part in parts])
        for alpha in parts[0]
    }


def choose_alpha(gain: Mapping[float, Gain]) -> float:
    """Return the alpha that gains most; 0 if none gains beyond its interval, 1 if none is known."""
    if not gain:
        return 1.0
    sure = {alpha: each.gained.value for alpha, each in gain.items() if each.gained.low > 0}
    return max(sure, key=sure.__getitem__, default=0.0)


def _gain(before: Sequence[HeldOut], after: Sequence[HeldOut]) -> Gain:
    first, second = (
        np.concatenate([each.of_captions.reciprocal_ranks for each in parts])
        for parts in (before, after)
    )
    pictures = np.concatenate([each.owners for each in after])
    hits = {k: np.concatenate([each.of_captions.hits[k] for each in after]) for k in RECALL_AT}
    return Gain(
        {k: float(np.nan_to_num(each).mean()) for k, each in hits.items()},
        paired_bootstrap(first, second, groups=pictures),
    )
