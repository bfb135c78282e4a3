"""Hundreds of changed models: each is refused in a sentence, or gives open_clip's own embeddings.

Changed are the configuration, the files of a foreign tokenizer and the header of the weights. What
is accepted is encoded here and by open_clip, and compared; how many were is asserted, too.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference_clip
import safetensors.numpy
from hostile_models import foreign_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from read_in_process import read_picture
from safetensors import safe_open
from tiny_model import make_tiny_model

from rclip_like.errors import ModelError
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.models.towers.tensors import Weights
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings, ReadSettings

EXACT = EncoderSettings("cpu", "fp32", threads=1)
TEXTS = ["a photo of a cat", "chat", "un chat, eine katze", "stars " * 40]
CONFIGURATION, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"

JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 16, 31, 33, 10**9, 10**30, -(10**30), 0.5, 1e-300, 1e308),
    *(
        "",
        "x",
        "none",
        "cls",
        "../../etc/passwd",
        "hf-hub:a/b",
        "local-dir:.",
        "\x1b[31m\n",
        "\ud800",
    ),
    *([], [1, 1, 1, 1], [32, 32], [0.5, 0.5, 0.5], {}, {"a": 1}, {"a": {"b": [{}]}}),
    {"trust_remote_code": True},
]
USEFUL: dict[str, list[Any]] = {
    "model_cfg.quick_gelu": [True, False],
    "model_cfg.init_logit_scale": [1, 2.5],
    "model_cfg.init_logit_bias": [-10, None],
    "model_cfg.nonscalar_logit_scale": [True],
    "model_cfg.output_dict": [True],
    "model_cfg.custom_text": [True, False],
    "model_cfg.vision_cfg.patch_dropout": [0.5],
    "model_cfg.vision_cfg.head_width": [8, 32, 24],
    "model_cfg.vision_cfg.image_size": [47, [32, 32], 64, 16],
    "model_cfg.vision_cfg.patch_size": [[16, 16]],
    "model_cfg.vision_cfg.pool_type": ["tok", "avg"],
    "model_cfg.vision_cfg.pos_embed_type": ["learnable", "sin_cos_2d"],
    "model_cfg.vision_cfg.final_ln_after_pool": [True],
    "model_cfg.vision_cfg.no_ln_pre": [True],
    "model_cfg.vision_cfg.act_kwargs": [{"approximate": "tanh"}, {}, None],
    "model_cfg.vision_cfg.norm_kwargs": [{"eps": 0.01}, {}, None],
    "model_cfg.vision_cfg.mlp_ratio": [4, 4.01, 2],
    "model_cfg.vision_cfg.block_type": ["default", "custom", None],
    "model_cfg.vision_cfg.scale_heads": [True],
    "model_cfg.vision_cfg.scaled_cosine_attn": [True],
    "model_cfg.vision_cfg.timm_model_name": [None, "resnet18", "no_such_architecture"],
    "model_cfg.text_cfg.heads": [1, 4, 3],
    "model_cfg.text_cfg.context_length": [16, 77, 1],
    "model_cfg.text_cfg.no_causal_mask": [True],
    "model_cfg.text_cfg.pool_type": ["first", "last", "argmax", "eos"],
    "model_cfg.text_cfg.eos_id": [49_407, 2],
    "model_cfg.text_cfg.embed_cls": [True],
    "model_cfg.text_cfg.ls_init_value": [0.1, 0],
    "model_cfg.text_cfg.proj_type": ["none", "linear"],
    "model_cfg.text_cfg.proj_bias": [True],
    "model_cfg.text_cfg.norm_kwargs": [{"eps": 0.01}, {}],
    "model_cfg.text_cfg.act_kwargs": [{"approximate": "none"}, {}],
    "model_cfg.text_cfg.tokenizer_kwargs": [{"clean": "canonicalize"}, {"clean": "whitespace"}, {}],
    "model_cfg.text_cfg.hf_model_name": [None],
    "model_cfg.text_cfg.hf_tokenizer_name": [None, ""],
    "preprocess_cfg.mean": [[0, 0, 0], [0.5, 0.4, 0.3], None],
    "preprocess_cfg.std": [[1, 1, 1], [0.2, 0.3, 0.4], None],
    "preprocess_cfg.interpolation": ["bilinear", "bicubic", "random"],
    "preprocess_cfg.resize_mode": ["squash", "longest", "shortest"],
    "preprocess_cfg.fill_color": [0, 128],
    "preprocess_cfg.size": [224, [32, 32]],
    "licence": ["MIT", {"a": []}],
}
KEYS = [*USEFUL, "model_cfg.embed_dim", "model_cfg.vision_cfg.width", "model_cfg.text_cfg.width"]
KEYS += [
    "model_cfg.text_cfg.layers",
    "model_cfg.vision_cfg.layers",
    "model_cfg.text_cfg.vocab_size",
]
KEYS += ["model_cfg", "model_cfg.text_cfg", "model_cfg.vision_cfg", "model_cfg.multimodal_cfg"]
KEYS += ["model_cfg.text_cfg.tokenizer_kwargs.trust_remote_code", "model_cfg.hooks", "model_cfg.\n"]

Change = tuple[str, str, Any]
"""What is done to which key: `set` to a value, or `drop`."""

useful = st.sampled_from(sorted(USEFUL)).flatmap(
    lambda key: st.tuples(st.just("set"), st.just(key), st.sampled_from(USEFUL[key]))
)
junk = st.tuples(st.just("set"), st.sampled_from(KEYS), st.sampled_from(JUNK))
dropped = st.tuples(st.just("drop"), st.sampled_from(KEYS), st.none())
changes = st.one_of(
    st.lists(useful, min_size=1, max_size=3),
    st.lists(junk, min_size=1, max_size=1),
    st.lists(dropped, min_size=1, max_size=2),
    st.tuples(useful, junk).map(list),
)


def few(examples: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def changed(original: dict[str, Any], wanted: list[Change]) -> dict[str, Any]:
    result = deepcopy(original)
    for action, path, value in wanted:
        *parents, key = path.split(".")
        place = result
        for parent in parents:
            if not isinstance(place.get(parent), dict):
                break
            place = place[parent]
        else:
            place.update({key: value}) if action == "set" else place.pop(key, None)
    return result


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """One thread, with which tiny models are quickest, and no warnings of other libraries."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    torch.set_num_threads(before)


_tokenizers: dict[str, Any] = {}


def tokenizer(folder: Path) -> Any:
    """Return open_clip's tokenizer of a model, each kind made once, which takes long."""
    text = json.loads((folder / CONFIGURATION).read_bytes())["model_cfg"]["text_cfg"]
    kind = str([text.get(key) for key in ("context_length", "tokenizer_kwargs")])
    if kind not in _tokenizers:
        made = import_open_clip().get_tokenizer(f"local-dir:{folder}")
        _tokenizers[kind] = made
    return _tokenizers[kind]


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return reference_clip.save_photos(tmp_path_factory.mktemp("photos"), ".png")[:3]


def our_rows(folder: Path, photos: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    specification = resolve(str(folder))
    read = [
        read_picture(os.fsencode(each), specification.preprocessing, ReadSettings())
        for each in photos
    ]
    pixels = np.stack([picture.parts[0] for picture in read])
    model = Model(specification, EXACT)
    return model.pictures(pixels), model.texts(TEXTS)


def assert_told(error: ModelError, folder: Path, keys: list[str]) -> None:
    """A sentence names the file and, unless the weights or the whole are at fault, the key."""
    told = str(error)
    assert str(folder) in told
    assert told.isprintable()
    assert "unexpected" not in told.lower()
    assert "weights_only" not in told
    by_whole = ("cannot be loaded", "cannot be used", "is missing", "embeddings are of another")
    named = any(key.rpartition(".")[2].strip() in told for key in keys)
    assert named or any(words in told for words in by_whole), told


def test_changed_configurations_are_refused_or_give_what_open_clip_gives(
    tmp_path: Path, photo: list[Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = make_tiny_model(tmp_path / "model")
    original = json.loads((folder / CONFIGURATION).read_bytes())
    seen: Counter[str] = Counter()

    @few(200)
    @given(changes)
    def run(wanted: list[Change]) -> None:
        (folder / CONFIGURATION).write_text(json.dumps(changed(original, wanted)))
        try:
            pictures, texts = our_rows(folder, photo)
        except ModelError as error:
            assert_told(error, folder, [path for _, path, _ in wanted])
            seen["refused"] += 1
            return
        seen["accepted"] += 1
        theirs, their_texts = reference_clip.encode(folder, photo, TEXTS, tokenizer(folder))
        assert (pictures * theirs).sum(axis=1).min() > 0.999
        assert (texts * their_texts).sum(axis=1).min() > 0.99999

    run()
    assert seen["accepted"] >= 40, seen
    assert seen["refused"] >= 80, seen
    assert capfd.readouterr().out == ""


FOREIGN_FILES = ("tokenizer_config.json", "tokenizer.json", CONFIGURATION)
FOREIGN_KEYS = {
    "tokenizer_config.json": [
        *(
            "tokenizer_class",
            "pad_token",
            "unk_token",
            "auto_map",
            "vocab_file",
            "model_max_length",
        ),
        *("added_tokens_decoder", "padding_side", "sp_model_kwargs", "additional_special_tokens"),
        *(
            "do_lower_case",
            "clean_up_tokenization_spaces",
            "chat_template",
            "init_inputs",
            "backend",
        ),
    ],
    "tokenizer.json": [
        *("model", "model.type", "model.vocab", "model.unk_token", "pre_tokenizer", "normalizer"),
        *("padding", "truncation", "added_tokens", "version", "decoder", "post_processor"),
    ],
    CONFIGURATION: [
        f"model_cfg.text_cfg.{key}"
        for key in ("tokenizer_kwargs", "tokenizer_mode", "hf_tokenizer_name", "context_length")
    ],
}
FOREIGN_VALUES: list[Any] = [
    *("PreTrainedTokenizerFast", "BertTokenizerFast", "[PAD]", "[UNK]", "left", "right", "clips"),
    *({"type": "Lowercase"}, {"type": "WhitespaceSplit"}, {"strip_sep_token": True}, "owner/name"),
    *({"clean": "lower"}, {"clean": "canonicalize"}, {"[PAD]": 0, "chat": 10**6}, ["<x>"]),
    *({"AutoTokenizer": ["own.Own", None]}, {"[PAD]": 0, "[UNK]": 49_407, "chat": 2}),
]
foreign_changes = st.sampled_from(FOREIGN_FILES).flatmap(
    lambda name: st.tuples(
        st.just(name),
        st.lists(
            st.tuples(
                st.sampled_from(["set", "set", "set", "drop"]),
                st.sampled_from(FOREIGN_KEYS[name]),
                st.sampled_from(FOREIGN_VALUES + JUNK),
            ),
            min_size=1,
            max_size=2,
        ),
    )
)


def test_changed_tokenizers_are_refused_or_give_what_open_clip_gives(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("transformers")
    folder = foreign_model(tmp_path / "model")
    originals = {name: json.loads((folder / name).read_bytes()) for name in FOREIGN_FILES}
    seen: Counter[str] = Counter()

    @few(200)
    @given(foreign_changes)
    def run(wanted: tuple[str, list[Change]]) -> None:
        name, steps = wanted
        for each, original in originals.items():
            steps_here = steps if each == name else []
            (folder / each).write_text(json.dumps(changed(original, steps_here)))
        try:
            texts = Model(resolve(str(folder)), EXACT).texts(TEXTS)
        except ModelError as error:
            assert_told(error, folder, [path for _, path, _ in steps])
            seen["refused"] += 1
            return
        seen["accepted"] += 1
        theirs = reference_clip.encode_texts(folder, TEXTS)
        assert (texts * theirs).sum(axis=1).min() > 0.99999

    run()
    assert seen["accepted"] >= 40, seen
    assert seen["refused"] >= 60, seen
    assert capfd.readouterr().out == ""


SMALL: dict[str, np.ndarray] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.arange(4, dtype=np.float16),
    "c": np.arange(2, dtype=np.int64),
    "d": np.array(7, dtype=np.float32),
}
header_values = st.sampled_from(
    [*JUNK, "F32", "F16", "BF16", "I64", "U8", [6], [3, 2], [2, 3, 1], [0, 24], [24, 32], [0, 8]]
)
header_changes = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "drop"]),
        st.builds(
            "{}{}".format,
            st.sampled_from([*SMALL, "e", "__metadata__"]),
            st.sampled_from(["", ".dtype", ".shape", ".data_offsets"]),
        ),
        header_values,
    ),
    min_size=0,
    max_size=2,
)


def test_changed_headers_are_refused_or_give_the_tensors_of_safetensors(tmp_path: Path) -> None:
    place = tmp_path / WEIGHTS
    safetensors.numpy.save_file(SMALL, place)
    content = place.read_bytes()
    length = int.from_bytes(content[:8], "little")
    original, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    seen: Counter[str] = Counter()

    @few(400)
    @given(
        header_changes,
        st.sampled_from([(0, 0)] * 16 + [(1, 0), (-1, 0), (8, 0), (10**12, 0), (0, -1), (0, 8)]),
    )
    def run(wanted: list[Change], lengths: tuple[int, int]) -> None:
        longer, more = lengths
        header = json.dumps(changed(original, wanted)).encode()
        stated = max(0, len(header) + longer).to_bytes(8, "little")
        rest = tensors[:more] if more < 0 else tensors + bytes(more)
        place.write_bytes(stated + header + rest)
        try:
            found = Weights(place).tensors()
        except ModelError as error:
            assert_told(error, place, [])
            seen["refused"] += 1
            return
        seen["accepted"] += 1
        assert_equal_tensors(found, place)

    run()
    assert seen["accepted"] >= 60, seen
    assert seen["refused"] >= 150, seen


def assert_equal_tensors(found: dict[str, np.ndarray], place: Path) -> None:
    """What is mapped is what safetensors reads, which must not refuse the file."""
    with safe_open(place, "np") as file:
        names = {name for name in file.keys() if Weights(place).header[name].is_plain}  # noqa: SIM118
        assert set(found) == names
        for name in names:
            np.testing.assert_array_equal(found[name], file.get_tensor(name))
