"""How long a run takes and how much memory and disk, measured on a few pairs beforehand.

Shape suffixes: n pairs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from rclip_like.settings import num_processors
from rclip_like.train.batches import Batch
from rclip_like.train.examples import example_batches, example_learner, usual_tokens
from rclip_like.train.interpolation import ALPHAS
from rclip_like.train.loop import count_steps, num_looks
from rclip_like.train.phases import MOST_HELD_OUT
from rclip_like.train.spool import pixels_bytes
from rclip_like.train.start import Start

_NUM_TIMED, _REPEATED = 4, 8
"""On how many pairs a step is timed; on so many times more where pictures are features, and a step
takes little time."""
_PIXELS_A_SECOND = 4e7
"""What one process decodes of JPEG: a photo of 12 megapixels in 0.3 s. A guess for other formats
and disks, and for the pictures of which no header tells the size."""
_USUAL_PIXELS = 12e6
_PREPARING_BYTES = 1 << 29
"""What decoding and encoding pictures in batches takes beside the model: 0.5 and 0.6 GB with
`builtin` and ViT-B-32."""


class Estimate(NamedTuple):
    """What a run takes at most: peak_bytes of memory of this process, of free_bytes that there are
    for it; disk_bytes in the output folder while it runs; seconds, without early ends.
    """

    peak_bytes: int
    free_bytes: int
    disk_bytes: int
    seconds: float


class _Seconds(NamedTuple):
    """For one picture and one caption without gradient, as features where a tower is locked; for
    one pair in a step; for the features of one picture and of one caption.
    """

    image: float
    text: float
    pair: float
    image_features: float
    text_features: float


def estimate(start: Start) -> Estimate:
    """Return what a run takes, without changing the model, the random state or any file."""
    with torch.random.fork_rng():
        each = _measured(start)
    plan, surveyed, loop = start.plan, start.surveyed, start.plan.loop
    num_pairs = len(surveyed.names)
    num_captions = sum(len(row) for row in surveyed.captions)
    seconds = _reading_seconds(start)
    seconds += num_pairs * each.image_features * plan.locks_image_tower
    seconds += num_captions * each.text_features * plan.locks_text_tower
    visits = count_steps(num_pairs, loop) * loop.batch_size * (plan.folds + 1)
    seconds += visits * each.pair * (4 / 3 if loop.piece_size else 1)
    # Folds are measured at each look on the way from the start, too.
    held_out = min(start.settings.held_out * num_pairs, MOST_HELD_OUT)
    looked_at = num_pairs * (len(ALPHAS) - 1) if plan.folds else held_out
    share = num_captions / num_pairs
    seconds += num_looks(plan.locks_image_tower) * looked_at * (each.image + share * each.text)
    piece_size = loop.piece_size or loop.batch_size
    memory, size = start.memory, start.towers.preprocessing.size
    return Estimate(
        max(memory.peak_bytes(piece_size), memory.own_bytes + _PREPARING_BYTES),
        memory.own_bytes + memory.free_bytes,
        0 if plan.locks_image_tower else pixels_bytes(num_pairs, size, augments=plan.augments),
        seconds,
    )


def _measured(start: Start) -> _Seconds:
    towers, plan = start.towers, start.plan
    learner, size = example_learner(towers, plan, start.settings), towers.preprocessing.size
    number = _NUM_TIMED * (_REPEATED if plan.locks_image_tower else 1)
    pixels = torch.zeros(_NUM_TIMED, size, size, 3, dtype=torch.uint8)
    images = example_batches(towers, start.surveyed)(_NUM_TIMED).images(slice(0, _NUM_TIMED))
    images = images.repeat(number // _NUM_TIMED, *[1] * (images.ndim - 1))
    tokens = usual_tokens(start.surveyed)
    tokens = tokens[torch.arange(number) % len(tokens)].to(towers.device)
    texts = tokens
    if plan.locks_text_tower:
        with torch.no_grad():
            texts = towers.text_split.features(tokens)
    batch = Batch(np.arange(number), images.__getitem__, texts)

    def step() -> None:
        learner.loss(batch, 0).backward()  # type: ignore[no-untyped-call]
        learner.optimiser.zero_grad()

    def features() -> None:
        if plan.locks_image_tower:
            towers.image_split.features(towers.normalise(pixels))

    def text_features() -> None:
        if plan.locks_text_tower:
            towers.text_split.features(tokens)

    pair = _time(step, number)
    with torch.no_grad():
        return _Seconds(
            _time(lambda: towers.encode_images(images), number),
            _time(lambda: towers.encode_texts(texts), number),
            pair,
            _time(features, _NUM_TIMED),
            _time(text_features, number),
        )


def _time(run: Callable[[], object], number: int) -> float:
    """Return the seconds for one of the pairs that are timed."""
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / number


def _reading_seconds(start: Start) -> float:
    sizes = start.surveyed.sizes
    pixels = sum(width * height or _USUAL_PIXELS for width, height in sizes)
    return pixels / (_PIXELS_A_SECOND * num_processors())
