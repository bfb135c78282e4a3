"""Which parameters are trained, which of them decay, and what is kept frozen."""

from __future__ import annotations

from typing import Any

import torch


def lock_image_tower(model: Any) -> None:
    """Freeze the image tower but for a projection that stands apart from it.

    A timm tower keeps its linear head trainable, as in LiT (Zhai et al. 2022); a tower whose
    projection is its own parameter is frozen whole. Statistics of batch norms are frozen always.
    """
    trunk = getattr(model.visual, "trunk", model.visual)
    trunk.requires_grad_(False)


def freeze_statistics(model: torch.nn.Module) -> None:
    """Put the model into training mode, its batch norms into evaluation mode.

    Small batches would spoil running statistics learnt from a million pictures.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def decays(name: str, value: torch.Tensor) -> bool:
    """Return whether weight decay applies: not to gains, biases and the logit scale."""
    return value.ndim >= 2 and not name.startswith("logit_")


def build_optimiser(model: torch.nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW over what is trained, with betas 0.9 and 0.98 and epsilon 1e-6 as in CLIP."""
    groups: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for name, value in model.named_parameters():
        if value.requires_grad:
            groups[decays(name, value)].append(value)
    return torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        lr=lr,
        betas=(0.9, 0.98),
        eps=1e-6,
    )
