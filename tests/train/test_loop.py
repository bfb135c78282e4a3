"""The learning rate against open_clip's schedule, and past its end."""

from __future__ import annotations

import pytest
import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.loop import learning_rate, warm_up_steps


@pytest.mark.parametrize(("num_steps", "warm_up"), [(100, 0.1), (37, 0.05), (600, 0.0)])
def test_rates_equal_open_clips_cosine(num_steps: int, warm_up: float) -> None:
    import_open_clip()
    from open_clip_train.scheduler import cosine_lr

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = cosine_lr(optimiser, 1e-3, warm_up_steps(num_steps, warm_up), num_steps)
    for step in range(num_steps):
        theirs(step)
        ours = learning_rate(step, num_steps=num_steps, base=1e-3, warm_up=warm_up)
        assert ours == pytest.approx(optimiser.param_groups[0]["lr"], abs=1e-12)


def test_the_rate_is_zero_past_the_end() -> None:
    rates = [learning_rate(step, num_steps=10, base=1.0, warm_up=0.1) for step in (10, 11, 50)]
    assert rates == [0.0, 0.0, 0.0]


def test_a_run_of_one_step_learns() -> None:
    assert learning_rate(0, num_steps=1, base=1.0, warm_up=0.9) == 1.0
