"""What a run will do, decided before any picture is decoded: by the data, model and machine."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from rclip_like.train.settings import LoopSettings, TrainSettings

Preset: TypeAlias = Literal["head", "last", "all", "lora"]

FEWEST_HELD_OUT_AS_SHARE = 1000
"""With fewer pairs every one is held out once, in folds; with more, a share of them is enough."""
NUM_FOLDS = 5


class Plan(NamedTuple):
    """How a model is trained.

    preset: which parameters. locks_image_tower, locks_text_tower: whether a tower's features are
    computed once and only its projection is trained. folds: in how many parts the pairs take turns
    in being held out; 0: one share is held out. augments: whether pictures are cropped and flipped.
    notes: sentences for the user on what was decided and why.
    """

    preset: Preset
    locks_image_tower: bool
    locks_text_tower: bool
    loop: LoopSettings
    folds: int
    augments: bool = False
    notes: tuple[str, ...] = ()


def make_plan(settings: TrainSettings, num_pairs: int) -> Plan:
    """Return the plan for this number of pairs."""
    asked = settings.loop
    preset: Preset = "head" if settings.preset == "head" else "all"
    folds = settings.folds
    if folds is None:
        folds = NUM_FOLDS if num_pairs < FEWEST_HELD_OUT_AS_SHARE else 0
    loop = LoopSettings(
        epochs=asked.epochs or 10,
        batch_size=asked.batch_size or 256,
        lr=asked.lr or 1e-4,
        seed=asked.seed,
        weight_decay=0.1 if asked.weight_decay is None else asked.weight_decay,
        piece_size=asked.piece_size,
        positives=settings.positives,
    )
    return Plan(
        preset,
        locks_image_tower=settings.lock_image_tower or preset == "head",
        locks_text_tower=preset == "head",
        loop=loop,
        folds=folds,
    )
