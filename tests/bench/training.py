"""Print pairs a second of a training step: python -m bench.training MODEL PAIRS STEPS REPEATS.

Beside ours, the same step made of open_clip's model and loss and torch's optimiser.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import torch

from bench.measure import figures_of
from bench.peer import model
from bench.report import Result
from bench.scale import Scale
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Batch
from rclip_like.train.equality import EqualNumbers
from rclip_like.train.learner import Learner
from rclip_like.train.settings import LoopSettings
from rclip_like.train.towers import Towers

LR = 1e-4
SEED = 0
_END_OF_TEXT = 49_407
_CONTEXT = 77
# A caption's usual length: ten words and the two marks.
_LENGTH = 12
_SAME = 1e-4


def measure_training(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time both in a process of their own."""
    sizes = (str(scale.batch_size), str(scale.num_steps), str(scale.repeats))
    rates = figures_of("bench.training", str(model()), *sizes)
    conditions = {"batch_size": scale.batch_size, "steps": scale.num_steps, **rates}
    yield Result("train", rates["clipfind"], rates["open_clip"], conditions)


def main(folder: str, num_pairs: str, num_steps: str, repeats: str) -> None:
    """Print one JSON object of pairs a second, each the median of as many runs in turn."""
    batch = _batch(int(num_pairs), resolve(folder).preprocessing.size)
    steps = {"clipfind": _our_step(folder, batch), "open_clip": _reference_step(folder, batch)}
    losses = {name: step() for name, step in steps.items()}
    assert abs(losses["clipfind"] - losses["open_clip"]) < _SAME, losses
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(int(repeats)):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(int(num_steps)):
                step()
            seconds[name].append(time.perf_counter() - start)
    done = int(num_pairs) * int(num_steps)
    print(json.dumps({name: done / median(taken) for name, taken in seconds.items()}))


def _batch(num_pairs: int, side: int) -> Batch:
    generator = torch.Generator().manual_seed(SEED)
    tokens_NL = torch.zeros(num_pairs, _CONTEXT, dtype=torch.long)
    tokens_NL[:, :_LENGTH] = torch.randint(1, 40_000, (num_pairs, _LENGTH), generator=generator)
    tokens_NL[:, _LENGTH - 1] = _END_OF_TEXT
    images = torch.randn(num_pairs, 3, side, side, generator=generator)
    numbers = np.arange(num_pairs)
    equal = EqualNumbers(numbers[:, None], numbers, numbers)
    return Batch(numbers, images.__getitem__, tokens_NL, equal)


def _our_step(folder: str, batch: Batch) -> Callable[[], float]:
    specification = resolve(folder)
    network: Any = load_model(specification).requires_grad_(True)
    towers = Towers(
        network,
        specification.preprocessing,
        torch.device("cpu"),
        locks_image_tower=False,
        locks_text_tower=False,
    )
    learner = Learner(
        network, towers.encode_images, LoopSettings(lr=LR), encode_texts=towers.encode_texts
    )
    return lambda: learner.learn(batch, 0, LR).loss


def _reference_step(folder: str, batch: Batch) -> Callable[[], float]:
    import_open_clip()
    from open_clip.loss import ClipLoss

    network: Any = load_model(resolve(folder)).requires_grad_(True).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=LR, betas=(0.9, 0.98), eps=1e-6)

    images = batch.images(slice(0, len(batch)))

    def step() -> float:
        optimiser.zero_grad()
        loss = ClipLoss()(*network(images, batch.texts))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        return float(loss.detach())

    return step


if __name__ == "__main__":
    main(*sys.argv[1:])
