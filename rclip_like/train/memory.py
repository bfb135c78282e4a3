"""How much memory a training step takes, measured on a few pairs before the first step."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import torch

from rclip_like.errors import Advice, Remedy, TrainingError
from rclip_like.images.limits import memory_bytes
from rclip_like.train.batches import Batch, Batches, epoch_batches
from rclip_like.train.learner import Learner

_FEW, _MORE = 2, 4
"""The batch sizes that are measured; their difference is what pairs take, without the model."""
_BEYOND_KEPT = 1.1
"""A step's peak memory for each pair, relative to what is kept for the backward pass: 86 to 90 MB
over 81, measured with `builtin`, unlocked, on a CPU, in batches of 8 to 32."""
_STATES = 3
"""Gradients and AdamW's two means, each as large as what is trained."""


def refuse_too_large(learner: Learner, batches: Batches, *, is_locked: bool) -> None:
    """Raise TrainingError if a step will take more memory than there is.

    Linux would kill this program or another one, or the machine would stall. The measurement
    changes neither the model nor the random state.
    """
    size = learner.settings.batch_size
    if size <= _MORE:
        return
    rows = epoch_batches(batches.num_pairs, batches.num_pairs, seed=0, epoch=0)[0]
    with torch.random.fork_rng():
        few, more = (_kept_bytes(learner, batches.batch(rows[:n], 0)) for n in (_FEW, _MORE))
    pair = _BEYOND_KEPT * (more - few) / (_MORE - _FEW)
    free = _free_bytes(learner)
    if size * pair > free:
        raise TrainingError(
            f"a step of {size} pairs takes about {size * pair / 1e9:.1f} GB of memory, and there "
            f"are {max(0, free) / 1e9:.1f} GB",
            *_remedies(size, is_locked, int(free / pair)),
        )


def out_of_memory(size: int, *, is_locked: bool) -> TrainingError:
    """Return the error for a step that ran out of memory."""
    return TrainingError(
        f"not enough memory for steps of {size} pairs", *_remedies(size, is_locked)
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


def _free_bytes(learner: Learner) -> int:
    """Return the memory left for pairs, after what gradients and optimiser will take."""
    trained = [value for value in learner.model.parameters() if value.requires_grad]
    states = int(_STATES * sum(value.numel() * value.element_size() for value in trained))
    device = trained[0].device
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) - states
    own_bytes, available_bytes = 0, memory_bytes()
    with suppress(OSError, ValueError, IndexError):  # where the system does not say
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        own_bytes = pages * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, IndexError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        # What Linux can give without taking it from other programs.
        available = next(line for line in lines if line.startswith("MemAvail"))
        available_bytes = int(available.split()[1]) << 10
    return min(memory_bytes() - own_bytes, available_bytes) - states


def _remedies(size: int, is_locked: bool, fitting: int = 0) -> tuple[Advice, ...]:
    smaller = fitting if fitting > 1 else max(2, size // 2)
    locking = () if is_locked else (Remedy.LOCK_IMAGE_TOWER,)
    return ((Remedy.USE_SMALLER_BATCH, smaller), *locking)
