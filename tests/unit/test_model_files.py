"""A model's files: pipes, devices, giants and broken JSON or safetensors are told, not read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from hostile_models import (
    change_json,
    foreign_model,
    save_foreign_tokenizer,
)
from safetensors import SafetensorError
from tiny_model import make_tiny_model, tiny_config

from rclip_like.errors import ModelError
from rclip_like.models.hub import catalogue, registry
from rclip_like.models.names import downloaded_folder
from rclip_like.models.regular import JSON_BYTES, read_json_object
from rclip_like.models.specification import resolve
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torch_model import load_model

CONFIGURATION = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"


def put_pipe(place: Path) -> None:
    os.mkfifo(place)


def put_device(place: Path) -> None:
    place.symlink_to("/dev/zero")


def put_folder(place: Path) -> None:
    place.mkdir()


def put_giant(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(10 << 30)


ODD: dict[str, Callable[[Path], None]] = {
    "not a regular file (pipe)": put_pipe,
    "not a regular file (device)": put_device,
    "not a regular file (folder)": put_folder,
    "10,737,418,240 bytes": put_giant,
}


def replace(place: Path, put: Callable[[Path], None]) -> None:
    place.unlink(missing_ok=True)
    put(place)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", [CONFIGURATION, "tokenizer.json", "tokenizer_config.json"])
def test_only_regular_files_of_sane_size_are_read(tmp_path: Path, name: str, odd: str) -> None:
    folder = foreign_model(tmp_path / "model")
    replace(folder / name, ODD[odd])
    with pytest.raises(ModelError) as caught:
        resolve(str(folder))
    assert str(folder / name) in str(caught.value)
    assert odd.partition(" (")[0] in str(caught.value)


@pytest.mark.parametrize("odd", [put_pipe, put_device, put_folder])
def test_weights_that_are_no_file_are_as_good_as_missing(
    tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    folder = make_tiny_model(tmp_path / "model")
    replace(folder / WEIGHTS, odd)
    with pytest.raises(ModelError, match=f"{folder} holds no weights"):
        resolve(str(folder))
    with pytest.raises(ModelError, match="there is no weight file"):
        resolve("ViT-B-32", weights=folder / WEIGHTS)


def test_weights_of_an_absurd_size_are_refused_before_they_are_read(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    os.truncate(folder / WEIGHTS, 1 << 42)
    with pytest.raises(ModelError, match=r"open_clip_model\.safetensors has 4,398,"):
        resolve(str(folder))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value in line 1, column 1"),
        (b'{"a": 1, "b": {"a": 1, "a": 2}}', "the key a stands twice"),
        (b'{"a": NaN}', "it holds NaN"),
        (b'{"a": [-Infinity]}', "it holds -Infinity"),
        (b'{"a": "\xff"}', "not UTF-8 text from byte 7 on"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8 text"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON that can be read"),
        (b'{"a": 1}x', "Extra data in line 1, column 9"),
        (b"[1]", "must hold a JSON object"),
        (b"null", "holds null, and must"),
    ],
)
def test_json_that_is_not_to_the_letter_is_told(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    place = tmp_path / "file.json"
    place.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_json_object(place)
    assert str(place) in str(caught.value)
    assert reason in str(caught.value)
    assert "unexpected" not in str(caught.value).lower()


def test_json_of_the_largest_size_is_read(tmp_path: Path) -> None:
    place = tmp_path / "file.json"
    place.write_text('{"a": "' + "x" * (JSON_BYTES - 9) + '"}')
    assert place.stat().st_size == JSON_BYTES
    assert set(read_json_object(place)) == {"a"}
    with place.open("a") as file:
        file.write(" ")
    with pytest.raises(ModelError, match="no more than"):
        read_json_object(place)


CODE = {"AutoTokenizer": ["own.Own", None]}


@pytest.mark.parametrize(
    ("name", "changes", "key"),
    [
        ("tokenizer_config.json", {"auto_map": CODE}, "auto_map"),
        ("tokenizer_config.json", {"auto_map": None}, "auto_map"),
        ("tokenizer_config.json", {"trust_remote_code": True}, "trust_remote_code"),
        ("tokenizer_config.json", {"tokenizer_class": "Own"}, "tokenizer_class"),
        ("tokenizer_config.json", {"tokenizer_class": "MistralCommonBackend"}, "tokenizer_class"),
        ("tokenizer_config.json", {"tokenizer_class": ["BertTokenizer"]}, "tokenizer_class"),
        ("tokenizer_config.json", {"tokenizer_class": "RagTokenizer"}, "tokenizer_class"),
        ("tokenizer_config.json", {"vocab_file": "/etc/passwd"}, "vocab_file"),
        ("tokenizer_config.json", {"gguf_file": "/etc/passwd"}, "gguf_file"),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["x"]}, "fast_tokenizer_files"),
        ("tokenizer_config.json", {"init_inputs": ["/etc/passwd"]}, "init_inputs"),
        ("tokenizer_config.json", {"sp_model_kwargs": {"model_file": "/x"}}, "model_file"),
        ("tokenizer_config.json", {"sp_model_kwargs": "x"}, "sp_model_kwargs"),
        ("tokenizer_config.json", {"extra_ids": 10**9}, "extra_ids"),
        ("tokenizer_config.json", {"extra_ids": 1e9}, "extra_ids"),
        ("tokenizer_config.json", {"pad_to_multiple_of": 2**40}, "pad_to_multiple_of"),
        ("tokenizer_config.json", {"any": {"deep": [1, {"down": -(10**9)}]}}, "any.deep.down"),
        ("special_tokens_map.json", {"vocab_file": "/etc/passwd"}, "vocab_file"),
        ("added_tokens.json", {"<x>": "1"}, "<x>"),
        ("added_tokens.json", {"<x>": 10**12}, "<x>"),
        ("config.json", {"tokenizer_class": "Own"}, "tokenizer_class"),
    ],
)
def test_what_a_tokenizer_must_not_say_is_named(
    tmp_path: Path, name: str, changes: dict[str, Any], key: str
) -> None:
    folder = foreign_model(tmp_path / "model")
    resolve(str(folder))
    (folder / name).touch()
    (folder / name).write_text((folder / name).read_text() or "{}")
    change_json(folder / name, changes)
    with pytest.raises(ModelError) as caught:
        resolve(str(folder))
    assert str(folder / name) in str(caught.value)
    assert key in str(caught.value)


def test_what_tokenizers_on_the_hub_say_is_taken(tmp_path: Path) -> None:
    folder = foreign_model(tmp_path / "model")
    usual = {"sp_model_kwargs": {}, "tokenizer_file": None, "name_or_path": "google/mt5-small"}
    usual |= {"special_tokens_map_file": "/home/someone/.cache/x", "model_max_length": 10**30}
    usual |= {"max_len": 1e30, "vocab_size": 256_204, "cls_token_id": 250_099}
    save_foreign_tokenizer(folder, **usual, extra_ids=0, processor_class="SiglipProcessor")
    (folder / "special_tokens_map.json").write_text('{"pad_token": {"content": "[PAD]"}}')
    (folder / "added_tokens.json").write_text('{"<x>": 9}')
    resolve(str(folder))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"auto_map": {"AutoModel": "own.Own"}}, "auto_map"),
        ({"model_type": "own"}, "model_type"),
        ({"model_type": "clip"}, "model_type"),
        ({"model_type": ["bert"]}, "model_type"),
        ({"attn_implementation": "evil/kernel"}, "attn_implementation"),
        ({"_attn_implementation": "evil/kernel"}, "_attn_implementation"),
        ({"quantization_config": {"quant_method": "x"}}, "quantization_config"),
        ({"text_config": {"auto_map": {}}}, "text_config"),
        ({"vocab_size": 10**9}, "vocab_size"),
        ({"hidden_size": 10**6}, "hidden_size"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ({"intermediate_size": 10**7}, "intermediate_size"),
        ({"initializer_range": 1e300}, "initializer_range"),
        ({"num_labels": 2**31 - 1}, "num_labels"),
        ({"any_new_number": 10**6}, "any_new_number"),
        ({"any_new_numbers": [2, 10**6]}, "any_new_numbers"),
        ({"bos_token_id": [2, 10**9]}, "bos_token_id"),
        ({"task_specific_params": {"translation": {"max_length": 10**9}}}, "max_length"),
        ({"dtype": "os"}, "dtype"),
        ({"torch_dtype": "float32; import os"}, "torch_dtype"),
    ],
)
def test_what_a_text_tower_must_not_say_is_named(
    tmp_path: Path, changes: dict[str, Any], key: str
) -> None:
    folder = foreign_model(tmp_path / "model", hf_model_name="nobody/nothing")
    with pytest.raises(ModelError, match=r"text_model/config\.json is missing"):
        resolve(str(folder))
    (folder / "text_model").mkdir()
    place = folder / "text_model" / "config.json"
    usual = {"model_type": "roberta", "torch_dtype": "float32", "id2label": {"0": "x"}}
    usual |= {"vocab_size": 250_002, "eos_token_id": [2, 250_001], "max_length": 200}
    usual |= {"label2id": {"x": 0}, "dtype": None, "max_position_embeddings": 514}
    place.write_text(json.dumps(usual))
    resolve(str(folder))
    change_json(place, changes)
    with pytest.raises(ModelError) as caught:
        resolve(str(folder))
    assert str(place) in str(caught.value)
    assert key in str(caught.value)


def test_a_large_tower_beside_small_weights_is_refused_as_it_is_built(tmp_path: Path) -> None:
    """How much timm and transformers make of a name or a number only they know."""
    of_timm = make_tiny_model(tmp_path / "timm")
    vision = {"timm_model_name": "vit_huge_patch14_224", "image_size": 32}
    model_cfg = tiny_config() | {"vision_cfg": vision}
    change_json(of_timm / CONFIGURATION, {"model_cfg": model_cfg})
    foreign = foreign_model(tmp_path / "foreign", hf_model_name="a/b", hf_pooler_type="cls_pooler")
    (foreign / "text_model").mkdir()
    text: dict[str, Any] = {"model_type": "roberta", "hidden_size": 4096, "num_hidden_layers": 1}
    text |= {"max_position_embeddings": 65_536, "num_attention_heads": 64, "vocab_size": 100}
    (foreign / "text_model" / "config.json").write_text(json.dumps(text))
    for folder in (of_timm, foreign):
        with pytest.raises(ModelError, match="describes more than 268,435,456 numbers") as caught:
            load_model(resolve(str(folder)))
        assert str(folder / CONFIGURATION) in str(caught.value)
        assert str(folder / WEIGHTS) in str(caught.value)


def write_header(place: Path, header: Any, content: bytes = bytes(64)) -> Path:
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    place.write_bytes(len(written).to_bytes(8, "little") + written + content)
    return place


def tensor(dtype: Any = "F32", shape: Any = (4, 4), offsets: Any = (0, 64)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


HEADERS: dict[str, Any] = {
    "longer than the file": (10**6).to_bytes(8, "little"),
    "not JSON": b"{",
    "not UTF-8": b'{"a\xff": {}}',
    "nested": b"[" * 100_000,
    "not an object": [1],
    "no object": {"a": 1},
    "no type": {"a": {"shape": [1], "data_offsets": [0, 64]}},
    "unknown type": {"a": tensor("F7")},
    "type of another type": {"a": tensor(["F32"])},
    "negative": {"a": tensor(shape=[-4, -4])},
    "fractions": {"a": tensor(shape=[4.0, 4])},
    "truth": {"a": tensor(shape=[True, 16])},
    "shape too large": {"a": tensor(shape=[2**62, 2**62])},
    "shape too small": {"a": tensor(shape=[4])},
    "three offsets": {"a": tensor(offsets=[0, 32, 64])},
    "backwards": {"a": tensor(shape=[0], offsets=[64, 0])},
    "beyond the end": {"a": tensor(shape=[5, 4], offsets=[0, 80])},
    "not to the end": {"a": tensor(shape=[2, 4], offsets=[0, 32])},
    "hole": {"a": tensor(shape=[8], offsets=[0, 32]), "b": tensor(shape=[4], offsets=[48, 64])},
    "overlap": {"a": tensor(), "b": tensor(shape=[8], offsets=[32, 64])},
    "not at the beginning": {"a": tensor(shape=[8], offsets=[32, 64])},
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers_that_safetensors_refuses_are_refused(tmp_path: Path, kind: str) -> None:
    place = write_header(tmp_path / "x.safetensors", HEADERS[kind])
    if kind == "longer than the file":
        place.write_bytes(HEADERS[kind])
    with pytest.raises(SafetensorError):
        safetensors.numpy.load_file(place)
    with pytest.raises(ModelError) as caught:
        Weights(place)
    assert f"{place} cannot be loaded as safetensors" in str(caught.value)


@pytest.mark.parametrize("header", [[1], "a", None])
def test_a_header_that_is_no_object_is_told(tmp_path: Path, header: Any) -> None:
    with pytest.raises(ModelError, match="its header is not a JSON object"):
        Weights(write_header(tmp_path / "x.safetensors", header))


def test_a_checkpoint_without_tensors_is_told(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    (folder / WEIGHTS).unlink()
    torch.save({}, folder / "open_clip_pytorch_model.bin")
    with pytest.raises(ModelError, match=r"model\.bin cannot be loaded: it holds no tensors"):
        load_model(resolve(str(folder)))


def test_a_header_as_long_as_memory_is_not_read(tmp_path: Path) -> None:
    place = tmp_path / "x.safetensors"
    place.write_bytes((2**63).to_bytes(8, "little"))
    os.truncate(place, 1 << 34)
    with pytest.raises(ModelError, match="cut short, or of another kind"):
        Weights(place)


@pytest.mark.parametrize("odd", [put_pipe, put_device, put_folder])
def test_tensors_are_mapped_from_regular_files_only(
    tmp_path: Path, odd: Callable[[Path], None]
) -> None:
    odd(tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="not a regular file"):
        Weights(tmp_path / "x.safetensors")


def test_tensors_out_of_line_are_mapped_all_the_same(tmp_path: Path) -> None:
    values = np.arange(16, dtype=np.float32)
    header = {"a": tensor("U8", [3], [0, 3]), "b": tensor("F32", [4, 4], [3, 67])}
    place = write_header(tmp_path / "x.safetensors", header, b"abc" + values.tobytes())
    found = Weights(place).tensors()["b"]
    assert found.flags.aligned
    np.testing.assert_array_equal(found, safetensors.numpy.load_file(place)["b"])


GARBAGE = (b"", b"{", b"[]", b"null", b"[1]", b'[{"name": 3}]', b"\xff" * 100, b"[" * 100_000)


@pytest.mark.parametrize("put", [*ODD.values(), *GARBAGE])
def test_a_cache_of_anything_is_made_anew(
    tmp_path: Path, own_folders: Path, put: Callable[[Path], None] | bytes
) -> None:
    folder = make_tiny_model(tmp_path / "model")
    os.utime(folder / WEIGHTS, (1, 1))
    before = resolve(str(folder)).fingerprint
    (place,) = (own_folders / "cache_dir").iterdir()
    assert place.name == "fingerprints.json"
    place.unlink()
    place.write_bytes(put) if isinstance(put, bytes) else put(place)
    assert resolve(str(folder)).fingerprint == before


@pytest.mark.parametrize("put", [put_pipe, *GARBAGE])
def test_a_list_of_models_that_is_garbage_is_made_anew(
    own_folders: Path, put: Callable[[Path], None] | bytes
) -> None:
    before = catalogue.published()
    (place,) = (own_folders / "cache_dir").glob("open_clip-*.json")
    place.unlink()
    place.write_bytes(put) if isinstance(put, bytes) else put(place)
    assert catalogue.published() == before


@pytest.mark.parametrize("put", [put_pipe, put_device, *GARBAGE])
def test_the_source_of_a_model_may_be_garbage(
    tiny_model: Path, put: Callable[[Path], None] | bytes
) -> None:
    folder = downloaded_folder("hf-hub:museum/tiny")
    make_tiny_model(folder)
    place = folder / "source.json"
    place.write_bytes(put) if isinstance(put, bytes) else put(place)
    assert str(folder) in [model.name for model in registry.list_models()]
    assert registry.show("hf-hub:museum/tiny")["source"] == []
