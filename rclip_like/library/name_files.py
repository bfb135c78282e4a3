"""Names of one's own as a small JSON file, to be taken to another index."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_like.errors import ModelError, UsageError
from rclip_like.query.terms import is_name
from rclip_like.store.names import (
    DIGEST_BYTES,
    MOST_DIMENSIONS,
    MOST_PICTURES,
    Method,
    Name,
    NameRow,
    is_unit,
)

if TYPE_CHECKING:
    from rclip_like.values import Embedding

VERSION = 1
MOST_BYTES = 64 << 20
_MOST_NAMES, _MOST_ROWS = 10_000, 100
_FORMAT = "clipfind_names"
_DIGEST = re.compile(rf"[0-9a-f]{{{2 * DIGEST_BYTES}}}")
_MODEL = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,1000}")
_DECIMALS = 8


def names_text(names: Sequence[Name]) -> str:
    """Return names as JSON: their pictures' digests and their rows, but neither paths nor pixels.

    The folder of a model is named without the path to it.
    """
    every = [
        {
            "name": each.name,
            "pictures": [digest.hex() for digest in each.digests],
            "rows": [
                {
                    "model": _shared(row.model),
                    "fingerprint": row.fingerprint,
                    "method": row.method,
                    "embedding": [round(float(number), _DECIMALS) for number in row.embedding],
                }
                for row in each.rows
            ],
        }
        for each in names
    ]
    return json.dumps({_FORMAT: VERSION, "names": every}, ensure_ascii=False)


def read_names(path: Path) -> list[Name]:
    """Return the names in a file, which may be anybody's: sizes, words and numbers are checked.

    Raises UsageError, which says what is wrong.
    """
    from rclip_like.models.regular import read_json

    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is not a file")
    try:
        parsed = read_json(path, MOST_BYTES)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ModelError as error:
        raise UsageError(f"{path}: is not a file of names: {error}") from error
    try:
        return _names_of(parsed)
    except _UnfitNames as error:
        raise UsageError(f"{path}: is not a file of names that can be used: {error}") from None


class _UnfitNames(Exception):
    """A file of names cannot be used; the message completes an error that names the file."""


def _require(is_so: bool, problem: str) -> None:
    if not is_so:
        raise _UnfitNames(problem)


def _list(value: Any, most: int, what: str) -> list[Any]:
    _require(isinstance(value, list) and len(value) <= most, f"{what} must be a list")
    return list(value)


def _names_of(parsed: Any) -> list[Name]:
    _require(isinstance(parsed, dict) and _FORMAT in parsed, "clipfind has not written it")
    _require(parsed[_FORMAT] == VERSION, f"this clipfind reads version {VERSION} alone")
    names = [_name_of(each) for each in _list(parsed.get("names"), _MOST_NAMES, "its names")]
    _require(len({each.name for each in names}) == len(names), "a name stands in it twice")
    return names


def _name_of(value: Any) -> Name:
    word = value.get("name") if isinstance(value, dict) else None
    if not isinstance(word, str) or not is_name(word):
        raise _UnfitNames("a name in it is not a word")
    pictures = _list(value.get("pictures"), MOST_PICTURES, f"the pictures of {word}")
    _require(
        all(_matches(_DIGEST, each) for each in pictures),
        f"a picture of {word} has no proper digest",
    )
    _require(len(set(pictures)) == len(pictures), f"a picture of {word} stands in it twice")
    rows = [_row_of(each, word) for each in _list(value.get("rows"), _MOST_ROWS, "rows")]
    _require(bool(rows), f"{word} has no row")
    _require(len({row.fingerprint for row in rows}) == len(rows), f"{word} has a model twice")
    is_of_probe = all(row.method == "probe" for row in rows)
    _require(bool(pictures) or is_of_probe, f"{word} stands for no picture")
    return Name(word, tuple(map(bytes.fromhex, pictures)), tuple(rows))


def _row_of(value: Any, word: str) -> NameRow:
    _require(isinstance(value, dict), f"a row of {word} is not a JSON object")
    model, fingerprint = value.get("model"), value.get("fingerprint")
    is_model = _matches(_MODEL, model) and _matches(_DIGEST, fingerprint)
    _require(is_model, f"a model of {word} has no proper name or fingerprint")
    method: Method = "probe" if value.get("method") == "probe" else "mean"
    return NameRow(model, fingerprint, method, _embedding_of(value.get("embedding"), word))


def _embedding_of(value: Any, word: str) -> Embedding:
    import numpy as np

    numbers = _list(value, MOST_DIMENSIONS, f"the numbers of {word}")
    is_numbers = all(type(each) in (int, float) and abs(each) <= 2 for each in numbers)
    _require(is_numbers and bool(numbers), f"the numbers of {word} are not between -2 and 2")
    embedding = np.array(numbers, dtype=np.float32)
    _require(is_unit(embedding), f"the numbers of {word} do not have length one")
    return embedding


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _shared(model: str) -> str:
    from rclip_like.models.names import is_folder_name

    return f"./{Path(model).name}" if is_folder_name(model) else model
