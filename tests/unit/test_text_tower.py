"""The NumPy text tower against torch's."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_model import captioning_config, make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models.model import Model
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.models.towers import text_tower
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.text_tower import TextTower
from rclip_like.models.towers.transformer import erf, gelu, quick_gelu
from rclip_like.settings import EncoderSettings

TEXTS = ["a cat", "", "red car at night " * 20, "日本の猫 &amp; co", "before <end_of_text> after"]


def supports(specification: ModelSpecification) -> bool:
    return text_tower.supports(specification, Weights(specification.weights).header)


def tower_of(specification: ModelSpecification) -> TextTower:
    return TextTower(specification, Weights(specification.weights).tensors())


def text_model(folder: Path, dtype: str = "float32", **text_cfg: Any) -> Path:
    config = tiny_config()
    return make_tiny_model(folder, dtype=dtype, text_cfg=config["text_cfg"] | text_cfg)


def assert_equals_torch(folder: Path) -> None:
    from rclip_like.models.towers.torch_tower import load_torch_tower

    specification = resolve(str(folder))
    assert supports(specification)
    ours = tower_of(specification).texts(TEXTS)
    theirs = load_torch_tower(specification, EncoderSettings("cpu", "fp32")).texts(TEXTS)
    assert ours.dtype == np.float32
    assert (ours * theirs).sum(axis=1).min() > 0.999999


def test_embeddings_equal_those_of_torch(tiny_model: Path) -> None:
    assert_equals_torch(tiny_model)


def test_weights_in_float16_give_what_torch_makes_of_them(tmp_path: Path) -> None:
    assert_equals_torch(text_model(tmp_path, dtype="float16"))


def test_towers_with_quick_gelu_equal_those_of_torch(tmp_path: Path) -> None:
    assert_equals_torch(make_tiny_model(tmp_path, quick_gelu=True))


def test_towers_that_see_all_positions_equal_those_of_torch(tmp_path: Path) -> None:
    assert_equals_torch(text_model(tmp_path, no_causal_mask=True))


def test_towers_with_other_epsilon_equal_those_of_torch(tmp_path: Path) -> None:
    assert_equals_torch(
        text_model(tmp_path, norm_kwargs={"eps": 0.01}, pool_type="eos", eos_id=49407)
    )


def test_towers_of_their_own_class_equal_those_of_torch(tmp_path: Path) -> None:
    import safetensors.numpy

    folder = make_tiny_model(tmp_path, custom_text=True)
    weights = folder / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    outside = ("visual.", "logit_scale")
    renamed = {
        name if name.startswith(outside) else f"text.{name}": tensor
        for name, tensor in tensors.items()
    }
    safetensors.numpy.save_file(renamed, weights)
    assert_equals_torch(folder)


@pytest.mark.parametrize(
    "text_cfg",
    [
        {"hf_tokenizer_name": "timm/ViT-B-16-SigLIP"},
        {"tokenizer_kwargs": {"clean": "canonicalize"}},
        {"pool_type": "last"},
        {"pool_type": "eos"},
        {"embed_cls": True},
        {"qk_norm": True},
        {"vocab_size": 32_000},
        {"heads": 3},
        {"proj_bias": True},
        {"ls_init_value": 0.1},
        {"act_kwargs": {"approximate": "tanh"}},
    ],
)
def test_towers_of_another_kind_are_left_to_torch(tmp_path: Path, text_cfg: dict[str, Any]) -> None:
    assert not supports(resolve(str(text_model(tmp_path, **text_cfg))))


def test_towers_of_another_library_are_left_to_torch(tmp_path: Path) -> None:
    folder = text_model(tmp_path, hf_model_name="xlm-roberta-base")
    (folder / "text_model").mkdir()
    (folder / "text_model" / "config.json").write_text('{"model_type": "xlm-roberta"}')
    assert not supports(resolve(str(folder)))


def test_models_with_a_captioning_part_are_left_to_torch(tmp_path: Path) -> None:
    assert not supports(resolve(str(make_tiny_model(tmp_path, **captioning_config()))))


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("token_embedding.weight", np.zeros((49_409, 32))),
        ("positional_embedding", np.zeros((16, 32))),
        ("text_projection", None),
        ("text_projection", np.zeros((32, 16))),
        ("transformer.resblocks.1.mlp.c_fc.bias", None),
        ("transformer.resblocks.2.ln_1.weight", np.ones(32)),
        ("ln_final.weight", np.ones(1)),
        ("logit_scale", np.ones(2)),
        ("logit_scale", None),
        ("logit_bias", np.ones(1)),
        ("extra", np.ones(1)),
    ],
)
def test_weights_of_other_sizes_are_left_to_torch(
    tmp_path: Path, name: str, changed: np.ndarray | None
) -> None:
    import safetensors.numpy

    folder = text_model(tmp_path)
    assert supports(resolve(str(folder)))
    tensors = safetensors.numpy.load_file(folder / "open_clip_model.safetensors")
    if changed is None:
        del tensors[name]
    else:
        tensors[name] = changed.astype(np.float32)
    safetensors.numpy.save_file(tensors, folder / "open_clip_model.safetensors")
    assert not supports(resolve(str(folder)))
    if name != "positional_embedding":  # which open_clip stretches
        with pytest.raises(ModelError, match="cannot be loaded"):
            Model(resolve(str(folder)), EncoderSettings("cpu", "fp32")).texts(["cat"])


def test_many_texts_give_the_same_rows_as_one_at_a_time(tiny_model: Path) -> None:
    tower = tower_of(resolve(str(tiny_model)))
    texts = [f"picture number {number} of {'many ' * (number % 7)}" for number in range(150)]
    alone = np.concatenate([tower.texts([text]) for text in texts])
    np.testing.assert_allclose(tower.texts(texts), alone, atol=1e-6)


def test_missing_tensor_is_named(tmp_path: Path) -> None:
    import safetensors.numpy

    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    del tensors["transformer.resblocks.1.mlp.c_fc.bias"]
    safetensors.numpy.save_file(tensors, weights)
    with pytest.raises(ModelError, match=r"transformer\.resblocks\.1\.mlp\.c_fc\.bias"):
        tower_of(resolve(str(tmp_path))).texts(["cat"])


def test_weights_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    import safetensors.numpy

    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    tensors = safetensors.numpy.load_file(weights)
    tensors["ln_final.weight"][:] = np.nan
    safetensors.numpy.save_file(tensors, weights)
    with pytest.raises(ModelError, match="not numbers"):
        tower_of(resolve(str(tmp_path))).texts(["cat"])


def test_truncated_weights_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    weights = make_tiny_model(tmp_path) / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ModelError, match="cut short"):
        Model(resolve(str(tmp_path))).texts(["cat"])


def test_encoding_a_text_imports_neither_torch_nor_open_clip(tiny_model: Path) -> None:
    code = (
        "import sys; from rclip_like.models.specification import resolve;"
        "from rclip_like.models.model import Model;"
        "print(Model(resolve(sys.argv[1])).texts(['a cat']).shape);"
        "print([name for name in ('torch', 'open_clip', 'ftfy', 'regex') if name in sys.modules])"
    )
    arguments = [sys.executable, "-c", code, str(tiny_model)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert result.stdout.split("\n")[:2] == ["(1, 32)", "[]"]


def test_texts_of_other_towers_are_encoded_by_torch(tmp_path: Path) -> None:
    folder = text_model(tmp_path, pool_type="last")
    rows = Model(resolve(str(folder)), EncoderSettings("cpu", "fp32")).texts(["a cat", "a dog"])
    assert rows.shape == (2, 32)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_error_function_is_within_1e_8_of_the_standard_library() -> None:
    x = np.linspace(-7, 7, 20_001)
    exact = np.array([math.erf(value) for value in x])
    assert np.abs(erf(x) - exact).max() < 1e-8


def test_activations_keep_float32_and_survive_large_values() -> None:
    x = np.array([-200, -1, 0, 1, 200], dtype=np.float32)
    for activation in (gelu, quick_gelu):
        y = activation(x)
        assert y.dtype == np.float32
        assert y[[0, 2, 4]].tolist() == [0, 0, 200]
