"""Vision transformers on ONNX Runtime against torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from reference_clip import photos
from tiny_model import captioning_config, make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models.model import Model
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers import vision_transformer
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.vision_transformer import VisionTransformer
from rclip_like.settings import EncoderSettings

EXACT = EncoderSettings("cpu", "fp32")


def supports(specification: ModelSpecification) -> bool:
    return vision_transformer.supports(specification, Weights(specification.weights).header)


def layers_of(specification: ModelSpecification) -> VisionTransformer:
    tensors = Weights(specification.weights).tensors()
    return VisionTransformer(specification, tensors, threads=1)


def image_model(folder: Path, **vision_cfg: Any) -> ModelSpecification:
    config = tiny_config()
    return resolve(str(make_tiny_model(folder, vision_cfg=config["vision_cfg"] | vision_cfg)))


def change_tensors(specification: ModelSpecification, **changes: Any) -> ModelSpecification:
    """Write tensors anew; None takes one away."""
    tensors = safetensors.numpy.load_file(specification.weights)
    for name, changed in changes.items():
        if changed is None:
            del tensors[name]
        else:
            tensors[name] = changed
    safetensors.numpy.save_file(tensors, specification.weights)
    return resolve(specification.name)


def assert_equals_torch(specification: ModelSpecification) -> None:
    from rclip_like.models.towers.torch_tower import load_torch_tower

    assert supports(specification)
    pixels = photos(specification.preprocessing.size)
    model = Model(specification, EXACT)
    ours = model.pictures(pixels)
    alone = np.stack([model.picture(each) for each in pixels])
    theirs = load_torch_tower(specification, EXACT).pictures(pixels)
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


@pytest.mark.parametrize("head_width", [8, 12, 24, 32])
def test_heads_of_any_width_equal_those_of_torch(tmp_path: Path, head_width: int) -> None:
    assert_equals_torch(image_model(tmp_path, head_width=head_width))


def test_a_picture_of_many_tokens_is_taken_alone(tmp_path: Path) -> None:
    specification = resolve(str(make_tiny_model(tmp_path, image_size=368)))
    assert layers_of(specification).pictures_at_once == 1
    assert_equals_torch(specification)


def test_towers_whose_layers_are_scaled_equal_those_of_torch(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    gammas = {
        f"visual.transformer.resblocks.{layer}.{name}.gamma": random.normal(0.5, 0.2, 32)
        for layer in range(2)
        for name in ("ls_1", "ls_2")
    }
    single = {name: gamma.astype(np.float32) for name, gamma in gammas.items()}
    specification = image_model(tmp_path, ls_init_value=0.1)
    assert not supports(specification)
    assert_equals_torch(change_tensors(specification, **single))


@pytest.mark.parametrize(
    "vision_cfg",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True},
        {"layers": [1, 1, 1, 1]},
        {"layers": 1},
        {"layers": 3},
        {"width": 48},
        {"head_width": 10},
        {"head_width": 64},
        {"mlp_ratio": 2.0},
        {"patch_size": 64},
        {"patch_size": [16, 16]},
        {"patch_size": 8},
        {"ls_init_value": 0.1},
        {"no_ln_pre": True},
        {"width": 34, "head_width": 17, "pos_embed_type": "sin_cos_2d"},
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


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("visual.class_embedding", None),
        ("visual.positional_embedding", np.zeros((9, 32))),
        ("visual.proj", np.zeros((32, 16))),
        ("visual.ln_pre.weight", np.ones(1)),
        ("visual.transformer.resblocks.1.mlp.c_fc.bias", None),
        ("visual.transformer.resblocks.1.mlp.c_fc.bias", np.zeros(1)),
        ("visual.transformer.resblocks.2.ln_1.weight", np.ones(32)),
        ("visual.head.weight", np.ones(32)),
        ("visual.head.count", np.ones(1, dtype=np.int64)),
    ],
)
def test_weights_of_other_sizes_are_left_to_torch(
    tmp_path: Path, name: str, changed: np.ndarray | None
) -> None:
    tensor = changed if changed is None or changed.dtype.kind == "i" else changed.astype("f4")
    specification = change_tensors(image_model(tmp_path), **{name: tensor})
    assert not supports(specification)
    if name != "visual.positional_embedding":  # which open_clip stretches
        with pytest.raises(ModelError, match="cannot be loaded"):
            Model(specification, EXACT).pictures(photos(32))


def test_a_model_of_several_modes_is_left_to_torch(tmp_path: Path) -> None:
    assert not supports(resolve(str(make_tiny_model(tmp_path, **captioning_config()))))


def test_weights_in_another_format_are_left_to_torch(tmp_path: Path) -> None:
    specification = image_model(tmp_path)
    weights = specification.weights.rename(tmp_path / "open_clip_pytorch_model.bin")
    assert not supports(resolve(str(tmp_path)))
    weights.rename(specification.weights)
    assert supports(specification)


def test_pictures_of_another_size_are_a_mistake(tiny_model: Path) -> None:
    layers = layers_of(resolve(str(tiny_model)))
    with pytest.raises(AssertionError):
        layers.embed(photos(64))


@pytest.mark.parametrize("value", [np.nan, 0])
def test_weights_that_give_no_direction_are_told(tmp_path: Path, value: float) -> None:
    proj = np.full((32, 32), value, dtype=np.float32)
    specification = change_tensors(image_model(tmp_path), **{"visual.proj": proj})
    with pytest.raises(ModelError, match="not numbers"):
        Model(specification, EXACT).pictures(photos(32))
