"""Example pairs on which a step is measured before the first picture is decoded.

Shape suffixes: n pairs, M captions of a picture, L positions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from rclip_like.train.batches import Batch
from rclip_like.train.learner import Learner
from rclip_like.train.plan import Plan
from rclip_like.train.settings import TrainSettings
from rclip_like.train.survey import Survey
from rclip_like.train.towers import Towers

_USUAL = 32
"""How many captions, one a picture, stand for the others."""


def example_learner(towers: Towers, plan: Plan, settings: TrainSettings) -> Learner:
    """Return a learner as the plan's phases have it."""
    return Learner(
        towers.model,
        towers.encode_images,
        plan.loop,
        encode_texts=towers.encode_texts,
        precision=settings.computed_in,
    )


def example_batches(towers: Towers, surveyed: Survey) -> Callable[[int], Batch]:
    """Return a maker of batches with n noise pictures and the longest caption to each."""
    captions = (tokens_L for tokens_ML in surveyed.tokens for tokens_L in tokens_ML)
    longest_L = max(captions, key=np.count_nonzero)
    size = towers.preprocessing.size

    def make(number: int) -> Batch:
        images = torch.randint(0, 256, (number, size, size, 3), dtype=torch.uint8)
        texts = torch.from_numpy(longest_L).expand(number, -1)
        with torch.no_grad():
            if towers.locks_image_tower:
                images = towers.image_split.features(towers.normalise(images))
            if towers.locks_text_tower:
                texts = towers.text_split.features(texts.to(towers.device))
        return Batch(np.arange(number), images.__getitem__, texts)

    return make


def usual_tokens(surveyed: Survey) -> torch.Tensor:
    """Return the tokens (n, L) of captions as they usually are."""
    return torch.from_numpy(np.stack([tokens_ML[0] for tokens_ML in surveyed.tokens[:_USUAL]]))
