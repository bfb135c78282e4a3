"""Files that came with a model: read only where they are regular, of sane size and plain JSON."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import blake3

from rclip_like.errors import ModelError
from rclip_like.files import open_at_once, write_whole

JSON_BYTES = 16 << 20
"""How large a JSON file may be; those that come with models have two million bytes at most."""

WEIGHT_BYTES = 200 << 30
"""How large a weight file may be: ten times the largest that open_clip publishes."""

_SHOWN = 60
_IN_JSON = {"True": "true", "False": "false", "None": "null"}


def open_regular(path: Path, most_bytes: int) -> BinaryIO:
    """Open a file for reading, without waiting for anybody to write it.

    Raises ModelError when it is a folder, a pipe or a device or is larger, OSError as `open` does.
    """
    try:
        file = open(path, "rb", opener=open_at_once)  # noqa: SIM115 - the caller closes it
    except IsADirectoryError:
        raise _not_regular(path) from None
    try:
        _require(path, os.fstat(file.fileno()), most_bytes)
    except ModelError:
        file.close()
        raise
    return file


def require_regular(path: Path, most_bytes: int) -> None:
    """Raise ModelError unless a file is regular and no larger; OSError when it cannot be seen."""
    _require(path, path.stat(), most_bytes)


def read_json_object(path: Path, most_bytes: int = JSON_BYTES) -> dict[str, Any]:
    """Return the object in a JSON file.

    JSON is taken to the letter: UTF-8 without a byte order mark, finite numbers, each key once.
    Raises FileNotFoundError or NotADirectoryError when there is no such file, else ModelError that
    names it.
    """
    parsed = read_json(path, most_bytes)
    if not isinstance(parsed, dict):
        raise ModelError(f"{path} holds {shown(parsed)}, and must hold a JSON object")
    return parsed


def read_json(path: Path, most_bytes: int = JSON_BYTES) -> Any:
    """Return what a JSON file holds, of whatever kind; else as `read_json_object`."""
    try:
        with open_regular(path, most_bytes) as file:
            content = file.read(most_bytes)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    return parse_json(content, str(path))


def parse_json(content: bytes, name: str) -> Any:
    """Return what JSON to the letter holds; else raises ModelError with the name of its source."""
    try:
        return json.loads(
            content.decode(), object_pairs_hook=_each_key_once, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise ModelError(f"{name} is not UTF-8 text from byte {error.start:,} on") from error
    except RecursionError:
        raise ModelError(f"{name} is not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        raise ModelError(f"{name} is not JSON that can be read: {_reason(error)}") from error


def read_cache(path: Path) -> Any:
    """Return the value that `write_cache` wrote, None where it is missing or damaged."""
    try:
        content = read_json(path)
    except (OSError, ModelError):
        return None
    if isinstance(content, dict) and content.keys() == {"blake3", "value"}:
        return content["value"] if content["blake3"] == _digest(content["value"]) else None
    return None


def write_cache(path: Path, value: Any) -> None:
    """Write a value with a digest by which damage is noticed; do without where that fails."""
    with suppress(OSError), write_whole(path) as draft:
        draft.write_text(json.dumps({"blake3": _digest(value), "value": value}))


def shown(value: object) -> str:
    """Return a value as an error may show it: ASCII, as JSON spells it, a few words at most."""
    text = ascii(value)
    text = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
    return _IN_JSON.get(text, text)


def shown_key(key: str) -> str:
    """Return a key as an error may show it: as it is if it is a word, else as `shown` does."""
    return key if re.fullmatch(r"[\w.-]{1,60}", key, re.ASCII) else shown(key)


def _require(path: Path, facts: os.stat_result, most_bytes: int) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise _not_regular(path)
    if facts.st_size > most_bytes:
        raise ModelError(
            f"{path} has {facts.st_size:,} bytes, and no more than {most_bytes:,} are read; put "
            "the model's own file in its place"
        )


def _not_regular(path: Path) -> ModelError:
    return ModelError(f"{path} is not a regular file; put the model's own file in its place")


def _reason(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if error.doc.startswith("\ufeff"):
        return "it begins with a byte order mark; save it without one"
    return f"{error.msg} in line {error.lineno:,}, column {error.colno:,}"


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown_key(key)} stands twice in one object")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"it holds {name}, which is not a number of JSON")


def _digest(value: Any) -> str:
    return str(blake3.blake3(json.dumps(value, sort_keys=True).encode()).hexdigest())
