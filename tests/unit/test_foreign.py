"""A tokenizer of a model that makes short texts long: refused before one goes through."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hostile_models import model_with_tokenizer

from rclip_like.errors import ModelError
from rclip_like.models.specification import resolve
from rclip_like.models.towers.foreign_tokenizer import load_tokenizer

pytest.importorskip("transformers")


def replacing(text: str, content: str) -> dict[str, Any]:
    return {"type": "Replace", "pattern": {"String": text}, "content": content}


def one_after_another(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "normalizers": list(steps)}


LIGATURE = "\ufdfa"
"""One letter that compatibility makes 18 of, four of them an alif."""
SPREADING = {"type": "NFKC"}
REPEATING = {"SpecialToken": {"id": "[PAD]", "type_id": 0}}
CHARACTERS = base64.b64encode(bytes(4) + b"a" * 20_000).decode()
GROWING: dict[str, tuple[dict[str, Any], str]] = {
    "replaces": (
        {"normalizer": one_after_another(*[replacing("a", "a" * 100)] * 3)},
        "normalizer",
    ),
    "replaces in parts": (
        {"normalizer": one_after_another(*[one_after_another(replacing("a", "aa"))] * 14)},
        "normalizer",
    ),
    "replaces once": ({"normalizer": replacing("a", "a" * 10_001)}, "normalizer"),
    "replaces nothing": (
        {"normalizer": one_after_another(*[replacing("", "a")] * 14)},
        "normalizer",
    ),
    "replaces by a pattern": (
        {
            "normalizer": one_after_another(
                *[{"type": "Replace", "pattern": {"Regex": "(?=a)"}, "content": "a"}] * 14
            )
        },
        "normalizer",
    ),
    "spreads": (
        {"normalizer": one_after_another(*[replacing("\u0627", LIGATURE), SPREADING] * 4)},
        "normalizer",
    ),
    "prepends": ({"normalizer": {"type": "Prepend", "prepend": "a" * 10_001}}, "normalizer"),
    "a map of characters": (
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": CHARACTERS}},
        "normalizer",
    ),
    "splits": (
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}] * 8}},
        "pre_tokenizer",
    ),
    "surrounds": (
        {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [REPEATING] * 10_001,
                "pair": [],
                "special_tokens": {"[PAD]": {"id": "[PAD]", "ids": [0], "tokens": ["[PAD]"]}},
            }
        },
        "post_processor",
    ),
}


@pytest.mark.parametrize("kind", GROWING)
def test_a_tokenizer_that_makes_texts_grow_is_refused(tmp_path: Path, kind: str) -> None:
    changes, key = GROWING[kind]
    specification = resolve(str(model_with_tokenizer(tmp_path / "model", **changes)))
    with pytest.raises(ModelError, match=rf"tokenizer\.json: {key} ") as caught:
        load_tokenizer(specification)
    assert str(tmp_path / "model") in str(caught.value)


def test_what_tokenizers_of_the_hub_do_to_texts_is_taken(tmp_path: Path) -> None:
    """The steps of ALBERT and XLNet, the longest ones; a small map stands for theirs."""
    alike = [replacing("``", '"'), replacing("''", '"'), {"type": "NFKD"}]
    alike += [{"type": "StripAccents"}, {"type": "Lowercase"}]
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    punctuation = [replacing(each, "") for each in "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"]
    steps = one_after_another(*alike, spaces, *punctuation, replacing(" ", "\u2581"))
    folder = model_with_tokenizer(tmp_path / "model", normalizer=steps)
    assert load_tokenizer(resolve(str(folder)))(["chat"]).shape == (1, 32)
