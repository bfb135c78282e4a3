"""Tokenizers and text towers of the package transformers: what may stand in their files."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.models.names import TEXT_MODEL_FILE, TOKENIZER_FILES
from rclip_like.models.regular import read_json_object, require_regular, shown, shown_key

TOKENIZER_BYTES = 256 << 20
"""How large a tokenizer's file may be; that of 900,000 tokens has 60 million bytes."""

_CLASSES = frozenset(
    ["Albert", "Bart", "Bert", "Camembert", "CLIP", "Deberta", "DebertaV2", "DistilBert"]
    + ["Electra", "Gemma", "GPT2", "Herbert", "Llama", "M2M100", "MBart", "MBart50", "MPNet"]
    + ["MT5", "Nllb", "PreTrained", "Qwen2", "Roberta", "Siglip", "Siglip2", "T5", "XLM"]
    + ["XLMRoberta", "XLNet"]
)
"""Tokenizers of transformers, the ending aside, that read nothing but the files above."""

_TEXT_MODELS = ("bert", "m2m_100", "mt5", "roberta", "xlm-roberta")
"""The text models that open_clip builds. transformers has a class of its own for each, and then
takes no other class, whatever its `trust_remote_code` is."""

_RUNS_CODE = re.compile("auto_map|trust_remote|implementation|kernel|quantization|custom")
"""Parts of keys by which transformers fetches or runs code that is not its own."""

_DTYPES = (None, "float32", "float16", "bfloat16")
_MAY_NEST = ("id2label", "label2id", "task_specific_params")
_LARGEST = {
    "vocab_size": 2_000_000,
    "max_position_embeddings": 65_536,
    "n_positions": 65_536,
    "type_vocab_size": 1024,
    "relative_attention_num_buckets": 1024,
    "relative_attention_max_distance": 65_536,
}
"""The largest numbers in a text tower's configuration; `_most_of_text_model` has the rest."""

_ANYTHING = ("model_max_length", "max_len")
"""Keys of a tokenizer's configuration that may be 1e30, for no limit; open_clip sets its own."""

_MOST_GROWTH = 4096
"""How many times as long a text may become; the steps of ALBERT and XLNet need 2,376."""

_TOKENIZER_PARTS = ("normalizer", "pre_tokenizer", "post_processor")
_INNER_STEPS = ("normalizers", "pretokenizers", "processors")
_GROWTH_BY_TYPE = {
    "NFC": 3,
    "NFD": 4,
    "NFKC": 18,
    "NFKD": 18,
    "Lowercase": 2,
    "BertNormalizer": 6,
    "ByteLevel": 4,
    "Metaspace": 2,
}
"""How many characters, at most, each kind of step makes of one (Unicode's UAX 15, table 8, for the
forms); what is not listed makes one of one."""


def check(folder: Path, text: Mapping[str, Any]) -> None:
    """Raise ModelError unless what transformers would read of a model folder is harmless data.

    text: `text_cfg`, checked. Nothing is looked at where it names neither tokenizer nor tower.
    """
    if text.get("hf_tokenizer_name"):
        for name in TOKENIZER_FILES:
            try:
                require_regular(folder / name, TOKENIZER_BYTES)
            except FileNotFoundError:
                continue
        _check_tokenizer(folder / "tokenizer_config.json")
        for key, value in _read_if_there(path := folder / "special_tokens_map.json").items():
            # Any other key would take the place of a file's name or an option.
            if not key.endswith(("_token", "_tokens")):
                raise _refused(path, key, value, "must not stand there")
        for key, value in _read_if_there(path := folder / "added_tokens.json").items():
            if type(value) is not int or not 0 <= value <= _LARGEST["vocab_size"]:
                raise _refused(path, key, value, "must be a token's number")
        # The package looks there for the name of a tokenizer. It ignores other keys, `auto_map`
        # too, because it is told to trust no code.
        _check_class(folder / "config.json", _read_if_there(folder / "config.json"))
    if text.get("hf_model_name"):
        _check_text_model(folder / TEXT_MODEL_FILE)


def _read_if_there(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except FileNotFoundError:
        return {}


def _check_tokenizer(path: Path) -> None:
    described = _read_if_there(path)
    for key, value in described.items():
        names_file = key.endswith(("_file", "_files")) and key != "special_tokens_map_file"
        if _RUNS_CODE.search(key) or key == "init_inputs" or (names_file and value is not None):
            raise _refused(path, key, value, "must not stand there")
    options = described.get("sp_model_kwargs") or {}
    if not isinstance(options, dict):
        raise _refused(path, "sp_model_kwargs", options, "must be an object")
    for key, value in options.items():
        if not isinstance(value, int | float):
            raise _refused(path, f"sp_model_kwargs.{key}", value, "must be a number")
    _check_numbers(path, described, _most_of_tokenizer)
    _check_class(path, described)


def _check_numbers(
    path: Path, described: Mapping[str, Any], most: Callable[[str], int | float]
) -> None:
    """Raise ModelError where a number is larger than `most` says of its dotted key, lists aside."""
    pending: list[tuple[str, Any]] = list(described.items())
    while pending:  # recursion would end before JSON's own nesting does
        key, value = pending.pop()
        if isinstance(value, int | float):
            if not -most(key) <= value <= most(key):
                raise _refused(path, key, value, f"must be at most {most(key):,}")
        elif isinstance(value, dict):
            pending += [(f"{key[:60]}.{name}", each) for name, each in value.items()]
        elif isinstance(value, list):
            pending += [(key, each) for each in value]


def _check_class(path: Path, described: Mapping[str, Any]) -> None:
    """Check the name of the class that transformers is to make the tokenizer of."""
    name = described.get("tokenizer_class")
    if name is None or name == "TokenizersBackend":
        return
    if not isinstance(name, str) or re.sub("Tokenizer(Fast)?$", "", name) not in _CLASSES:
        raise _refused(path, "tokenizer_class", name, "is not one that clipfind knows as harmless")


def _check_text_model(path: Path) -> None:
    try:
        described = read_json_object(path)
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; it describes the model's text tower") from None
    kind = described.get("model_type")
    if kind not in _TEXT_MODELS:
        raise _refused(path, "model_type", kind, f"must be one of {', '.join(_TEXT_MODELS)}")
    for key, value in described.items():
        if _RUNS_CODE.search(key) or (isinstance(value, dict) and key not in _MAY_NEST):
            raise _refused(path, key, value, "must not stand there")
        if key.endswith("dtype") and value not in _DTYPES:
            raise _refused(path, key, value, "must be float32, float16, bfloat16 or null")
    _check_numbers(path, described, _most_of_text_model)


def _most_of_tokenizer(key: str) -> int | float:
    if key in _ANYTHING:
        return math.inf
    return _LARGEST["vocab_size"] if key.endswith(("vocab_size", "_id")) else 100_000


def _most_of_text_model(key: str) -> int:
    if key in _LARGEST:
        return _LARGEST[key]
    if key.endswith("_id") or key.startswith("label2id."):
        return _LARGEST["vocab_size"]
    if "layers" in key:
        return 128
    if "heads" in key:
        return 256
    is_hidden = key in ("intermediate_size", "d_ff") or key.endswith("ffn_dim")
    # No other number that the five know is larger than 1,024; `num_labels` makes names.
    return 65_536 if is_hidden else 8192 if key in ("hidden_size", "d_model", "d_kv") else 10_000


def _refused(path: Path, key: str, value: object, why: str) -> ModelError:
    return ModelError(f"{path}: {shown_key(key)} is {shown(value)}, and {why}")


def require_bounded(path: Path, described: Mapping[str, Any]) -> None:
    """Raise ModelError when a tokenizer could make a short text fill the memory.

    described: what `path`, its `tokenizer.json`, holds. Steps in a row multiply.
    """
    for part in _TOKENIZER_PARTS:
        growth, pending = 1, [described.get(part)]
        while pending:
            step = pending.pop()
            growth *= _growth(step)
            if growth > _MOST_GROWTH:
                raise ModelError(
                    f"{path}: {part} can make a text more than {_MOST_GROWTH:,} times as long; put "
                    "the model's own file in its place"
                )
            if isinstance(step, dict):
                pending += chain.from_iterable(_items(step.get(name)) for name in _INNER_STEPS)


def _growth(step: Any) -> int:
    """Return how many times as long a step can make a text, the steps within it aside."""
    match step:
        case {"type": "Replace", "content": str(text), "pattern": {"String": str(old)}} if old:
            return max(1, math.ceil(len(text) / len(old)))
        case {"type": "Replace", "content": str(text)}:
            return 1 + len(text)  # a regular expression can match between any two characters
        case {"type": "Prepend", "prepend": str(text)}:
            return 1 + len(text)
        case {"type": "Precompiled", "precompiled_charsmap": str(encoded)}:
            return _longest_replacement(encoded)
        case {"type": "TemplateProcessing", "single": list(single)}:
            special = step.get("special_tokens")
            tokens = special.values() if isinstance(special, dict) else ()
            lengths = [len(_items(token.get("ids"))) for token in tokens if isinstance(token, dict)]
            return max(1, len(single) * max([1, *lengths]))
        case {"type": str(kind)}:
            return _GROWTH_BY_TYPE.get(kind, 1)
    return 1


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _longest_replacement(encoded: str) -> int:
    """Return the length of the longest replacement in a map of characters of SentencePiece.

    It begins with the length of a trie (4 bytes, little-endian); behind that come replacements,
    each with a zero at its end. One that cannot be read is left to the library.
    """
    try:
        decoded = base64.b64decode(encoded)
    except ValueError:
        return 1
    first = 4 + int.from_bytes(decoded[:4], "little")
    return max(1, max(map(len, decoded[first:].split(b"\0"))))
