"""What a run will do, decided before any picture is decoded: by the data, model and machine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from rclip_like.errors import Note, Remedy, TrainingError, UsageError
from rclip_like.train.lora import has_attention
from rclip_like.train.presets import RECIPES, Choice, Preset
from rclip_like.train.settings import LoopSettings, TrainSettings
from rclip_like.train.work import Machine, Work, loop_seconds

FEWEST_HELD_OUT_AS_SHARE = 1000
"""With fewer pairs every one is held out once, in folds; with more, a share of them is enough."""
NUM_FOLDS = 5
FEWEST_IN_FOLDS = 2 * NUM_FOLDS
FEWEST_FOR_LAYERS, FEWEST_FOR_ALL = 1000, 10_000
"""From how many pairs on the last layers, and all layers, are trained if nothing else is asked."""
LEAST_STEPS = 100
MOST_VISITS = 200_000
"""How many pairs the epochs of a plan visit at most, as long as there are two epochs."""
LEAST_BATCH, LEAST_BATCHES = 32, 4
"""Layers learn from at least so many batches an epoch, as long as those have so many pairs."""
WARM_UP = 0.05
REASONABLE_SECONDS = 3600
"""How long the loops of a plan that nobody asked for may take."""


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

    def with_piece_size(self, piece_size: int | None) -> Plan:
        """Return the plan with so many pairs of a batch in memory at a time."""
        return self._replace(loop=replace(self.loop, piece_size=piece_size))


def make_plan(
    settings: TrainSettings,
    num_pairs: int,
    model: Any,
    work: Work,
    machine: Machine,
    *,
    measures_pictures: bool,
) -> Plan:
    """Return the plan for this number of pairs, the same for the same arguments.

    model: open_clip's, of which only the kinds of layers count; work: what its towers compute.
    measures_pictures: whether there are general pictures on which the model can be measured before
    and after; without them the image tower stays locked unless settings.unlock_image_tower. Raises
    UsageError for settings that contradict each other, TrainingError for fewer than two pairs.
    """
    if num_pairs < 2:
        raise TrainingError(f"training needs at least two pairs, and there are {num_pairs}")
    _check(settings)
    folds = _folds(settings, num_pairs)
    choices = list(_choices(settings, num_pairs, measures_pictures))
    if settings.preset != "auto":
        choices = choices[:1]
    for choice in choices:
        loop = _loop(settings, choice.preset, num_pairs, folds)
        seconds = loop_seconds(work, choice, loop, num_pairs, folds, machine)
        if seconds <= REASONABLE_SECONDS:
            break
    return Plan(
        choice.preset,
        choice.locks_image_tower,
        locks_text_tower=choice.preset == "head" and work.splits_text,
        loop=loop,
        folds=folds,
        augments=settings.augments and not choice.locks_image_tower,
        notes=tuple(_reasons(settings, choices, choice, model, measures_pictures)),
    )


def _check(settings: TrainSettings) -> None:
    if settings.lock_image_tower and settings.unlock_image_tower:
        raise UsageError("the image tower cannot be both locked and unlocked")
    if settings.preset == "head" and settings.unlock_image_tower:
        raise UsageError("the preset head trains projections alone, with the image tower locked")
    if settings.folds == 1:
        raise UsageError("1 fold leaves no pairs to learn from")


def _choices(settings: TrainSettings, num_pairs: int, measures_pictures: bool) -> Iterator[Choice]:
    """Yield what can be trained, first what can learn most from this number of pairs."""
    presets: tuple[Preset, ...] = ("head",)
    if settings.preset != "auto":
        presets = (settings.preset,)
    elif num_pairs >= FEWEST_FOR_ALL:
        presets = ("all", "last", "head")
    elif num_pairs >= FEWEST_FOR_LAYERS or settings.unlock_image_tower:
        presets = ("last", "head")
    for preset in presets:
        may_unlock = preset != "head" and not settings.lock_image_tower
        if may_unlock and (measures_pictures or settings.unlock_image_tower):
            yield Choice(preset, locks_image_tower=False)
        if not settings.unlock_image_tower:
            yield Choice(preset, locks_image_tower=True)


def _folds(settings: TrainSettings, num_pairs: int) -> int:
    if settings.folds is not None:
        if settings.folds * 2 > num_pairs:
            raise UsageError(
                f"{settings.folds} folds need {2 * settings.folds} pairs, and there are {num_pairs}"
            )
        return settings.folds
    is_few = FEWEST_IN_FOLDS <= num_pairs < FEWEST_HELD_OUT_AS_SHARE
    return NUM_FOLDS if is_few else 0


def _loop(settings: TrainSettings, preset: Preset, num_pairs: int, folds: int) -> LoopSettings:
    asked, recipe = settings.loop, RECIPES[preset]
    batch_size = recipe.batch_size
    if preset != "head":
        batch_size = min(batch_size, max(LEAST_BATCH, num_pairs // LEAST_BATCHES))
    batch_size = min(asked.batch_size or batch_size, num_pairs)
    epochs = asked.epochs or min(recipe.epochs, max(2, MOST_VISITS // num_pairs))
    least_steps = 0 if asked.epochs else LEAST_STEPS
    fewest = num_pairs - math.ceil(num_pairs / folds) if folds else num_pairs
    per_epoch = math.ceil(fewest / batch_size)
    return LoopSettings(
        epochs=epochs,
        batch_size=batch_size,
        lr=asked.lr or recipe.lr,
        towers_lr_share=recipe.towers_lr / recipe.lr,
        seed=asked.seed,
        warm_up=min(WARM_UP, per_epoch / max(epochs * per_epoch, least_steps)),
        weight_decay=recipe.weight_decay if asked.weight_decay is None else asked.weight_decay,
        penalty=recipe.penalty,
        least_steps=least_steps,
        piece_size=asked.piece_size,
        positives=settings.positives,
    )


def _reasons(
    settings: TrainSettings,
    choices: list[Choice],
    choice: Choice,
    model: Any,
    measures_pictures: bool,
) -> Iterator[str]:
    if choice != choices[0]:
        yield (
            f"so many pairs could train more of the model ({_described(choices[0])}), but that "
            f"would take longer than {REASONABLE_SECONDS // 3600} h on this machine"
        )
    asked = settings.lock_image_tower or settings.unlock_image_tower
    if choice.preset != "head" and choice.locks_image_tower and not (asked or measures_pictures):
        yield Note(
            "the image tower stays as it is up to its projection, because there are no other "
            "pictures on which to measure what it forgets",
            Remedy.MEASURE_FORGETTING,
            Remedy.UNLOCK_IMAGE_TOWER,
        )
    if choice.preset == "lora" and not choice.locks_image_tower and not has_attention(model.visual):
        yield "the image tower has no attention layers, so lora leaves it as it is"


def _described(choice: Choice) -> str:
    towers = "the text tower" if choice.locks_image_tower else "both towers"
    layers = {"last": "the last layers of ", "lora": "low-rank additions to "}
    return layers.get(choice.preset, "") + towers
