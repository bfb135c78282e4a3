"""What stays frozen while a model trains."""

from __future__ import annotations

import pytest
import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.learner import freeze_statistics


@pytest.fixture(scope="module")
def timm_model() -> torch.nn.Module:
    """Return a CLIP with a timm tower that has batch norms and a linear head."""
    image = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
    image |= {"timm_pool": "", "timm_proj": "linear", "timm_proj_bias": True, "image_size": 32}
    text = {"context_length": 16, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    torch.manual_seed(0)
    model: torch.nn.Module = import_open_clip().CLIP(16, image, text)
    return model


def test_batch_norms_keep_their_statistics_in_training(timm_model: torch.nn.Module) -> None:
    before = {name: value.clone() for name, value in timm_model.named_buffers()}
    freeze_statistics(timm_model)
    timm_model.encode_image(torch.randn(2, 3, 32, 32))  # type: ignore[operator]
    assert timm_model.training
    assert len(before) > 100
    assert all(torch.equal(value, before[name]) for name, value in timm_model.named_buffers())
