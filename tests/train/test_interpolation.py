"""Models between the start and the trained one (WiSE-FT)."""

from __future__ import annotations

import torch

from rclip_like.train.interpolation import set_between
from rclip_like.train.learner import trained_state


def model(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    made = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    made.register_parameter("logit_scale", torch.nn.Parameter(torch.rand(()) + 2))
    return made


def bits(state: dict[str, torch.Tensor]) -> dict[str, bytes]:
    return {name: value.detach().numpy().tobytes() for name, value in state.items()}


def test_the_ends_have_the_bits_of_the_start_and_of_the_trained_model() -> None:
    between, trained = model(0), model(1)
    start, end = trained_state(between), trained_state(trained)
    for alpha, expected in ((0.25, None), (0.0, start), (1.0, end), (0.0, start)):
        set_between(between, start, end, alpha)
        if expected is not None:
            assert bits(trained_state(between)) == bits(expected)


def test_parameters_and_the_logit_scale_lie_on_the_line_and_buffers_stay() -> None:
    between = model(0)
    between[1].num_batches_tracked.fill_(7)
    start, end = trained_state(between), trained_state(model(1))
    buffers = bits(dict(between.named_buffers()))
    set_between(between, start, end, 0.25)
    for name, value in between.named_parameters():
        torch.testing.assert_close(value, 0.75 * start[name] + 0.25 * end[name])
    assert "logit_scale" in start
    assert bits(dict(between.named_buffers())) == buffers


def test_what_is_frozen_keeps_its_bits() -> None:
    between = model(0)
    between[0].requires_grad_(False)
    before = bits(dict(between[0].named_parameters()))
    set_between(between, trained_state(between), trained_state(model(1)), 0.5)
    assert bits(dict(between[0].named_parameters())) == before
