"""What came of one phase of a run, and how a checkpoint holds it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rclip_like.evaluate.retrieval import Retrieved
from rclip_like.train.checkpoint import CHECKPOINT, damage_named
from rclip_like.train.held_out import HeldOut


class Outcome(NamedTuple):
    """What came of a phase: its best step, and its held-out pairs by alpha at that step."""

    best_step: int
    first_loss: float | None
    last_loss: float | None
    by_alpha: Mapping[float, HeldOut]


def storable(outcome: Outcome) -> dict[str, Any]:
    """Return a phase's outcome as a checkpoint can hold it: tensors, numbers and dictionaries."""
    by_alpha = {str(alpha): _as_tensors(found) for alpha, found in outcome.by_alpha.items()}
    return {**outcome._asdict(), "by_alpha": by_alpha}


def outcomes_in(output: Path, state: dict[str, Any]) -> list[Outcome]:
    """Return the outcomes of the phases that a loaded checkpoint's run had finished.

    Raises TrainingError when something within it is missing or damaged.
    """
    with damage_named(output / CHECKPOINT):
        if int(state["step"]) < 0 or not {"learner", "best"} <= state.keys():
            raise ValueError("no step")
        return [
            Outcome(
                int(each["best_step"]),
                each["first_loss"],
                each["last_loss"],
                {float(alpha): _held_out(found) for alpha, found in each["by_alpha"].items()},
            )
            for each in state["outcomes"]
        ]


def _as_tensors(found: HeldOut) -> dict[str, Any]:
    def packed(retrieved: Retrieved) -> dict[str, Any]:
        return {
            key: value
            if isinstance(value, int)
            else {str(k): torch.from_numpy(each) for k, each in value.items()}
            if isinstance(value, dict)
            else torch.from_numpy(value)
            for key, value in retrieved._asdict().items()
        }

    return {
        "owners": torch.from_numpy(found.owners),
        "rows": torch.from_numpy(found.rows),
        "of_captions": packed(found.of_captions),
        "of_pictures": packed(found.of_pictures),
        "loss": found.loss,
    }


def _held_out(stored: dict[str, Any]) -> HeldOut:
    def unpacked(packed: dict[str, Any]) -> Retrieved:
        values: dict[str, Any] = {
            key: value
            if isinstance(value, int)
            else {int(k): each.numpy() for k, each in value.items()}
            if isinstance(value, dict)
            else value.numpy()
            for key, value in packed.items()
        }
        return Retrieved(**values)

    return HeldOut(
        stored["owners"].numpy(),
        stored["rows"].numpy(),
        unpacked(stored["of_captions"]),
        unpacked(stored["of_pictures"]),
        float(stored["loss"]),
    )
