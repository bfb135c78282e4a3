"""Shards: an index as Parquet files; alone imports pyarrow.

What is read may come from anywhere: sizes are bounded by what the file says of itself, and texts
are looked at before they are made.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rclip_like.errors import InterchangeError, Remedy
from rclip_like.files import write_whole
from rclip_like.interchange.columns import COLUMNS, FORM, FORM_KEY, KIND_KEY, KINDS, Column, Kind

_GROUP_ROWS = 4096
_MOST_BATCH_BYTES = 8 << 20
_MOST_GROUP_BYTES = 256 << 20
_MOST_ROWS = 1 << 24
_MOST_VALUE_BYTES = 1 << 20
_MOST_DIMENSION = 1 << 14
_READ_ROWS = 1024

Row = tuple[Any, ...]


class Shard(NamedTuple):
    """A shard as its head describes it: `dimension` is 0 but for embeddings."""

    path: Path
    kind: Kind
    num_rows: int
    dimension: int


def write_shard(path: Path, kind: Kind, rows: Iterable[Row], dimension: int = 0) -> int:
    """Write rows, in the order of the kind's columns, to a new shard; return how many there were.

    Embeddings are bytes of little-endian float16 (D,). Raises OSError.
    """
    number = 0
    schema = _schema(kind, dimension)
    with write_whole(path) as draft, pq.ParquetWriter(draft, schema, **_OPTIONS) as writer:
        for some in _batches(rows):
            columns = zip(*some, strict=True)
            try:
                pairs = zip(schema, columns, strict=True)
                arrays = [_array(field, values) for field, values in pairs]
            except (pa.ArrowInvalid, ValueError) as error:
                raise InterchangeError(
                    f"{path}: rows of the index are damaged ({kind})", Remedy.REPAIR
                ) from error
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            number += len(some)
    return number


_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "use_dictionary": False,
    "write_page_checksum": True,
}


def _schema(kind: Kind, dimension: int) -> pa.Schema:
    fields = [
        pa.field(column.name, _type(column, dimension), nullable=column.is_optional)
        for column in COLUMNS[kind]
    ]
    return pa.schema(fields, {FORM_KEY: str(FORM), KIND_KEY: kind})


def _type(column: Column, dimension: int) -> pa.DataType:
    types = {
        "digest": pa.binary(32),
        "integer": pa.int64(),
        "number": pa.float64(),
        "text": pa.string(),
        "bytes": pa.binary(),
    }
    if column.type == "embedding":
        return pa.list_(pa.field("element", pa.float16(), nullable=False), dimension)
    return types[column.type]


def _array(field: pa.Field, values: Sequence[Any]) -> pa.Array:
    if not pa.types.is_fixed_size_list(field.type):
        return pa.array(values, field.type)
    flat = np.frombuffer(b"".join(values), "<f2").astype(np.float16)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), type=field.type)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists that a few megabytes hold."""
    some: list[Row] = []
    num_bytes = 0
    for row in rows:
        some.append(row)
        num_bytes += sum(len(value) for value in row if isinstance(value, bytes | str))
        if len(some) >= _GROUP_ROWS or num_bytes > _MOST_BATCH_BYTES:
            yield some
            some, num_bytes = [], 0
    if some:
        yield some


def read_head(path: Path) -> Shard:
    """Return what a shard says of itself. Raises InterchangeError for other files."""
    with _opened(path) as file:
        return _head(path, file)


def _head(path: Path, file: pq.ParquetFile) -> Shard:
    metadata, schema = file.metadata, file.schema_arrow
    said = {key.decode("latin-1"): value for key, value in (schema.metadata or {}).items()}
    kind = next((each for each in KINDS if said.get(KIND_KEY) == each.encode()), None)
    if kind is None or FORM_KEY not in said:
        raise InterchangeError(f"{path}: clipfind did not export this file")
    if said[FORM_KEY] != str(FORM).encode():
        form = said[FORM_KEY][:20].decode("latin-1")
        raise InterchangeError(
            f"{path}: this file has form {form}, and this clipfind knows form {FORM}",
            "update clipfind",
        )
    dimension = 0
    if kind == "embeddings":
        found = schema.field("embedding").type if "embedding" in schema.names else None
        if found is not None and pa.types.is_fixed_size_list(found):
            dimension = min(found.list_size, _MOST_DIMENSION + 1)
        if not 0 < dimension <= _MOST_DIMENSION:
            raise InterchangeError(f"{path}: the column embedding is not as it should be")
    for column in COLUMNS[kind]:
        if schema.names.count(column.name) != 1 or not _is_type(
            schema.field(column.name).type, _type(column, dimension)
        ):
            raise InterchangeError(f"{path}: the column {column.name} is not as it should be")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if metadata.num_rows > _MOST_ROWS or any(
        group.total_byte_size > _MOST_GROUP_BYTES for group in groups
    ):
        raise InterchangeError(f"{path}: this file is too large to be read safely")
    return Shard(path, kind, metadata.num_rows, dimension)


def _is_type(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_fixed_size_list(wanted):  # how the list's values are called does not matter
        is_list = pa.types.is_fixed_size_list(found) and found.list_size == wanted.list_size
        return bool(is_list and found.value_type == wanted.value_type)
    # So are repeated texts read, each once, and some programs write them so.
    return bool((found.value_type if pa.types.is_dictionary(found) else found) == wanted)


def read_rows(shard: Shard) -> Iterator[list[Row]]:
    """Yield the rows of a shard, some at a time; embeddings as bytes of float16 (D,).

    Raises InterchangeError for a value that is missing, too long, or not text.
    """
    columns = COLUMNS[shard.kind]
    long = [column.name for column in columns if column.type in ("text", "bytes")]
    with _opened(shard.path, read_dictionary=long) as file:
        if _head(shard.path, file) != shard:
            raise InterchangeError(f"{shard.path}: this file was changed while it was read")
        names = [column.name for column in columns]
        batches = file.iter_batches(_READ_ROWS, columns=names)
        for batch in _explained(shard.path, batches):
            values = [_values(shard, column, batch.column(column.name)) for column in columns]
            yield list(zip(*values, strict=True))


def _values(shard: Shard, column: Column, array: pa.Array) -> Sequence[Any]:
    if array.null_count and not column.is_optional:
        raise InterchangeError(f"{shard.path}: a value of the column {column.name} is missing")
    if column.type == "embedding":
        return _embeddings(shard, array)
    if pa.types.is_dictionary(array.type):
        # Each value is looked at once, however often it stands in the column.
        lengths = pc.binary_length(array.dictionary)
        if (pc.max(lengths).as_py() or 0) > _MOST_VALUE_BYTES:
            raise InterchangeError(f"{shard.path}: a value of the column {column.name} is too long")
        try:
            dictionary = array.dictionary.to_pylist()
        except UnicodeDecodeError as error:
            raise InterchangeError(
                f"{shard.path}: a value of the column {column.name} is not text"
            ) from error
        return [None if at is None else dictionary[at] for at in array.indices.to_pylist()]
    return list(array.to_pylist())


def _embeddings(shard: Shard, array: pa.Array) -> list[bytes]:
    flat = array.flatten()
    if flat.null_count or len(flat) != len(array) * shard.dimension:
        raise InterchangeError(f"{shard.path}: an embedding is not whole")
    rows = flat.to_numpy(zero_copy_only=False).astype("<f2").reshape(-1, shard.dimension)
    return [row.tobytes() for row in rows]


def _opened(path: Path, **options: Any) -> pq.ParquetFile:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InterchangeError(f"{path}: this is not a regular file")
        return pq.ParquetFile(
            path,
            thrift_string_size_limit=_MOST_VALUE_BYTES,
            thrift_container_size_limit=_MOST_VALUE_BYTES,
            page_checksum_verification=True,  # where there are any
            **options,
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _explained(path: Path, batches: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from batches
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InterchangeError:
    reason = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), "")
    return InterchangeError(f"{path}: this file cannot be read ({reason[:200]})")
