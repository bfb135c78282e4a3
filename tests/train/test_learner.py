"""One step of learning: where its tensors lie, and what stops it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from rclip_like.errors import TrainingError
from rclip_like.train.batches import Batch
from rclip_like.train.learner import Learner
from rclip_like.train.loss import MAX_LOG_SCALE
from rclip_like.train.settings import LoopSettings


class _Model(torch.nn.Module):
    """Two linear towers on any device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.image = torch.nn.Linear(3, 4, device=device)
        self.text = torch.nn.Linear(5, 4, device=device)
        self.logit_scale = torch.nn.Parameter(torch.zeros((), device=device))

    def encode_text(self, tokens_NL: torch.Tensor, normalize: bool) -> torch.Tensor:
        rows: torch.Tensor = self.text(tokens_NL.float())
        return torch.nn.functional.normalize(rows, dim=-1) if normalize else rows


def _learner(device: str) -> tuple[Learner, Batch]:
    model: Any = _Model(device)
    images = torch.linspace(-1, 1, 6).view(2, 3).to(device)
    rows = np.array([30, 40])
    batch = Batch(rows, images.__getitem__, torch.arange(10).view(2, 5))
    encode = lambda images: torch.nn.functional.normalize(model.image(images), dim=-1)  # noqa: E731
    return Learner(model, encode, LoopSettings()), batch


def test_a_batch_goes_to_where_the_model_lies() -> None:
    learner, batch = _learner("meta")
    assert learner.loss(batch, 0).device.type == "meta"


def test_gradients_that_are_not_finite_stop_before_the_step() -> None:
    learner, batch = _learner("cpu")
    weight = learner.model.text.weight
    weight.register_hook(lambda gradient: gradient * float("inf"))
    before = weight.detach().clone()
    with pytest.raises(TrainingError, match="gradients of step 8 are not finite"):
        learner.learn(batch, 7, 1e-3)
    assert torch.equal(weight, before)


@pytest.mark.parametrize(("start", "expected"), [(MAX_LOG_SCALE, MAX_LOG_SCALE), (0.0, 0.0)])
def test_the_logit_scale_stays_within_its_bounds_after_a_step(
    start: float, expected: float
) -> None:
    learner, batch = _learner("cpu")
    scale = learner.model.logit_scale
    torch.nn.init.constant_(scale, start)
    outwards = -1.0 if start else 1.0
    scale.register_hook(lambda gradient: torch.full_like(gradient, outwards))
    learner.learn(batch, 0, 0.1)
    assert scale.item() == torch.tensor(expected).item()


def test_a_step_tells_what_it_came_to() -> None:
    learner, batch = _learner("cpu")
    expected = learner.loss(batch, 0).item()
    figures = learner.learn(batch, 4, 1e-3)
    assert (figures.step, figures.num_pairs, figures.lr) == (5, 2, 1e-3)
    assert figures.loss == pytest.approx(expected)
    assert (figures.floor, figures.chance) == (0.0, pytest.approx(math.log(2)))
    assert figures.logit_scale == 1.0
    assert figures.gradient_norm > 0
    assert learner.rows is not None
    assert learner.rows.tolist() == [30, 40]
