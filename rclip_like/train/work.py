"""What the towers of a model compute, and roughly how long a plan would take."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from rclip_like.train.interpolation import ALPHAS
from rclip_like.train.loop import count_steps, num_looks
from rclip_like.train.presets import LAST_SHARE, Choice
from rclip_like.train.settings import LoopSettings
from rclip_like.train.split import split_text_tower
from rclip_like.train.text_tower import encode_texts

OPERATIONS_A_SECOND = {"cpu": 2.5e10, "mps": 1e12, "cuda": 1e13}
"""A rough rate by device, on CPUs for each thread: there `builtin`'s image tower was measured at
2.5e10, that of ViT-B-32 at 6.3e10. A plan must not change from run to run, so that an interrupted
run can go on, and therefore nothing is measured."""


class Machine(NamedTuple):
    """The machine as far as a plan depends on it: kind of device, and threads on a CPU."""

    device: str
    num_threads: int = 1


class Work(NamedTuple):
    """The floating-point operations of a model's towers for one picture, and for a usual caption.

    splits_text: whether the text tower's features can be computed once, and then projected.
    """

    image: float
    text: float
    splits_text: bool


def machine_of(device: torch.device) -> Machine:
    """Return what a plan needs to know of the machine."""
    return Machine(device.type, torch.get_num_threads())


@torch.no_grad()
def count_work(model: Any, image_size: int, tokens_NL: torch.Tensor) -> Work:
    """Return what a model's towers compute, counted on one picture and on these captions."""
    from torch.utils.flop_counter import FlopCounterMode

    device, found = model.logit_scale.device, []
    for run in (
        lambda: model.encode_image(torch.zeros(1, 3, image_size, image_size, device=device)),
        lambda: encode_texts(model, tokens_NL.to(device)),
    ):
        with FlopCounterMode(display=False) as counter:
            run()
        found.append(float(counter.get_total_flops()))
    return Work(found[0], found[1] / len(tokens_NL), bool(split_text_tower(model).projection))


def loop_seconds(
    work: Work,
    choice: Choice,
    loop: LoopSettings,
    num_pairs: int,
    folds: int,
    machine: Machine,
) -> float:
    """Return roughly how long the phases of a run take."""
    visits = count_steps(num_pairs, loop) * loop.batch_size * (folds + 1)
    # Folds are measured at each look for each alpha but the start, a tenth once, and then so.
    number, alphas = num_looks(choice.locks_image_tower), len(ALPHAS) - 1
    looks = num_pairs * (number * alphas if folds else (number + alphas) / 10)
    step = {"head": 0.0, "last": 2 + 2 / LAST_SHARE, "all": 4.0, "lora": 4.0}[choice.preset]
    image = num_pairs if choice.locks_image_tower else visits * step + looks
    text = num_pairs if step == 0 and work.splits_text else visits * step + looks
    rate = OPERATIONS_A_SECOND.get(machine.device, OPERATIONS_A_SECOND["cpu"])
    threads = machine.num_threads if machine.device == "cpu" else 1
    return (image * work.image + text * work.text) / (rate * threads)
