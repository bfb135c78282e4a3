"""Whether the rows of a shard are what they should be: they may come from anywhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from operator import eq
from typing import Any, NamedTuple

import numpy as np

from rclip_like.errors import InterchangeError
from rclip_like.interchange.columns import COLUMNS, Column
from rclip_like.interchange.parquet import Row, Shard, read_rows
from rclip_like.query.terms import is_name
from rclip_like.store.embeddings import are_unit, stacked
from rclip_like.store.names import DIGEST_BYTES, MOST_DIMENSIONS, MOST_PICTURES, is_unit
from rclip_like.store.saved import is_search_name

_SHORT_TEXT, _LONG_TEXT = 1000, 1 << 20
_LONG_TEXTS = ("text", "caption", "keywords", "arguments")
_LONGEST_PATH = 1 << 15
_LONGEST_PIXELS = 64
_MOST_PARTS = 1 << 16
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_MOST_ROW_BYTES = 4 * MOST_DIMENSIONS
_MOST_DIGESTS_BYTES = MOST_PICTURES * DIGEST_BYTES
_CONSTANT = ("model", "fingerprint", "preprocessing_version")


class ModelOfShard(NamedTuple):
    """Which model a shard of embeddings is of."""

    name: str
    fingerprint: str
    preprocessing_version: str
    dimension: int


def checked_rows(shard: Shard) -> Iterator[list[Row]]:
    """Yield the rows of a shard, some at a time, each as it should be. Raises InterchangeError."""
    columns = COLUMNS[shard.kind]
    checks = [(number, column, _check_of(column, shard)) for number, column in enumerate(columns)]
    before: Row = ()
    for rows in read_rows(shard):
        for row in rows:
            for number, column, is_sound in checks:
                value = row[number]
                if value is not None and not is_sound(value):
                    raise InterchangeError(
                        f"{shard.path}: a value of the column {column.name} is not as it should be"
                    )
        if shard.kind == "embeddings":
            _check_embeddings(shard, before, rows)
        if shard.kind == "names":
            _check_names(shard, rows)
        before = rows[-1] if rows else before
        yield rows


def model_of(shard: Shard) -> ModelOfShard | None:
    """Return the model of a shard of embeddings, None for one without rows."""
    for rows in checked_rows(shard):
        if rows:
            names = [column.name for column in COLUMNS[shard.kind]]
            name, fingerprint, version = (rows[0][names.index(each)] for each in _CONSTANT)
            return ModelOfShard(name, fingerprint, version, shard.dimension)
    return None


def _check_embeddings(shard: Shard, before: Row, rows: list[Row]) -> None:
    """Raise InterchangeError unless the rows have unit length, one model, and rise in order."""
    names = [column.name for column in COLUMNS[shard.kind]]
    constant = [names.index(name) for name in _CONSTANT]
    every = [*([before] if before else []), *rows]
    if any(row[number] != every[0][number] for row in every for number in constant):
        raise InterchangeError(f"{shard.path}: the rows are of several models")
    if any(one[:2] >= other[:2] for one, other in pairwise(every)):
        raise InterchangeError(f"{shard.path}: the rows are not in the order of digest and part")
    if not are_unit(stacked([row[-1] for row in rows])).all():
        raise InterchangeError(f"{shard.path}: an embedding does not have length 1")


def _check_names(shard: Shard, rows: list[Row]) -> None:
    """Raise InterchangeError unless each name has pictures or a row, and each row is whole."""
    for name, digests, _, model, fingerprint, method, row in rows:
        described = (model, fingerprint, method, row)
        if len({each is None for each in described}) > 1 or (row is None and not digests):
            raise InterchangeError(f"{shard.path}: the row of the name @{name} is not whole")
        if row is not None and not is_unit(np.frombuffer(row, "<f4")):
            raise InterchangeError(
                f"{shard.path}: the row of the name @{name} does not have length 1"
            )


def _check_of(column: Column, shard: Shard) -> Callable[[Any], bool]:
    if shard.kind == "names" and column.name == "name":
        return is_name
    if column.name in _CHECKS:
        return _CHECKS[column.name]
    if column.name == "dimension":
        return partial(eq, shard.dimension)
    if column.type == "text":
        return partial(_is_text, _LONG_TEXT if column.name in _LONG_TEXTS else _SHORT_TEXT)
    return lambda value: True


def _is_text(most: int, value: str) -> bool:
    return len(value) <= most and "\0" not in value


def _is_within(least: float, most: float, value: float) -> bool:
    return least <= value <= most


def _is_path(value: bytes) -> bool:
    is_plain = b"\0" not in value and 1 < len(value) <= _LONGEST_PATH
    return is_plain and os.path.isabs(value) and os.path.normpath(value) == value


def _is_list_of_words(value: str) -> bool:
    try:
        words = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(words, list) and all(isinstance(word, str) for word in words)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "path": _is_path,
    "size_bytes": partial(_is_within, 0, 1 << 60),
    "width": partial(_is_within, 0, 1 << 31),
    "height": partial(_is_within, 0, 1 << 31),
    "latitude": partial(_is_within, -90, 90),
    "longitude": partial(_is_within, -180, 180),
    "words_version": partial(_is_within, 0, 1 << 31),
    "part": partial(_is_within, 0, _MOST_PARTS),
    "second": partial(_is_within, 0, 1 << 31),
    "pixels": lambda value: len(value) <= _LONGEST_PIXELS,
    "fingerprint": lambda value: _FINGERPRINT.fullmatch(value) is not None,
    "source": lambda value: value in ("caption", "keywords", "text"),
    "name": is_search_name,
    "arguments": _is_list_of_words,
    "digests": lambda value: len(value) % DIGEST_BYTES == 0 and len(value) <= _MOST_DIGESTS_BYTES,
    "method": lambda value: value in ("mean", "probe"),
    "row": lambda value: len(value) % 4 == 0 < len(value) <= _MOST_ROW_BYTES,
}
