"""The learning rate by step: a linear warm-up, then half a cosine down to zero."""

from __future__ import annotations

import math


def learning_rate(step: int, *, num_steps: int, base: float, warm_up: float) -> float:
    """Return the learning rate of a step, counted from 0; past the end it stays at zero.

    warm_up: the share of the steps over which the rate rises to `base`. Within the run the
    numbers are those of open_clip's cosine schedule.
    """
    rising = warm_up_steps(num_steps, warm_up)
    if step < rising:
        return base * (step + 1) / rising
    if step >= num_steps:
        return 0.0
    return 0.5 * base * (1 + math.cos(math.pi * (step - rising) / (num_steps - rising)))


def warm_up_steps(num_steps: int, warm_up: float) -> int:
    """Return over how many steps the rate rises: the share of them, rounded, never all."""
    return min(round(warm_up * num_steps), num_steps - 1)
