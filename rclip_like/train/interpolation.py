"""Models between the start and the trained one (Wortsman et al. 2022, WiSE-FT)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from rclip_like.train.lora import DOWN

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""The shares of the way from the starting model to the trained one that are compared."""

State = Mapping[str, torch.Tensor]
"""Trained parameters by name."""


@torch.no_grad()
def set_between(model: torch.nn.Module, start: State, trained: State, alpha: float) -> None:
    """Set the trained parameters to (1 - alpha) * start + alpha * trained.

    The bits of `start` for 0 and those of `trained` for 1. Parameters that were not trained, and
    buffers, stay. A low-rank addition is scaled as a whole: one of its two factors is that of
    `trained` for any alpha but 0.
    """
    parameters = dict(model.named_parameters())
    for name, value in start.items():
        is_factor = alpha > 0 and name.endswith("." + DOWN)
        between = trained[name] if is_factor else {0.0: value, 1.0: trained[name]}.get(alpha)
        parameters[name].copy_(
            torch.lerp(value, trained[name], alpha) if between is None else between
        )
