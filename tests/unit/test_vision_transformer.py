"""Vision transformers on ONNX Runtime against torch's."""

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
from rclip_like.models.cpu_encoder import CpuEncoder, encode_alone
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.vision_transformer import supports
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
    ours = CpuEncoder(specification).encode_pictures(pixels)
    alone = np.stack([encode_alone(specification, each) for each in pixels])
    theirs = load_encoder(specification, EncoderSettings("cpu", "fp32")).encode_pictures(pixels)
    assert ours.dtype == np.float32
    assert (theirs @ theirs.T - 2 * np.eye(len(theirs))).max() < 0.9999
    assert (ours * theirs).sum(axis=1).min() > 0.999999
    assert (alone * theirs).sum(axis=1).min() > 0.999999


def test_vision_transformers_equal_those_of_torch(tiny_model: Path) -> None:
    assert_equals_torch(resolve(str(tiny_model)))


@pytest.mark.parametrize(
    "more",
    [{"quick_gelu": True}, {"dtype": "float16"}, {"image_size": 80}, {"layers": 1}],
)
def test_vision_transformers_of_other_kinds_equal_those_of_torch(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    assert_equals_torch(resolve(str(make_tiny_model(tmp_path, **more))))


def test_pixels_that_fill_no_patch_are_dropped_as_torch_drops_them(tmp_path: Path) -> None:
    assert_equals_torch(image_model(tmp_path, image_size=40))


def test_towers_whose_layers_are_scaled_equal_those_of_torch(tmp_path: Path) -> None:
    specification = image_model(tmp_path, ls_init_value=0.1)
    tensors = safetensors.numpy.load_file(specification.weights)
    random = np.random.default_rng(0)
    for layer in range(2):
        for name in ("ls_1", "ls_2"):
            gamma = random.normal(0.5, 0.2, 32).astype(np.float32)
            tensors[f"visual.transformer.resblocks.{layer}.{name}.gamma"] = gamma
    safetensors.numpy.save_file(tensors, specification.weights)
    assert_equals_torch(specification)


@pytest.mark.parametrize(
    "vision_cfg",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True},
        {"layers": [1, 1, 1, 1]},
        {"layers": 0},
        {"no_ln_pre": True},
        {"norm_kwargs": {"eps": 0.01}},
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


@pytest.mark.parametrize(
    "name",
    [
        "visual.class_embedding",
        "visual.conv1.weight",
        "visual.transformer.resblocks.1.mlp.c_fc.bias",
        "visual.ln_post.weight",
    ],
)
def test_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    del tensors[name]
    safetensors.numpy.save_file(tensors, specification.weights)
    with pytest.raises(ModelError, match=f"lack {name}"):
        CpuEncoder(specification)


@pytest.mark.parametrize("change", [{"layers": 1}, {"width": 48}])
def test_weights_of_a_larger_model_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="do not fit its configuration"):
        CpuEncoder(image_model(tmp_path, **change))


def test_a_tensor_of_another_size_is_told(tmp_path: Path) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    tensors["visual.transformer.resblocks.0.mlp.c_fc.bias"] = np.zeros(7, dtype=np.float32)
    safetensors.numpy.save_file(tensors, specification.weights)
    with pytest.raises(ModelError, match="do not fit its configuration"):
        CpuEncoder(specification).encode_pictures(photos(32))


@pytest.mark.parametrize("value", [np.nan, 0])
def test_weights_that_give_no_direction_are_told(tmp_path: Path, value: float) -> None:
    specification = image_model(tmp_path)
    tensors = safetensors.numpy.load_file(specification.weights)
    tensors["visual.proj"][:] = value
    safetensors.numpy.save_file(tensors, specification.weights)
    with pytest.raises(ModelError, match="no numbers"):
        CpuEncoder(specification).encode_pictures(photos(32))
