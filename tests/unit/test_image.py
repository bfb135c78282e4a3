"""Image towers in NumPy against torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import skimage.data
from PIL import Image
from tiny_model import make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models.image import ImageTower, supports
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.settings import EncoderSettings


def image_model(folder: Path, **vision_cfg: Any) -> ModelSpecification:
    config = tiny_config()
    return resolve(str(make_tiny_model(folder, vision_cfg=config["vision_cfg"] | vision_cfg)))


def photos(side: int) -> np.ndarray:
    named = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    return np.stack([np.asarray(Image.fromarray(each).resize((side, side))) for each in named])


def assert_equals_torch(specification: ModelSpecification) -> None:
    from rclip_like.models.encoder import load_encoder

    assert supports(specification)
    pixels = photos(specification.preprocessing.size)
    tower = ImageTower.load(specification)
    ours = np.stack([tower.encode(each) for each in pixels])
    theirs = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
    assert ours.dtype == np.float32
    assert (theirs @ theirs.T - 2 * np.eye(len(theirs))).max() < 0.9999
    assert (ours * theirs).sum(axis=1).min() > 0.999999


def test_vision_transformers_equal_those_of_torch(tiny_model: Path) -> None:
    assert_equals_torch(resolve(str(tiny_model)))


@pytest.mark.parametrize("more", [{"quick_gelu": True}, {"dtype": "float16"}, {"image_size": 80}])
def test_vision_transformers_of_other_kinds_equal_those_of_torch(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    assert_equals_torch(resolve(str(make_tiny_model(tmp_path, **more))))


def test_pixels_that_fill_no_patch_are_dropped_as_torch_drops_them(tmp_path: Path) -> None:
    assert_equals_torch(image_model(tmp_path, image_size=40, norm_kwargs={"eps": 0.01}))


def test_towers_without_the_first_normalisation_equal_those_of_torch(tmp_path: Path) -> None:
    specification = image_model(tmp_path, no_ln_pre=True)
    tensors = safetensors.numpy.load_file(specification.weights)
    kept = {name: each for name, each in tensors.items() if "ln_pre" not in name}
    safetensors.numpy.save_file(kept, specification.weights)
    assert_equals_torch(specification)


@pytest.mark.parametrize(
    "vision_cfg",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True},
        {"layers": [1, 1, 1, 1]},
        {"image_size": [32, 32]},
        {"final_ln_after_pool": True},
        {"act_kwargs": {"approximate": "tanh"}},
        {"qk_norm": True},
        {"timm_model_name": "vit_medium_patch16_gap_256"},
        {"timm_model_name": "tf_efficientnet_lite0", "timm_pool": "avg"},
    ],
)
def test_towers_of_another_kind_are_left_to_torch(
    tmp_path: Path, vision_cfg: dict[str, Any]
) -> None:
    assert not supports(image_model(tmp_path, **vision_cfg))


def test_positions_for_pictures_of_another_size_are_left_to_torch(tmp_path: Path) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    positions = tensors["visual.positional_embedding"]
    tensors["visual.positional_embedding"] = np.concatenate([positions, positions[1:]])
    safetensors.numpy.save_file(tensors, specification.weights)
    assert not supports(specification)


def test_missing_tensor_is_named(tmp_path: Path) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    del tensors["visual.class_embedding"]
    safetensors.numpy.save_file(tensors, specification.weights)
    with pytest.raises(ModelError, match=r"visual\.class_embedding"):
        ImageTower.load(specification).encode(photos(32)[0])


@pytest.mark.parametrize("value", [np.nan, 0])
def test_weights_that_give_no_direction_are_told(tmp_path: Path, value: float) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    tensors["visual.proj"][:] = value
    safetensors.numpy.save_file(tensors, specification.weights)
    with pytest.raises(ModelError, match="no numbers"):
        ImageTower.load(specification).encode(photos(32)[0])
