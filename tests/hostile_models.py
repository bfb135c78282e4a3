"""Model folders that name code of their own, each of which leaves a marker when it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiny_model import make_tiny_model, tiny_config

CODE = """
from pathlib import Path
from transformers import PreTrainedTokenizerFast
Path(__file__).with_name("ran").touch()
Path({marker!r}).touch()
class Own(PreTrainedTokenizerFast): pass
"""


def save_foreign_tokenizer(folder: Path, **described: Any) -> None:
    """Write a tokenizer of four words and padding, as the hub's models have theirs.

    described: more keys for `tokenizer_config.json`.
    """
    import tokenizers

    words = {"[PAD]": 0, "[UNK]": 1, "chat": 2, "katze": 3, "un": 4, "eine": 5}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    known = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}
    described = known | {"unk_token": "[UNK]"} | described
    (folder / "tokenizer_config.json").write_text(json.dumps(described))


def foreign_model(folder: Path, **text_cfg: Any) -> Path:
    """Write a tiny model whose tokenizer is one of transformers, and return its folder."""
    text = {"hf_tokenizer_name": "nobody/nothing", "pool_type": "last"}
    make_tiny_model(folder, text_cfg=tiny_config()["text_cfg"] | text | text_cfg)
    save_foreign_tokenizer(folder)
    return folder


def model_with_tokenizer(folder: Path, **changes: Any) -> Path:
    """Write one whose `tokenizer.json` has those parts in place of its own."""
    foreign_model(folder)
    change_json(folder / "tokenizer.json", changes)
    return folder


def add_code(folder: Path, marker: Path) -> None:
    """Write the code that `own_code` names; when it runs, the marker is there."""
    (folder / "own.py").write_text(CODE.format(marker=str(marker)))


_SEQUENCE = {"Sequence": {"id": "A", "type_id": 0}}

PANICS: dict[str, dict[str, Any]] = {
    "a template without its token": {
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[X]", "type_id": 0}}, _SEQUENCE],
            "pair": [_SEQUENCE],
            "special_tokens": {},
        }
    },
    "a map of characters with no end": {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "/////wAAAAD/////"}
    },
    "a map of characters that leads out of itself": {
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": "CAAAAP////////////8AAAA="}
    },
    "a merge of no token": {
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 2**32 - 1}, "merges": [["a", "b"]]}
    },
    "a pattern that takes for ever": {
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": "(x+x+)+y"},
            "behavior": "Isolated",
            "invert": False,
        }
    },
}
"""Parts of `tokenizer.json` at which the package tokenizers panics, once it reads or uses them."""

OWN_TOKENIZER = {"auto_map": {"AutoTokenizer": ["own.Own", "own.Own"]}}
OWN_MODEL = {"auto_map": {"AutoConfig": "own.Own", "AutoModel": "own.Own"}, "model_type": "own"}


def model_that_runs_its_code(folder: Path, marker: Path) -> Path:
    """Write a model folder whose configuration trusts the code that it brings along."""
    foreign_model(folder, tokenizer_kwargs={"trust_remote_code": True})
    save_foreign_tokenizer(folder, tokenizer_class="Own", **OWN_TOKENIZER)
    add_code(folder, marker)
    return folder


def model_that_asks(folder: Path, marker: Path) -> Path:
    """Write one whose tokenizer names code, so that transformers would ask whether to run it."""
    foreign_model(folder)
    save_foreign_tokenizer(folder, tokenizer_class="Own", **OWN_TOKENIZER)
    add_code(folder, marker)
    return folder


def change_json(place: Path, changes: Mapping[str, Any]) -> None:
    """Set keys of a JSON file."""
    place.write_text(json.dumps(json.loads(place.read_bytes()) | dict(changes)))
