"""From what and how a model was made, and what was left out: facts for its report and its card."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rclip_like.errors import counted
from rclip_like.evaluate.report import Column, Section, Table
from rclip_like.files import lies_in

if TYPE_CHECKING:
    from rclip_like.train.values import TrainReport

_TRAINED = {
    "head": "the projections of both towers",
    "last": "the projections and the last layers",
    "all": "all layers",
    "lora": "low-rank additions to the attention layers, merged into the weights",
}
_MOST_NAMED = 8
"""Of how many reasons for leaving pairs out a report tells."""


def made_with(report: TrainReport, version: str) -> dict[str, object]:
    """Return what a report and a card begin with: data, recipe, versions."""
    plan = report.plan
    made: dict[str, object] = {
        "trained_from": report.model,
        "fingerprint_of_start": report.fingerprint,
        "data": report.data,
        "format": report.format,
        "pairs": report.num_pairs,
        "held_out": report.num_held_out,
        "captions": report.num_captions,
        "captions_cut": len(report.cut),
        "left_out": len(report.skipped),
        "alpha": report.alpha,
        "steps": report.num_steps,
        "batch": _batch(report),
    }
    if report.num_labels:
        made["labels"] = report.num_labels
    if plan is not None:
        locked = " (image tower locked)" * plan.locks_image_tower
        made |= {
            "preset": plan.preset,
            "trained": _TRAINED[plan.preset] + locked,
            "folds": plan.folds,
            "highest_learning_rate": plan.loop.lr,
            "learning_rate_of_layers": plan.loop.lr * plan.loop.towers_lr_share,
            "weight_decay": plan.loop.weight_decay,
            "seed": plan.loop.seed,
        }
    return made | {**report.made_with, "seconds": round(report.seconds), "clipfind": version}


def _batch(report: TrainReport) -> int | str:
    """Return how many pairs a step learnt from, in the last run and, if others, in the folds."""
    if report.fold_batch_size in (0, report.batch_size):
        return report.batch_size
    return f"{report.batch_size:,}, in the folds {report.fold_batch_size:,}"


def left_out(report: TrainReport, *, with_names: bool = False) -> Iterator[Section]:
    """Yield how many pairs were left out for each reason; with_names: and each one with its reason.

    Names are relative to the folder of the data.
    """
    if not report.skipped:
        return
    reasons = Counter(trouble.reason for trouble in report.skipped)
    sentences = [
        f"{counted(number, 'pair')}: {reason}"
        for reason, number in reasons.most_common(_MOST_NAMED)
    ]
    columns = (Column("name", "file", "text"), Column("reason", "reason", "text"))
    rows = tuple((_name(trouble.path, report.folder), trouble.reason) for trouble in report.skipped)
    tables = (Table("left-out", "By name", columns, rows),) if with_names else ()
    yield Section("left-out", "Pairs left out", tuple(sentences), tables)


def _name(path: bytes, folder: bytes) -> str:
    """Return a path relative to the folder; of one that lies elsewhere, the last part."""
    inside = folder and lies_in(path, folder)
    return os.fsdecode(os.path.relpath(path, folder) if inside else os.path.basename(path))
