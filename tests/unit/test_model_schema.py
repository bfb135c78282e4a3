"""What a model's configuration may say, and what is said of one that says something else."""

from __future__ import annotations

import dataclasses
import inspect
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tiny_model import captioning_config, make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models import schema
from rclip_like.models.hub.catalogue import configuration_file
from rclip_like.models.names import BUILTIN_FOLDER
from rclip_like.models.schema import check
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torchvision_cure import import_open_clip

SOURCE = "folder/open_clip_config.json"


def described(**model_cfg: Any) -> dict[str, Any]:
    return {"model_cfg": tiny_config() | model_cfg}


def with_key(path: str, value: object) -> dict[str, Any]:
    """Return the tiny model's configuration with one key set, found by its dotted path."""
    changed: dict[str, Any] = {"model_cfg": tiny_config(), "preprocess_cfg": {}}
    *parents, key = path.split(".")
    place = changed
    for parent in parents:
        place = place.setdefault(parent, {})
    place[key] = value
    return changed


def refusal(configuration: dict[str, Any]) -> str:
    with pytest.raises(ModelError) as caught:
        check(configuration, SOURCE)
    told = str(caught.value)
    assert told.startswith(f"{SOURCE}: ")
    return told


ARCHITECTURES = sorted(configuration_file("ViT-B-32").parent.glob("*.json"))


def test_all_configurations_of_open_clip_pass() -> None:
    for place in ARCHITECTURES:
        check({"model_cfg": json.loads(place.read_bytes())}, place)
    assert len(ARCHITECTURES) >= 144


def test_all_published_preprocessing_passes() -> None:
    from rclip_like.models.hub.catalogue import describe_architecture, published

    names = list(published())
    for name in names:
        check(describe_architecture(name), name)
    assert len(names) >= 190


def test_the_built_in_model_passes_and_what_training_writes_of_it() -> None:
    from rclip_like.train.folder import describe

    specification = resolve(None)
    check(json.loads((BUILTIN_FOLDER / "open_clip_config.json").read_bytes()), SOURCE)
    check(json.loads(describe(specification.config, specification.preprocessing)), SOURCE)


def test_the_keys_are_those_of_open_clip() -> None:
    open_clip = import_open_clip()
    coca = open_clip.coca_model
    for table, known in (
        (schema.VISION, open_clip.model.CLIPVisionCfg),
        (schema.TEXT, open_clip.model.CLIPTextCfg),
        (schema.DECODER, coca.MultimodalCfg),
        (schema.PREPROCESSING, open_clip.transform.PreprocessCfg),
    ):
        assert set(table) == {field.name for field in dataclasses.fields(known)}
    arguments = {*inspect.signature(coca.CoCa).parameters, "custom_text"}
    arguments |= {*inspect.signature(open_clip.CLIP).parameters}
    # A type of torch, which JSON cannot hold.
    assert {*schema.MODEL, *schema.TOWERS} == arguments - {"cast_dtype"}


REFUSED: dict[str, list[Any]] = {
    "model_cfg.embed_dim": [0, -1, 1.0, True, "32", None, [32], 10**9, 10**400],
    "model_cfg.quick_gelu": [1, "yes", None],
    "model_cfg.init_logit_scale": [float("nan"), float("inf"), None, "1"],
    "model_cfg.cast_dtype": ["float16"],
    "model_cfg.pad_id": [0],
    "model_cfg.vision_cfg": [None, [], "ViT-B-32"],
    "model_cfg.text_cfg": [None, 3],
    "model_cfg.multimodal_cfg": [None, 3],
    "model_cfg.vision_cfg.layers": [0, 129, 2.0, [1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1, 1], "12"],
    "model_cfg.vision_cfg.width": [0, 8193, True],
    "model_cfg.vision_cfg.head_width": [0, 10**6],
    "model_cfg.vision_cfg.mlp_ratio": [0, -1, "4", float("inf"), float("nan"), 17],
    "model_cfg.vision_cfg.patch_size": [0, None, 4097, [16], 0.5],
    "model_cfg.vision_cfg.image_size": [0, None, 4097, [32, 48], [32], "224"],
    "model_cfg.vision_cfg.patch_dropout": [1, -0.1],
    "model_cfg.vision_cfg.pos_embed_type": ["none", None],
    "model_cfg.vision_cfg.pool_type": ["none", "mean", 1],
    "model_cfg.vision_cfg.attentional_pool": ["serial", None],
    "model_cfg.vision_cfg.output_tokens": [True],
    "model_cfg.vision_cfg.hooks": [["os.system"]],
    "model_cfg.vision_cfg.act_kwargs.approximate": ["sinh", None],
    "model_cfg.vision_cfg.act_kwargs.inplace": [True],
    "model_cfg.vision_cfg.norm_kwargs.eps": [0, -1, "0", 2],
    "model_cfg.vision_cfg.norm_kwargs.device": ["cuda"],
    "model_cfg.vision_cfg.timm_model_name": [
        *("hf-hub:evil/model", "hf_hub:evil/model", "local-dir:/tmp", "/tmp/model", "../model"),
        *("https://evil/model", "a.b", "", 3),
    ],
    "model_cfg.vision_cfg.timm_pool": ["os.system", None],
    "model_cfg.text_cfg.vocab_size": [0, 10**8],
    "model_cfg.text_cfg.context_length": [0, 4097],
    "model_cfg.text_cfg.heads": [0, 257],
    "model_cfg.text_cfg.pool_type": ["none", "tok"],
    "model_cfg.text_cfg.hf_tokenizer_name": [
        *("hf-hub:evil/model", "local-dir:.", "/etc/passwd", "../x", "a/b/c", "https://evil"),
        *("a/../b", ".", "..", "a/.", "~/x", "a\nb", 3),
    ],
    "model_cfg.text_cfg.hf_model_name": ["hf-hub:evil/model", "./x", "/x", "", "a b"],
    "model_cfg.text_cfg.tokenizer_mode": ["bert_clips"],
    "model_cfg.text_cfg.tokenizer_kwargs": [None, [], "clean"],
    "model_cfg.text_cfg.tokenizer_kwargs.trust_remote_code": [True, False],
    "model_cfg.text_cfg.tokenizer_kwargs.reduction_mask": ["syntax"],
    "model_cfg.text_cfg.tokenizer_kwargs.bpe_path": ["/etc/passwd"],
    "model_cfg.text_cfg.tokenizer_kwargs.strip_sep_token": [True],
    "model_cfg.text_cfg.tokenizer_kwargs.clean": ["os.system", None],
    "preprocess_cfg.mean": [0.5, [0.5], [0.5, 0.5, "0.5"], [0, 0, float("nan")], [0, 0, 10**6]],
    "preprocess_cfg.std": [[1, 1, 0], [1, 1, -1], [1, 1, 1e-300], [1, 1, float("inf")]],
    "preprocess_cfg.interpolation": ["nearest", "", 3],
    "preprocess_cfg.resize_mode": ["stretch", ""],
    "preprocess_cfg.fill_color": [-1, 256, 0.5],
    "preprocess_cfg.mode": ["L"],
    "preprocess_cfg.size": [0, [3, 224, 224]],
    "preprocess_cfg.antialias": [True],
}


@pytest.mark.parametrize("path", REFUSED)
def test_values_beyond_what_can_be_used_are_refused_with_file_and_key(path: str) -> None:
    for value in REFUSED[path]:
        assert path in refusal(with_key(path, value)), value


@pytest.mark.parametrize("key", ["model_cfg", "embed_dim", "vision_cfg", "text_cfg"])
def test_what_is_missing_is_named(key: str) -> None:
    configuration = described()
    del (configuration if key == "model_cfg" else configuration["model_cfg"])[key]
    assert f"{key} is missing" in refusal(configuration)


def test_a_picture_of_too_many_patches_is_refused() -> None:
    vision = {"image_size": 4096, "patch_size": 16, "width": 32}
    assert "patch_size" in refusal(described(vision_cfg=vision))


def test_an_odd_key_is_shown_in_ascii_and_short() -> None:
    told = refusal(with_key("model_cfg.\x1b[31mk\u00e9y" + "y" * 1000, 1))
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 250


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"custom_text": False}, "model_cfg.custom_text"),
        ({"output_dict": True}, "model_cfg.output_dict"),
        ({"vision_cfg": {"timm_model_name": "resnet18", "output_tokens": True}}, "timm_model_name"),
        ({"text_cfg": {}}, "model_cfg.text_cfg.output_tokens"),
        ({"multimodal_cfg": {"width": 0}}, "model_cfg.multimodal_cfg.width"),
    ],
)
def test_a_model_that_writes_captions_needs_all_that_open_clip_wants(
    changes: dict[str, Any], key: str
) -> None:
    check({"model_cfg": captioning_config() | {"pad_id": 0}}, SOURCE)
    assert key in refusal({"model_cfg": captioning_config() | changes})


def test_quick_gelu_takes_no_options() -> None:
    configuration = with_key("model_cfg.text_cfg.act_kwargs", {"approximate": "tanh"})
    check(configuration, SOURCE)
    configuration["model_cfg"]["quick_gelu"] = True
    assert "model_cfg.text_cfg.act_kwargs" in refusal(configuration)


def test_keys_beside_model_and_preprocessing_are_ignored_as_open_clip_ignores_them() -> None:
    check(described() | {"licence": "MIT", "trust_remote_code": True}, SOURCE)


def test_null_means_the_default_of_preprocessing(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path)
    before = resolve(str(folder)).preprocessing
    stated = dict.fromkeys(schema.PREPROCESSING)
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": tiny_config(), "preprocess_cfg": stated})
    )
    assert resolve(str(folder)).preprocessing == before


def test_a_configuration_is_not_changed_by_its_check() -> None:
    configuration = described()
    before = deepcopy(configuration)
    check(configuration, SOURCE)
    assert configuration == before
