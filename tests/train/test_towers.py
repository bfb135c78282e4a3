"""The towers in training give what a search gives, from pixels and from features."""

from __future__ import annotations

from pathlib import Path

import four_towers
import numpy as np
import pytest
import torch

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import load_torch_tower
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings
from rclip_like.train.learner import freeze_statistics
from rclip_like.train.presets import choose_trained
from rclip_like.train.towers import Towers

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
TEXTS = ["a red house on a hill", "a cat", "two dogs and a ball in the snow", "grass"]


@pytest.fixture(params=four_towers.KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return four_towers.save(request.param, tmp_path / "model")


def load(folder: Path) -> Towers:
    specification = resolve(str(folder))
    model, device = load_model(specification), torch.device("cpu")
    freeze_statistics(model)
    return Towers(model, specification.preprocessing, device, True, True)


@torch.no_grad()
def test_pixels_and_features_give_the_embeddings_of_a_search(folder: Path) -> None:
    towers = load(folder)
    expected = load_torch_tower(resolve(str(folder)), EncoderSettings("cpu", "fp32"))
    pixels = torch.from_numpy(PIXELS)
    features = torch.from_numpy(towers.image_features(PIXELS))
    towers.model.eval()
    for images in (pixels, towers.normalise(pixels), features):
        found = towers.encode_images(images).numpy()
        assert np.abs(found - expected.pictures(PIXELS)).max() < 1e-5


@torch.no_grad()
def test_captions_keep_their_order_whatever_their_length(folder: Path) -> None:
    towers = load(folder)
    expected = load_torch_tower(resolve(str(folder)), EncoderSettings("cpu", "fp32"))
    tokens = import_open_clip().SimpleTokenizer(context_length=16)(TEXTS)
    features = torch.from_numpy(towers.text_features(tokens.numpy()))
    towers.model.eval()
    for texts in (tokens, features):
        found = towers.encode_texts(texts).numpy()
        assert np.abs(found - expected.texts(TEXTS)).max() < 1e-5


def test_computing_features_leaves_the_model_as_it_is(folder: Path) -> None:
    towers, untouched = load(folder), load_model(resolve(str(folder)))
    towers.image_features(PIXELS)
    found, expected = towers.model.state_dict(), untouched.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_embeddings_of_features_have_a_gradient(folder: Path) -> None:
    towers = load(folder)
    choose_trained(towers.model, "head", locks_image_tower=True)
    features = torch.from_numpy(towers.image_features(PIXELS))
    towers.encode_images(features)[:, 0].sum().backward()
    (name, *_) = towers.image_split.projection
    assert towers.model.get_parameter(name).grad.abs().sum() > 0
