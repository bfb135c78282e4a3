"""How much longer the steps of a tokenizer make a text at most, told before one goes through."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rclip_like.errors import ModelError

_MOST = 4096
"""How many times as long a text may become; the steps of ALBERT and XLNet come to 2,376."""

_PARTS = ("normalizer", "pre_tokenizer", "post_processor")
_INNER = ("normalizers", "pretokenizers", "processors")
_BY_TYPE = {
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


def require_bounded(place: Path, described: Mapping[str, Any]) -> None:
    """Raise ModelError when a tokenizer could make a short text fill the memory.

    described: what `place`, its `tokenizer.json`, holds. Steps in a row multiply.
    """
    for part in _PARTS:
        growth = 1
        for step in _steps(described.get(part)):
            growth *= _growth(step)
            if growth > _MOST:
                raise ModelError(
                    f"{place}: {part} can make a text more than {_MOST:,} times as long; put the "
                    "model's own file in its place"
                )


def _steps(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each step of a part, those of a sequence as well, in any order."""
    pending = [part]
    while pending:
        step = pending.pop()
        if not isinstance(step, dict):
            continue
        yield step
        for name in _INNER:
            pending += _list(step.get(name))


def _growth(step: Mapping[str, Any]) -> int:
    kind = step.get("type")
    if kind == "Replace":
        return _of_replacement(step.get("pattern"), len(_text(step.get("content"))))
    if kind == "Prepend":
        return 1 + len(_text(step.get("prepend")))
    if kind == "Precompiled":
        return _of_map(_text(step.get("precompiled_charsmap")))
    if kind == "TemplateProcessing":
        return _of_template(step)
    return _BY_TYPE.get(kind, 1) if isinstance(kind, str) else 1


def _of_replacement(pattern: Any, length: int) -> int:
    """Return what comes of one character, by a content of so many."""
    replaced = _text(pattern.get("String")) if isinstance(pattern, dict) else ""
    if replaced:
        return max(1, math.ceil(length / len(replaced)))
    return 1 + length  # a regular expression can match between any two characters


def _of_map(encoded: str) -> int:
    """Return how long the longest replacement is in a map of characters of SentencePiece.

    It begins with the length of a trie (4 bytes, little-endian); behind that come replacements,
    each with a zero at its end. One that cannot be read is left to the library.
    """
    try:
        decoded = base64.b64decode(encoded)
    except ValueError:
        return 1
    first = 4 + int.from_bytes(decoded[:4], "little")
    return max(1, max(map(len, decoded[first:].split(b"\0"))))


def _of_template(step: Mapping[str, Any]) -> int:
    special = step.get("special_tokens")
    tokens = special.values() if isinstance(special, dict) else ()
    lengths = [len(_list(token.get("ids"))) for token in tokens if isinstance(token, dict)]
    return max(1, len(_list(step.get("single"))) * max([1, *lengths]))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
