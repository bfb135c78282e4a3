"""A model in training: its two towers on a batch, its loss and its optimiser.

Shape suffixes: N pairs, C channels, S pixels a side, L positions.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from rclip_like.train.batches import Batch
from rclip_like.train.guard import mean_cosine, stop_unless_finite
from rclip_like.train.loss import clamp_log_scale, contrastive_loss, loss_of_chance
from rclip_like.train.settings import LoopSettings
from rclip_like.train.text_tower import encode_texts as run_text_tower
from rclip_like.train.values import StepFigures

Encode = Callable[[torch.Tensor], torch.Tensor]


class Learner:
    """The model, how it encodes a batch, and AdamW over what is not frozen.

    encode_images, encode_texts: from a batch's images and texts to unit rows, with gradient where
    they are trained; by default texts are tokens for the model's own text tower.
    precision: fp32, or bf16 for the towers alone.
    num_done: how many steps the run has taken; None during an optimiser's step, when the
    parameters are partly updated.
    figures: of the last step. guard: sees them before the optimiser's step and raises TrainingError
    where that must not be taken.
    """

    figures: StepFigures | None = None

    def __init__(
        self,
        model: Any,
        encode_images: Encode,
        settings: LoopSettings,
        *,
        encode_texts: Encode | None = None,
        precision: str = "fp32",
    ) -> None:
        self.model = model
        self.precision = precision
        self.encode_images = encode_images
        self.encode_texts = encode_texts or (lambda tokens_NL: run_text_tower(model, tokens_NL))
        self.settings = settings
        self.num_done: int | None = 0
        self.guard: Callable[[StepFigures], None] = stop_unless_finite
        self._likeness: tuple[torch.Tensor, torch.Tensor] | None = None
        self._random = torch.get_rng_state()
        freeze_statistics(model)
        self.optimiser = build_optimiser(model, lr=settings.lr, weight_decay=settings.weight_decay)
        self._start = trained_state(model) if settings.penalty else {}

    def loss(self, batch: Batch, step: int) -> torch.Tensor:
        """Return the contrastive loss of a batch; subclasses may add to it by step."""
        device = self.model.logit_scale.device
        in_bf16 = self.precision == "bf16"
        with torch.autocast(device.type, torch.bfloat16) if in_bf16 else nullcontext():
            images = self.encode_images(batch.images)
            texts = self.encode_texts(batch.texts.to(device))
        self._likeness = mean_cosine(images), mean_cosine(texts)
        return contrastive_loss(
            images.float(), texts.float(), self.model.logit_scale, batch.same_NN.to(device)
        )

    def learn(self, batch: Batch, step: int, lr: float) -> float:
        """Take one step of the optimiser at the learning rate; return the loss before it.

        Raises TrainingError, with all parameters unchanged, where `guard` does: when the loss or
        its gradients are not finite, for instance.
        """
        loss = self.loss(batch, step)
        for group in self.optimiser.param_groups:
            group["lr"] = lr
        self.optimiser.zero_grad()
        trained = [value for value in self.model.parameters() if value.requires_grad]
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(trained, self.settings.max_gradient)
        self.figures = StepFigures(
            step + 1,
            num_pairs=len(batch.same_NN),
            loss=float(loss.detach()),
            floor=0.0,
            chance=loss_of_chance(batch.same_NN),
            logit_scale=float(self.model.logit_scale.detach().exp()),
            gradient_norm=float(norm),
            lr=lr,
            likeness=self._likeness and (float(self._likeness[0]), float(self._likeness[1])),
        )
        self.guard(self.figures)
        self.num_done = None
        self.optimiser.step()
        self._pull_to_start(lr)
        clamp_log_scale(self.model.logit_scale)
        self._random = torch.get_rng_state()
        self.num_done = step + 1
        return self.figures.loss

    @torch.no_grad()
    def _pull_to_start(self, lr: float) -> None:
        """Move weights towards where they began, as decoupled weight decay moves them to zero."""
        for name, value in self.model.named_parameters():
            if name in self._start and is_decayed(name, value):
                value.lerp_(self._start[name], lr * self.settings.penalty)

    def state(self) -> dict[str, Any]:
        """Return what resuming needs: trained parameters, optimiser and random state.

        The random state is that after the last whole step: an interrupted step draws again.
        """
        return {
            "parameters": {
                name: value.detach()
                for name, value in self.model.named_parameters()
                if value.requires_grad
            },
            "optimiser": self.optimiser.state_dict(),
            "random": self._random,
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned for the same model and settings."""
        parameters = dict(self.model.named_parameters())
        for name, value in state["parameters"].items():
            parameters[name].copy_(value)
        self.optimiser.load_state_dict(state["optimiser"])
        self._random = state["random"]
        torch.set_rng_state(self._random)


def lock_image_tower(model: Any) -> None:
    """Freeze the image tower but for a projection that stands apart from it.

    A timm tower keeps its linear head trainable, as in LiT (Zhai et al. 2022); a tower whose
    projection is its own parameter is frozen whole. Statistics of batch norms are frozen always.
    """
    trunk = getattr(model.visual, "trunk", model.visual)
    trunk.requires_grad_(False)


def lock_text_tower(model: Any) -> None:
    """Freeze the text tower but for its projection and the logit scale, if it is a standard one."""
    for name, value in model.named_parameters():
        if not name.startswith(("visual.", "logit_")) and name != "text_projection":
            value.requires_grad_(False)


def freeze_statistics(model: torch.nn.Module) -> None:
    """Put the model into training mode, its batch norms into evaluation mode.

    Small batches would spoil running statistics learnt from a million pictures.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def trained_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return copies of the parameters that are trained, by name."""
    return {
        name: value.detach().clone()
        for name, value in model.named_parameters()
        if value.requires_grad
    }


def is_decayed(name: str, value: torch.Tensor) -> bool:
    """Return whether weight decay applies: not to gains, biases and the logit scale."""
    return value.ndim >= 2 and not name.startswith("logit_")


def build_optimiser(model: torch.nn.Module, *, lr: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW over what is trained, with betas 0.9 and 0.98 and epsilon 1e-6 as in CLIP."""
    groups: dict[bool, list[torch.Tensor]] = {True: [], False: []}
    for name, value in model.named_parameters():
        if value.requires_grad:
            groups[is_decayed(name, value)].append(value)
    return torch.optim.AdamW(
        [
            {"params": groups[True], "weight_decay": weight_decay},
            {"params": groups[False], "weight_decay": 0.0},
        ],
        lr=lr,
        betas=(0.9, 0.98),
        eps=1e-6,
    )
