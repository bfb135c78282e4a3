"""A model in training: its two towers on a batch, its loss and its optimiser.

Shape suffixes: N pairs, C channels, S pixels a side, L positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from rclip_like.train.batches import Batch, Rows
from rclip_like.train.guard import mean_cosine, stop_unless_finite
from rclip_like.train.loss import clamp_log_scale, contrastive_loss, loss_bounds
from rclip_like.train.pieces import RandomState, encode_in_pieces, pieces
from rclip_like.train.presets import fast_names
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
    rows: the pairs of the last batch, as rows of the data.
    guard: sees what a step came to before the optimiser takes it, and raises TrainingError where
    that must not be.
    """

    rows: Rows | None = None

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
        self._random = RandomState.of(self.device)
        freeze_statistics(model)
        self.optimiser = build_optimiser(
            model,
            lr=settings.lr,
            weight_decay=settings.weight_decay,
            towers_lr_share=settings.towers_lr_share,
        )
        self._trained = [value for value in model.parameters() if value.requires_grad]
        self._pulled = self._with_starts() if settings.penalty else []

    @property
    def device(self) -> torch.device:
        """Where the model lies."""
        device: torch.device = self.model.logit_scale.device
        return device

    def loss(self, batch: Batch, step: int) -> torch.Tensor:
        """Return the loss of a batch with its graph, all of it in memory at a time."""
        everything = slice(0, len(batch))
        images_ND, texts_ND = self._images(batch, everything), self._texts(batch, everything)
        return self._loss(images_ND, texts_ND, batch, step)

    def extra_loss(self, step: int) -> torch.Tensor | None:
        """Return what a subclass adds to the contrastive loss of a step; called once a step."""
        return None

    def learn(self, batch: Batch, step: int, lr: float) -> StepFigures:
        """Take one step of the optimiser at the learning rate; return what it came to.

        Pieces of the settings' piece_size are in memory at a time. Raises TrainingError, with all
        parameters unchanged, where `guard` does: when the loss or its gradients are not finite,
        for instance.
        """
        self.rows = batch.rows
        for group in self.optimiser.param_groups:
            group["lr"] = lr * group["lr_share"]
        self.optimiser.zero_grad()
        loss = self._backward(batch, step)
        norm = torch.nn.utils.clip_grad_norm_(self._trained, self.settings.max_gradient)
        bounds = loss_bounds(len(batch), batch.equal, positives=self.settings.positives)
        figures = StepFigures(
            step + 1,
            num_pairs=len(batch),
            loss=float(loss),
            floor=bounds.floor,
            chance=bounds.chance,
            logit_scale=float(self.model.logit_scale.detach().exp()),
            gradient_norm=float(norm),
            lr=lr,
            likeness=self._likeness and (float(self._likeness[0]), float(self._likeness[1])),
        )
        self.guard(figures)
        self.num_done = None
        self.optimiser.step()
        self._pull_to_start(lr)
        clamp_log_scale(self.model.logit_scale)
        self._random = RandomState.of(self.device)
        self.num_done = step + 1
        return figures

    def _backward(self, batch: Batch, step: int) -> torch.Tensor:
        """Add the gradients of the batch's loss to those of the parameters; return the loss."""
        parts = pieces(len(batch), self.settings.piece_size)
        if len(parts) == 1:
            loss = self.loss(batch, step)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        images = encode_in_pieces(lambda part: self._images(batch, part), parts, self.device)
        texts = encode_in_pieces(lambda part: self._texts(batch, part), parts, self.device)
        loss = self._loss(images.embeddings_ND, texts.embeddings_ND, batch, step)
        loss.backward()  # type: ignore[no-untyped-call]
        after = RandomState.of(self.device)
        images.backward(self.device)
        texts.backward(self.device)
        after.restore(self.device)
        return loss.detach()

    def _loss(
        self, images_ND: torch.Tensor, texts_ND: torch.Tensor, batch: Batch, step: int
    ) -> torch.Tensor:
        self._likeness = mean_cosine(images_ND), mean_cosine(texts_ND)
        loss = contrastive_loss(
            images_ND,
            texts_ND,
            self.model.logit_scale,
            batch.equal,
            positives=self.settings.positives,
        )
        extra = self.extra_loss(step)
        return loss if extra is None else loss + extra

    def _images(self, batch: Batch, part: slice) -> torch.Tensor:
        with self._towers_precision():
            return _at_least_fp32(self.encode_images(batch.images(part)))

    def _texts(self, batch: Batch, part: slice) -> torch.Tensor:
        with self._towers_precision():
            return _at_least_fp32(self.encode_texts(batch.texts[part].to(self.device)))

    def _towers_precision(self) -> AbstractContextManager[object]:
        # Opened anew for each piece: it keeps cast weights, and those of a pass without a graph
        # would give the next pass no gradients.
        if self.precision != "bf16":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    @torch.no_grad()
    def _pull_to_start(self, lr: float) -> None:
        """Move weights towards where they began, as decoupled weight decay moves them to zero."""
        for value, start, share in self._pulled:
            value.lerp_(start, min(1.0, lr * share * self.settings.penalty))

    def _with_starts(self) -> list[tuple[torch.Tensor, torch.Tensor, float]]:
        """Return each weight that decays, where it begins, and its share of the learning rate."""
        whole = fast_names(self.model)
        return [
            (value, value.detach().clone(), 1.0 if name in whole else self.settings.towers_lr_share)
            for name, value in self.model.named_parameters()
            if value.requires_grad and is_decayed(name, value)
        ]

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
            "random": self._random._asdict(),
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned for the same model and settings."""
        load_trained(self.model, state["parameters"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._random = RandomState(**state["random"])
        self._random.restore(self.device)


def _at_least_fp32(embeddings_ND: torch.Tensor) -> torch.Tensor:
    """Return what the loss is computed with: half precision would round its sums."""
    return embeddings_ND.to(torch.promote_types(embeddings_ND.dtype, torch.float32))


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


@torch.no_grad()
def load_trained(model: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Give the model these values of its parameters, by name."""
    parameters = dict(model.named_parameters())
    for name, value in values.items():
        parameters[name].copy_(value)


def is_decayed(name: str, value: torch.Tensor) -> bool:
    """Return whether weight decay applies: not to gains, biases and the logit scale.

    The names are told apart as open_clip's trainer does, so that the groups are the same.
    """
    return value.ndim >= 2 and not any(part in name for part in ("bn", "ln", "bias", "logit_scale"))


def build_optimiser(
    model: torch.nn.Module, *, lr: float, weight_decay: float, towers_lr_share: float = 1.0
) -> torch.optim.AdamW:
    """Return AdamW over what is trained, with betas 0.9 and 0.98 and epsilon 1e-6 as in CLIP.

    Each group holds in `lr_share` which share of the learning rate it takes: text projection, logit
    scale and low-rank additions the whole, layers within the towers and the image projection
    `towers_lr_share`.
    """
    whole = fast_names(model) if towers_lr_share != 1 else frozenset()
    groups: dict[tuple[float, bool], list[torch.Tensor]] = {(1.0, True): [], (1.0, False): []}
    for name, value in model.named_parameters():
        if value.requires_grad:
            share = 1.0 if towers_lr_share == 1 or name in whole else towers_lr_share
            groups.setdefault((share, is_decayed(name, value)), []).append(value)
    return torch.optim.AdamW(
        [
            {
                "params": values,
                "weight_decay": weight_decay if decays else 0.0,
                "lr": lr * share,
                "lr_share": share,
            }
            for (share, decays), values in groups.items()
        ],
        lr=lr,
        betas=(0.9, 0.98),
        eps=1e-6,
    )
