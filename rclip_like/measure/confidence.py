"""Measure calibration, at the model's own logit scale and at a fitted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.evaluate.calibration import Calibration, calibration, fit_temperature

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.evaluate.intervals import Numbers


class Confidence(NamedTuple):
    """Calibration at the model's logit scale, on all pictures and on one half of them.

    fitted: on the same half, at the scale divided by `temperature`, which was fitted on the other
    half. All are None if there are too few pictures; `reason` then says so.
    """

    own: Calibration | None
    own_half: Calibration | None = None
    fitted: Calibration | None = None
    temperature: float | None = None
    reason: str = ""


def measure_confidence(logits: npt.NDArray[np.float32], truth: Numbers, seed: int) -> Confidence:
    """Return how well probabilities are calibrated; logits (N, L) at the model's scale.

    The halves are drawn by the seed.
    """
    own, reason = calibration(logits, truth, seed=seed)
    order = np.random.default_rng(seed).permutation(len(truth))
    fitting, rest = order[: len(order) // 2], order[len(order) // 2 :]
    own_half, half_reason = calibration(logits[rest], truth[rest], seed=seed)
    if own is None or own_half is None:
        return Confidence(own, reason=reason or f"after a fit on one half, {half_reason}")
    temperature = fit_temperature(logits[fitting], truth[fitting])
    fitted, _ = calibration(logits[rest], truth[rest], temperature=temperature, seed=seed)
    return Confidence(own, own_half, fitted, temperature)
