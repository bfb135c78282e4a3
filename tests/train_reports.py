"""Reports of training runs, as the tests of their texts need them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import RetrievalFigures
from rclip_like.train.gain import Compared, Gain
from rclip_like.train.plan import Plan
from rclip_like.train.settings import LoopSettings
from rclip_like.train.values import TrainReport
from rclip_like.values import Trouble

KS = (1, 5, 10)


def interval(value: float, width: float = 0.05) -> Interval:
    """Return a value with an interval around it."""
    return Interval(value, value - width, value + width)


def figures(recall: float, number: int) -> RetrievalFigures:
    """Return the figures of so many queries; recall: at 10."""
    by_k = {k: interval(recall * (5 + k) / 15) for k in KS}
    mean = interval(recall / 2)
    return RetrievalFigures(number, 0, number, by_k, by_k, interval(3.0), mean, mean, ())


def compared(before: float, after: float, number: int, width: float) -> Compared:
    """Return the comparison of two models, whose differences have intervals of that width."""
    first, second = figures(before, number), figures(after, number)
    gained = {k: interval(second.recall[k].value - first.recall[k].value, width) for k in KS}
    return Compared(first, second, interval((after - before) / 2, width), gained)


def gain(after: float, number: int = 400, width: float = 0.02) -> Gain:
    """Return the gain of a model with that recall@10 over one with 0.5."""
    found = compared(0.5, after, number, width)
    return Gain(number, found, found, found.gained)


def train_report(
    alpha: float = 0.5, gains: Mapping[float, Gain] | None = None, **changes: object
) -> TrainReport:
    """Return the report of a run that gained most at alpha 0.5, with changes."""
    if gains is None:
        gains = {0.0: gain(0.5), 0.5: gain(0.7), 1.0: gain(0.6)}
    loop = LoopSettings(epochs=10, batch_size=64, lr=2e-4)
    values: dict[str, object] = {
        "output": Path("/home/ann/our-model"),
        "num_pairs": 400,
        "num_held_out": 400,
        "batch_size": 64,
        "num_steps": 120,
        "resumed_at": 0,
        "first_loss": 4.0,
        "last_loss": 3.0,
        "recall_before": {},
        "recall_after": {},
        "skipped": (Trouble(b"/home/ann/pictures/x.jpg", "it is empty"),),
        "notes": (),
        "seconds": 83.2,
        "alpha": alpha,
        "model": "builtin",
        "fingerprint": "ab" * 32,
        "licence": "MIT",
        "data": "pictures",
        "format": "a folder of pictures with .txt files beside them",
        "num_captions": 500,
        "plan": Plan("head", True, True, loop, 5),
        "gain": gains,
        "forgotten": {0.0: interval(0.0, 0.0), 0.5: interval(0.4, 0.5), 1.0: interval(2.0, 0.5)},
        "retained_on": "500 pictures of your index",
        "made_with": {"threads": 2},
    }
    return TrainReport(**(values | changes))  # type: ignore[arg-type]
