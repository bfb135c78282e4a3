"""A batch in pieces against the same batch at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.train.batches import Batch
from rclip_like.train.equality import EqualNumbers
from rclip_like.train.learner import Learner
from rclip_like.train.pieces import pieces
from rclip_like.train.settings import LoopSettings

NUM = 12


def make_batch(dtype: torch.dtype) -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(NUM, 3, 32, 32, generator=generator, dtype=dtype)
    tokens_NL = torch.zeros(NUM, 32, dtype=torch.long)
    for row, length in enumerate(torch.randint(4, 20, (NUM,), generator=generator).tolist()):
        tokens_NL[row, :length] = torch.randint(1, 40_000, (length,), generator=generator)
        tokens_NL[row, length] = 49_407
    numbers = np.arange(NUM)
    equal = EqualNumbers(numbers[:, None] // 3, numbers // 3, numbers)
    return Batch(numbers, images.__getitem__, tokens_NL, equal)


def make_learner(
    folder: Path, dtype: torch.dtype, piece_size: int | None, *, precision: str = "fp32"
) -> Learner:
    model: Any = load_model(resolve(str(folder))).to(dtype).requires_grad_(True)
    encode = lambda images: model.encode_image(images, normalize=True)  # noqa: E731
    settings = LoopSettings(piece_size=piece_size, max_gradient=float("inf"))
    return Learner(model, encode, settings, precision=precision)


def gradients(learner: Learner, batch: Batch) -> dict[str, torch.Tensor]:
    """Return the gradients of a step that moves nothing."""
    learner.learn(batch, 0, 0.0)
    named = learner.model.named_parameters()
    return {name: value.grad.double() for name, value in named if value.grad is not None}


def difference(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """Return the norm of the difference of all gradients, relative to theirs."""
    assert found.keys() == expected.keys()
    far = sum(float((found[name] - expected[name]).square().sum()) for name in expected)
    return (far / sum(float(value.square().sum()) for value in expected.values())) ** 0.5


def test_pieces_are_as_few_and_as_equal_as_can_be() -> None:
    for number, size, expected in ((12, None, [12]), (12, 5, [4, 4, 4]), (7, 3, [2, 2, 3])):
        parts = pieces(number, size)
        assert [part.stop - part.start for part in parts] == expected
        assert np.concatenate([np.arange(number)[part] for part in parts]).tolist() == list(
            range(number)
        )


@pytest.mark.parametrize("piece_size", [1, 3, 5, 6])
def test_gradients_do_not_depend_on_the_piece_size(piece_size: int, tiny_model: Path) -> None:
    batch = make_batch(torch.float64)
    whole = gradients(make_learner(tiny_model, torch.float64, None), batch)
    assert (
        difference(gradients(make_learner(tiny_model, torch.float64, piece_size), batch), whole)
        <= 1e-10
    )
