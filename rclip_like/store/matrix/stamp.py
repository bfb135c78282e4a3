"""How far the matrix beside the index may be trusted, and when it is worth bringing up.

Without NumPy: most runs of the indexer find nothing to do.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO, NamedTuple

from rclip_like.store.connection import Connection
from rclip_like.store.reading import dimension_of
from rclip_like.store.side_files import open_own

HEADER_BYTES = 64
_MAGIC = b"clipfind matrix 1"

FEWEST_ROWS = 1000
"""An index with fewer rows is read from them in hundredths of a second."""

_SHARE_BEHIND = 50
"""A matrix may lack a fiftieth of the rows: writing the order of a million files anew takes as long
as reading that many rows from the index in some dozens of searches."""


class Stamp(NamedTuple):
    """What the index says of its matrix: names and times of its files, and what is in them."""

    rows_name: str
    rows_mtime_ns: int
    num_rows: int
    order_name: str
    order_mtime_ns: int
    schema_version: int
    last_embedding: int
    last_file: int
    num_added: int
    num_deleted: int


def read_stamp(connection: Connection, model_id: int) -> Stamp | None:
    """Return what the index says of the model's matrix, None if it is to be forgotten."""
    question = f"SELECT {', '.join(Stamp._fields)} FROM matrices WHERE model_id = ?"
    row = connection.execute(question, (model_id,)).fetchone()
    # VACUUM gives embeddings other row numbers, and changes this.
    if row is None or Stamp(*row).schema_version != schema_version(connection):
        return None
    return Stamp(*row)


def schema_version(connection: Connection) -> int:
    """Return SQLite's own counter of changes of form, VACUUM among them."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def address_of(path: Path, name: str) -> Path:
    """Return the path of a file of the matrix; its name begins with the index's own."""
    return path.with_name(f"{path.name}.{name}")


def opened(path: Path, name: str) -> IO[bytes]:
    """Open a file of the matrix to be read; raises ValueError for a file that is not ours."""
    return open(open_own(address_of(path, name), path, os.O_RDONLY), "rb")


def files_of(path: Path) -> list[Path]:
    """Return all files beside the index that are, or were, parts of a matrix."""
    name = re.compile(rf"{re.escape(path.name)}\.(rows|order)-[0-9a-f]{{16}}")
    return sorted(file for file in path.parent.iterdir() if name.fullmatch(file.name))


def header(name: str, *numbers: int) -> bytes:
    """Return the beginning of a file of this name with these numbers in it."""
    text = b"\n".join((_MAGIC, name.encode(), b" ".join(b"%d" % each for each in numbers)))
    return text.ljust(HEADER_BYTES, b"\0")


def check_rows(file: IO[bytes], stamp: Stamp, dimension: int) -> None:
    """Raise ValueError unless this is the file of rows that the index speaks of."""
    status = os.fstat(file.fileno())
    length = HEADER_BYTES + stamp.num_rows * dimension * 2
    # A longer one is being extended, or was when its writer died: what counts stays as it is.
    is_as_left = status.st_size > length or status.st_mtime_ns == stamp.rows_mtime_ns
    if status.st_size < length or not is_as_left:
        raise ValueError("the file is not as it was written")
    if file.read(HEADER_BYTES) != header(stamp.rows_name, dimension):
        raise ValueError("the file is another one")


def check_order(file: IO[bytes], stamp: Stamp) -> tuple[int, int, int]:
    """Return how many files, contents and further parts the order speaks of.

    Raises ValueError for another file.
    """
    beginning = file.read(HEADER_BYTES)
    numbers = beginning.rstrip(b"\0").split(b"\n")[-1].split()
    num_files, num_contents, num_further = map(int, numbers)
    if beginning != header(stamp.order_name, num_files, num_contents, num_further):
        raise ValueError("the file is another one")
    status = os.fstat(file.fileno())
    length = HEADER_BYTES + 12 * (num_files + num_contents) + 8 * num_further
    if (status.st_size, status.st_mtime_ns) != (length, stamp.order_mtime_ns):
        raise ValueError("the file is not as it was written")
    return num_files, num_contents, num_further


def is_there(path: Path, stamp: Stamp, dimension: int) -> bool:
    """Return whether both files are what the index says."""
    try:
        with opened(path, stamp.rows_name) as file:
            check_rows(file, stamp, dimension)
        with opened(path, stamp.order_name) as file:
            check_order(file, stamp)
    except (OSError, ValueError):
        return False
    return True


def is_due(connection: Connection, model_id: int) -> bool:
    """Return whether the model's matrix should be brought up: it is wrong, or much is missing."""
    stamp = read_stamp(connection, model_id)
    last_embedding, last_file = last_rows(connection)
    if stamp is None or not is_there(connection.path, stamp, dimension_of(connection, model_id)):
        return last_embedding >= FEWEST_ROWS
    new_embeddings = last_embedding - stamp.last_embedding if stamp.num_added else 0
    behind = new_embeddings + last_file - stamp.last_file + stamp.num_deleted
    return behind > max(FEWEST_ROWS, stamp.num_rows // _SHARE_BEHIND)


def last_rows(connection: Connection) -> tuple[int, int]:
    """Return the largest row numbers of embeddings and files, 0 where there are none."""
    question = "SELECT (SELECT max(rowid) FROM embeddings), (SELECT max(file_id) FROM files)"
    embedding, file = connection.execute(question).fetchone()
    return embedding or 0, file or 0
