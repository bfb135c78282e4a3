"""Which parameters decay and which stay frozen."""

from __future__ import annotations

import pytest
import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.learner import build_optimiser, freeze_statistics, lock_image_tower


@pytest.fixture(scope="module")
def timm_model() -> torch.nn.Module:
    """Return a CLIP with a timm tower that has batch norms and a linear head."""
    image = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
    image |= {"timm_pool": "", "timm_proj": "linear", "timm_proj_bias": True, "image_size": 32}
    text = {"context_length": 16, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    model: torch.nn.Module = import_open_clip().CLIP(16, image, text)
    return model


def test_the_parameters_that_decay_are_open_clips(timm_model: torch.nn.Module) -> None:
    optimiser = build_optimiser(timm_model, lr=1e-3, weight_decay=0.2)
    decayed = {id(value) for value in optimiser.param_groups[0]["params"]}
    for name, value in timm_model.named_parameters():
        spared = value.ndim < 2 or any(part in name for part in ("bn", "ln", "bias", "logit_scale"))
        assert (id(value) in decayed) != spared, name
    assert [group["weight_decay"] for group in optimiser.param_groups] == [0.2, 0.0]


def test_a_locked_timm_tower_trains_its_head_alone(timm_model: torch.nn.Module) -> None:
    timm_model.requires_grad_(True)
    lock_image_tower(timm_model)
    visual = [name for name, value in timm_model.visual.named_parameters() if value.requires_grad]
    assert visual == ["head.proj.weight", "head.proj.bias"]


def test_batch_norms_keep_their_statistics_in_training(timm_model: torch.nn.Module) -> None:
    before = {name: value.clone() for name, value in timm_model.named_buffers()}
    freeze_statistics(timm_model)
    timm_model.encode_image(torch.randn(2, 3, 32, 32))  # type: ignore[operator]
    assert timm_model.training
    assert len(before) > 100
    assert all(torch.equal(value, before[name]) for name, value in timm_model.named_buffers())
