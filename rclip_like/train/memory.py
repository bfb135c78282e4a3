"""How much memory training takes, and how many pairs of a step it holds at a time.

Measured on a few pairs before the first step: Linux would kill this program or another one, or the
machine would stall.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import torch

from rclip_like.errors import Advice, Remedy, TrainingError
from rclip_like.images.limits import memory_bytes
from rclip_like.train.batches import Batch
from rclip_like.train.learner import Learner
from rclip_like.train.settings import LoopSettings

_FEW, _MORE = 1, 2
"""The batch sizes that are measured; their difference is what pairs take, without the model."""
_BEYOND_KEPT = 1.1
"""A step's peak memory for each pair, relative to what is kept for the backward pass: 86 to 90 MB
over 81, measured with `builtin`, unlocked, on a CPU, in batches of 8 to 32."""
_STATES, _COPIES = 3, 3
"""Gradients and AdamW's two means, each as large as what is trained, and so are the copies of the
state that a run began with, of the best one so far, and of the one that is being compared."""
_WHOLE_BATCH_BYTES = 1 << 30
"""A batch that takes less is not cut into pieces, which cost a second run of the towers."""
_PIECE = 32
"""How many pairs the pieces have at most: enough to occupy the cores of a CPU."""


class StepMemory(NamedTuple):
    """What a step takes for each pair that is in memory, and beside the pairs; and what is free.

    own_bytes: what the program has taken so far. state_bytes: gradients, the optimiser's means and
    copies of what is trained.
    """

    pair_bytes: float
    state_bytes: int
    own_bytes: int
    free_bytes: int

    def peak_bytes(self, piece_size: int) -> int:
        """Return how much the program has taken at most, with pieces of this size."""
        return int(self.own_bytes + self.state_bytes + piece_size * self.pair_bytes)


def measure_step(learner: Learner, example: Callable[[int], Batch]) -> StepMemory:
    """Return what a step takes, measured on batches of few pairs, which `example` makes.

    The measurement changes neither the model nor the random state.
    """
    with torch.random.fork_rng():
        few, more = (_kept_bytes(learner, example(number)) for number in (_FEW, _MORE))
    own, free = _own_and_free_bytes(learner)
    trained = (value for value in learner.model.parameters() if value.requires_grad)
    trained_bytes = sum(value.numel() * value.element_size() for value in trained)
    copies = _COPIES + bool(learner.settings.penalty)
    return StepMemory(
        _BEYOND_KEPT * (more - few) / (_MORE - _FEW), (_STATES + copies) * trained_bytes, own, free
    )


def choose_piece_size(memory: StepMemory, loop: LoopSettings, *, is_locked: bool) -> int | None:
    """Return how many pairs of a batch are in memory at a time, None for all of them.

    is_locked: whether the image tower is. Raises TrainingError if memory does not hold the pieces
    that the settings ask for, or not even a single pair.
    """
    room = memory.free_bytes - memory.state_bytes
    asked = loop.piece_size and min(loop.piece_size, loop.batch_size)
    size = asked or 1
    if size * memory.pair_bytes > room:
        raise TrainingError(
            f"a step takes about {(memory.state_bytes + size * memory.pair_bytes) / 1e9:.1f} GB of "
            f"memory with {size} {'pair' if size == 1 else 'pairs'} at a time, and there are "
            f"{max(0, memory.free_bytes) / 1e9:.1f} GB",
            *_remedies(size, is_locked, int(room / memory.pair_bytes)),
        )
    if asked:
        return asked
    if loop.batch_size * memory.pair_bytes <= min(_WHOLE_BATCH_BYTES, room / 2):
        return None
    most = min(_PIECE, int(min(2 * _WHOLE_BATCH_BYTES, room / 2) / memory.pair_bytes))
    return min(1 << max(0, most.bit_length() - 1), loop.batch_size)


def out_of_memory(size: int, *, is_locked: bool) -> TrainingError:
    """Return the error for a step that ran out of memory with so many pairs at a time."""
    pairs = "a single pair" if size == 1 else f"{size} pairs"
    return TrainingError(
        f"not enough memory for {pairs} of a step at a time", *_remedies(size, is_locked)
    )


def _kept_bytes(learner: Learner, batch: Batch) -> int:
    """Return how many bytes the forward pass keeps for the backward one, parameters aside."""
    own = {value.untyped_storage().data_ptr() for value in learner.model.parameters()}
    kept: dict[int, int] = {}

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        loss = learner.loss(batch, 0)  # held until all is counted: what is freed is used again
    del loss
    return sum(kept.values())


def _own_and_free_bytes(learner: Learner) -> tuple[int, int]:
    """Return the memory that this program has taken, and how much more it can take."""
    device = learner.device
    if device.type == "cuda":
        return torch.cuda.memory_reserved(device), int(torch.cuda.mem_get_info(device)[0])
    own_bytes, available_bytes = 0, memory_bytes()
    with suppress(OSError, ValueError, IndexError):  # where the system does not say
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        own_bytes = pages * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        # What Linux can give without taking it from other programs.
        available = next(line for line in lines if line.startswith("MemAvail"))
        available_bytes = int(available.split()[1]) << 10
    return own_bytes, min(memory_bytes() - own_bytes, available_bytes)


def _remedies(size: int, is_locked: bool, fitting: int = 0) -> tuple[Advice, ...]:
    smaller: tuple[Advice, ...] = ()
    if size > 1:
        smaller = ((Remedy.USE_SMALLER_PIECES, fitting if 1 <= fitting < size else size // 2),)
    return (*smaller, *(() if is_locked else (Remedy.LOCK_IMAGE_TOWER,)))
