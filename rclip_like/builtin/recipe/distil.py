"""Teaching the text tower to follow the teacher, on strings alone.

Shape suffixes: N texts, L positions, D width, T teacher's dimension, E embedding's dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.files import write_whole
from rclip_like.train.text_tower import text_features

REPORT_STEPS = 100
FALL_SHARE = 0.3
"""Share of the steps, at the end, over which the learning rate falls to zero."""


@dataclass(frozen=True, slots=True)
class DistilSettings:
    """How long and how fast the text tower follows the teacher."""

    num_steps: int
    batch_size: int = 384
    lr: float = 1e-3
    token_lr: float = 5e-4
    warm_up_steps: int = 100
    joint_weight: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learnt: tokens (N, L) of the strings and the teacher's unit rows (N, T)."""

    tokens_NL: npt.NDArray[np.uint16]
    targets_NT: npt.NDArray[np.float16]

    def lengths(self) -> npt.NDArray[np.int64]:
        """Return the number of tokens of each string, start and end counted."""
        lengths: npt.NDArray[np.int64] = self.tokens_NL.argmax(axis=1) + 1
        return lengths


def principal_axes(targets_NT: npt.NDArray[np.float16], dimension: int) -> torch.Tensor:
    """Return the orthonormal directions (T, D) that hold most of the teacher's embeddings."""
    sample = torch.from_numpy(targets_NT[:: max(1, len(targets_NT) // 50_000)].astype(np.float32))
    _, vectors = torch.linalg.eigh(sample.T @ sample)
    axes: torch.Tensor = vectors[:, -dimension:].flip(1).contiguous()
    return axes


@torch.no_grad()
def start_as_bag_of_words(model: Any, words_VT: torch.Tensor, axes_TD: torch.Tensor) -> None:
    """Set the text tower so that it begins as a mean over its tokens' meanings.

    Each token starts as what the teacher makes of it alone, the first layer's attention as a plain
    average, and everything after it close to nothing. Measured: a cosine of 0.80 to the teacher
    after 60 steps.
    """
    width = axes_TD.shape[1]
    meanings_VD = F.normalize(words_VT @ axes_TD, dim=1)
    model.token_embedding.weight[: len(meanings_VD)] = meanings_VD
    torch.nn.init.normal_(model.positional_embedding, std=0.01)
    for depth, block in enumerate(model.transformer.resblocks):
        attention = block.attn
        scale = 1.0 if depth == 0 else 0.1
        attention.in_proj_weight[: 2 * width].normal_(std=0.02)
        if depth == 0:
            attention.in_proj_weight[2 * width :] = torch.eye(width)
            attention.out_proj.weight.copy_(torch.eye(width))
        else:
            attention.out_proj.weight.mul_(scale)
        block.mlp.c_proj.weight.mul_(0.1)


def learning_rate_factor(step: int, settings: DistilSettings) -> float:
    """Return the factor on the learning rates: rising, then one, then a line down to zero.

    A longer run begun from a checkpoint before the fall equals one planned as long from the start.
    """
    rise = min(1.0, (step + 1) / settings.warm_up_steps)
    fall = (settings.num_steps - step) / (FALL_SHARE * settings.num_steps)
    return max(0.0, min(rise, fall, 1.0))


def batches(lengths: Sequence[int], size: int, *, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield, for ever, row numbers of batches of like length; each epoch visits every row once."""
    epoch = 0
    while True:
        generator = np.random.default_rng((seed, epoch))
        noisy = np.asarray(lengths) + generator.uniform(0, 1, len(lengths))
        order = np.argsort(noisy, kind="stable")
        groups = np.array_split(order, math.ceil(len(order) / size))
        for chosen in generator.permutation(len(groups)):
            yield groups[chosen]
        epoch += 1


LossOf = Callable[[torch.Tensor], torch.Tensor]
Report = Callable[[int, float, float], None]


class Pupil:
    """The text tower in learning, its throw-away map to the teacher and their optimisers."""

    def __init__(self, model: Any, axes_TD: torch.Tensor, settings: DistilSettings) -> None:
        self.model = model
        self.settings = settings
        self.to_teacher_DT = torch.nn.Parameter(axes_TD.T.clone())
        model.token_embedding.sparse = True
        table = model.token_embedding.weight
        others = [
            value
            for name, value in model.named_parameters()
            if value is not table and not name.startswith(("visual.", "text_proj", "logit_"))
        ]
        self.optimisers: dict[float, torch.optim.Optimizer] = {
            settings.lr: torch.optim.AdamW(
                [*others, self.to_teacher_DT], betas=(0.9, 0.98), weight_decay=0.0, fused=True
            ),
            settings.token_lr: torch.optim.SparseAdam([table], betas=(0.9, 0.98)),
        }

    def follow(self, tokens_NL: torch.Tensor) -> torch.Tensor:
        """Return the pupil's guess of the teacher's embeddings, unit rows (N, T)."""
        return F.normalize(text_features(self.model, tokens_NL) @ self.to_teacher_DT, dim=1)

    def step(self, step: int, tokens_NL: torch.Tensor, loss_of: LossOf) -> float:
        """Learn from one batch; return its loss. Raises when that is not finite, unchanged."""
        factor = learning_rate_factor(step, self.settings)
        loss = loss_of(self.follow(tokens_NL))
        for lr, optimiser in self.optimisers.items():
            optimiser.zero_grad()
            optimiser.param_groups[0]["lr"] = lr * factor
        loss.backward()  # type: ignore[no-untyped-call]
        assert math.isfinite(loss.item()), f"loss not finite at step {step}"
        torch.nn.utils.clip_grad_norm_(self._dense_parameters(), 1.0)
        for optimiser in self.optimisers.values():
            optimiser.step()
        return loss.item()

    def state(self, step: int) -> dict[str, Any]:
        """Return everything from which learning resumes exactly."""
        return {
            "step": step,
            "model": text_state(self.model),
            "to_teacher": self.to_teacher_DT.detach(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers.values()],
        }

    @torch.no_grad()
    def restore(self, state: dict[str, Any]) -> int:
        """Take up what `state` gave; return its step."""
        self.model.load_state_dict(state["model"], strict=False)
        self.to_teacher_DT.copy_(state["to_teacher"])
        for optimiser, saved in zip(self.optimisers.values(), state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        return int(state["step"])

    def _dense_parameters(self) -> list[torch.Tensor]:
        return [
            value
            for group in self.optimisers[self.settings.lr].param_groups
            for value in group["params"]
        ]


def text_state(model: Any) -> dict[str, torch.Tensor]:
    """Return the text tower's part of the model's state."""
    return {k: v for k, v in model.state_dict().items() if not k.startswith("visual.")}


def following_loss(
    guesses_NT: torch.Tensor, targets_NT: torch.Tensor, joint_TE: torch.Tensor | None, weight: float
) -> torch.Tensor:
    """Return 1 - cosine to the teacher, plus the same after the map into the joint space."""
    loss = 1 - (guesses_NT * targets_NT).sum(1).mean()
    if joint_TE is not None:
        ours, theirs = (F.normalize(rows @ joint_TE, dim=1) for rows in (guesses_NT, targets_NT))
        loss = loss + weight * (1 - (ours * theirs).sum(1).mean())
    return loss


def distil(
    pupil: Pupil, lesson: Lesson, checkpoint: Path, joint_TE: torch.Tensor | None, report: Report
) -> None:
    """Teach the pupil all its steps, resuming from the checkpoint where there is one."""
    settings = pupil.settings
    start = pupil.restore(torch.load(checkpoint)) if checkpoint.exists() else 0
    held_out = np.arange(0, len(lesson.tokens_NL), 97)
    learnt = np.setdiff1d(np.arange(len(lesson.tokens_NL)), held_out)
    order = batches(lesson.lengths()[learnt].tolist(), settings.batch_size, seed=settings.seed)
    for step in range(settings.num_steps):
        rows = learnt[next(order)]
        if step < start:
            continue
        tokens_NL, targets_NT = lesson_batch(lesson, rows)
        loss = pupil.step(
            step,
            tokens_NL,
            lambda guesses, targets=targets_NT: following_loss(  # type: ignore[misc]
                guesses, targets, joint_TE, settings.joint_weight
            ),
        )
        if (step + 1) % REPORT_STEPS == 0 or step + 1 == settings.num_steps:
            write_checkpoint(checkpoint, pupil.state(step + 1))
            report(step + 1, loss, agreement(pupil, lesson, held_out))


@torch.inference_mode()
def agreement(pupil: Pupil, lesson: Lesson, rows: npt.NDArray[np.int64]) -> float:
    """Return the mean cosine between pupil and teacher on the given rows."""
    ordered = rows[np.argsort(lesson.lengths()[rows], kind="stable")]
    total = 0.0
    for part in np.array_split(ordered, max(1, len(ordered) // 256)):
        tokens_NL, targets_NT = lesson_batch(lesson, part)
        total += float((pupil.follow(tokens_NL) * targets_NT).sum())
    return total / len(rows)


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint whole or not at all."""
    with write_whole(path) as draft, draft.open("wb") as stream:
        torch.save(state, stream)


def lesson_batch(lesson: Lesson, rows: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the tokens (N, L) and the teacher's rows (N, T) of some strings."""
    tokens_NL = torch.from_numpy(lesson.tokens_NL[rows].astype(np.int64))
    return tokens_NL, torch.from_numpy(lesson.targets_NT[rows].astype(np.float32))
