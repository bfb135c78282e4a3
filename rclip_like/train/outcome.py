"""What came of one phase of a run, and how a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from rclip_like.evaluate.retrieval import Retrieved
from rclip_like.train.held_out import HeldOut

PATIENCE = 5
"""A phase ends after so many looks at its held-out pairs without a lower loss."""
LEAST_STEPS = 100
"""No phase ends early before so many steps: the first looks see the learning rate rise."""


class Look(NamedTuple):
    """The held-out pairs after a step: the trained model's loss, and what each alpha finds.

    by_alpha: {} where the loss was all that was wanted.
    """

    loss: float
    by_alpha: Mapping[float, HeldOut]


@dataclass
class Outcome:
    """What came of a phase so far.

    num_steps: the steps taken. looks: by the number of steps taken before each; the look at 0 is at
    the starting model, with alpha 0. best_step, parameters: of the lowest loss on held-out pairs,
    without any of the last step; no parameters of a fold.
    """

    num_steps: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    looks: dict[int, Look] = field(default_factory=dict)
    best_step: int = 0
    parameters: dict[str, torch.Tensor] = field(default_factory=dict)

    def note(self, step: int, loss: float) -> None:
        """Note the loss of a step, counted from 1."""
        self.num_steps, self.last_loss = step, loss
        if self.first_loss is None:
            self.first_loss = loss

    def is_best(self, step: int) -> bool:
        """Return whether no earlier look after the start had a lower loss than this step's."""
        losses = [look.loss for at, look in self.looks.items() if 0 < at < step]
        return not self.looks[step].loss > min(losses, default=np.inf)

    def has_flattened(self) -> bool:
        """Return whether the loss on held-out pairs has not fallen for PATIENCE looks."""
        behind = sum(step > self.best_step for step in self.looks)
        return self.num_steps >= LEAST_STEPS and behind >= PATIENCE

    def by_alpha(self, step: int) -> dict[float, HeldOut]:
        """Return what each model between the start and the trained one of a step finds."""
        return {**self.looks[0].by_alpha, **self.looks[step].by_alpha} if step else {}


def common_step(folds: Sequence[Outcome], *, reached_by: Sequence[Outcome] = ()) -> int:
    """Return after how many steps the mean of the folds' held-out losses is lowest.

    One fold's curve is noisy, and its lowest point says little; all have the same steps until the
    first one ends. reached_by: others that must have been looked at after that step, too.
    """
    looks = [fold.looks for fold in (*folds, *reached_by)]
    steps = set.intersection(*({step for step in each if step} for each in looks))
    return min(sorted(steps), key=lambda step: sum(fold.looks[step].loss for fold in folds))


def held_out_by_alpha(outcomes: Sequence[Outcome]) -> list[dict[float, HeldOut]]:
    """Return for each part of the held-out pairs what each alpha finds; [] without any.

    A fold is measured at the step that is best for the other folds, so that its own pairs have not
    chosen it; if it ended before that, at the best of the steps that it reached. One held-out share
    has chosen its step itself.
    """
    *folds, last = outcomes
    if not folds:
        return [last.by_alpha(last.best_step)] if 0 in last.looks else []
    others = [[other for other in folds if other is not fold] or [fold] for fold in folds]
    return [
        fold.by_alpha(common_step(rest, reached_by=[fold]))
        for fold, rest in zip(folds, others, strict=True)
    ]


def storable(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as a checkpoint can hold it: tensors, numbers and dictionaries."""
    looks = {
        step: {
            "loss": look.loss,
            "by_alpha": {alpha: _as_tensors(found) for alpha, found in look.by_alpha.items()},
        }
        for step, look in outcome.looks.items()
    }
    return vars(outcome) | {"looks": looks}


def restored(stored: dict[str, Any]) -> Outcome:
    """Return what `storable` was given. Damage raises what it happens to raise."""
    looks = {
        int(step): Look(
            float(look["loss"]),
            {float(alpha): _as_arrays(found) for alpha, found in look["by_alpha"].items()},
        )
        for step, look in stored["looks"].items()
    }
    outcome = Outcome(**(stored | {"looks": looks}))
    if not 0 <= outcome.best_step <= outcome.num_steps:
        raise ValueError("no step")
    return outcome


def _as_tensors(found: HeldOut) -> dict[str, Any]:
    return found._asdict() | {
        "owners": torch.from_numpy(found.owners),
        "rows": torch.from_numpy(found.rows),
        "of_texts": _packed(found.of_texts),
        "of_pictures": _packed(found.of_pictures),
    }


def _packed(retrieved: Retrieved) -> dict[str, Any]:
    def pack(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {k: pack(each) for k, each in value.items()}
        return value if isinstance(value, int) else torch.from_numpy(np.ascontiguousarray(value))

    return {key: pack(value) for key, value in retrieved._asdict().items()}


def _as_arrays(stored: dict[str, Any]) -> HeldOut:
    def unpack(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: unpack(each) for k, each in value.items()}
        return value.numpy() if isinstance(value, torch.Tensor) else value

    values = {key: unpack(value) for key, value in stored.items()}
    retrieved = {key: Retrieved(**values[key]) for key in ("of_texts", "of_pictures")}
    return HeldOut(**(values | retrieved))
