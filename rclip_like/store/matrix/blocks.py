"""Digests of a matrix's two files by blocks: written with them, and held against them since.

The files are never read as a whole for a search, and no search could tell a row that should come
first but is damaged to come last. So the indexer looks at all of them once in a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import IO, NamedTuple

import blake3

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.stamp import (
    HEADER_BYTES,
    Stamp,
    address_of,
    is_there,
    read_stamp,
)
from rclip_like.store.reading import dimension_of

BLOCK_BYTES = 4 << 20
CHECK_AGAIN_NS = 30 * 86_400 * 10**9
"""How long a block counts as sound after it was last found so, or written."""
_MOST_BYTES_A_RUN = 256 << 20
"""Checking this much takes a twentieth of a second from memory, half a second from a disk."""


class Block(NamedTuple):
    """One stretch of a file of a matrix, and the digest of what was written there."""

    name: str
    start: int
    size_bytes: int
    digest: bytes
    checked_at_ns: int = 0
    """When it was last found sound, or written; 0 while it is being written."""


class BlockWriter:
    """Writes to the end of a file and remembers the digests of what it wrote, by blocks."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._name = name
        self._start = file.tell()
        self._hasher = blake3.blake3()
        self._size_bytes = 0
        self._blocks: list[Block] = []

    def write(self, data: bytes | memoryview) -> None:
        """Write and digest the bytes."""
        left = memoryview(data).cast("B") if len(data) else memoryview(b"")
        while left:
            some = left[: BLOCK_BYTES - self._size_bytes]
            self._file.write(some)
            self._hasher.update(some)
            self._size_bytes += len(some)
            left = left[len(some) :]
            if self._size_bytes == BLOCK_BYTES:
                self._end_block()

    def blocks(self) -> list[Block]:
        """Return all that was written; the last block may be a short one."""
        if self._size_bytes:
            self._end_block()
        return self._blocks

    def _end_block(self) -> None:
        digest = self._hasher.digest()
        self._blocks.append(Block(self._name, self._start, self._size_bytes, digest))
        self._start += self._size_bytes
        self._hasher, self._size_bytes = blake3.blake3(), 0


def put_blocks(
    connection: Connection, model_id: int, names: tuple[str, str], blocks: Iterable[Block]
) -> None:
    """Add what was written to a model's matrix, and forget files that it no longer has."""
    connection.execute(
        "DELETE FROM matrix_blocks WHERE model_id = ? AND name NOT IN (?, ?)", (model_id, *names)
    )
    now_ns = time.time_ns()
    # In place of blocks that a writer left whose end was not reached.
    connection.executemany(
        "INSERT OR REPLACE INTO matrix_blocks VALUES (?, ?, ?, ?, ?, ?)",
        [(model_id, *block[:-1], now_ns) for block in blocks],
    )


class MatrixCheck(NamedTuple):
    """What looking at a matrix came to."""

    num_blocks: int
    """How many were looked at."""
    sound: tuple[Block, ...]
    """Those that are as they were written."""
    has_all: bool
    """Whether the digests are those of the whole of both files."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was looked at is damaged."""
        return self.has_all and len(self.sound) == self.num_blocks


def check_matrix(
    connection: Connection, model_id: int, *, since_ns: int | None = None
) -> MatrixCheck | None:
    """Compare a matrix with its digests; None where a search would trust none.

    With `since_ns` all of the order, but of the rows only what was not found sound since, what was
    looked at longest ago first, and not more than a run has time for. To be asked within one
    transaction.
    """
    stamp = read_stamp(connection, model_id)
    if stamp is None:
        return None
    path, dimension = connection.path, dimension_of(connection, model_id)
    if not is_there(path, stamp, dimension):
        return None
    every = _written(connection, model_id)
    end = HEADER_BYTES + 2 * dimension * stamp.num_rows
    try:
        order_end = address_of(path, stamp.order_name).stat().st_size
        has_all = _reach(every, stamp.rows_name, end) and _reach(every, stamp.order_name, order_end)
        due = every
        if since_ns is not None:
            due = [block for block in every if block.name == stamp.order_name]
            left_bytes = _MOST_BYTES_A_RUN
            for block in sorted(every, key=lambda block: block.checked_at_ns):
                if block.checked_at_ns >= since_ns or left_bytes <= 0:
                    break
                if block.name == stamp.rows_name:
                    due.append(block)
                    left_bytes -= block.size_bytes
        return MatrixCheck(len(due), tuple(_sound(path, due)), has_all)
    except OSError:  # removed meanwhile, as a new one was written
        return None


def is_order_sound(connection: Connection, model_id: int, stamp: Stamp) -> bool:
    """Return whether the order, of which the next one is made, is as it was written."""
    every = _written(connection, model_id)
    of_order = [block for block in every if block.name == stamp.order_name]
    end = address_of(connection.path, stamp.order_name).stat().st_size
    return _reach(of_order, stamp.order_name, end) and (
        _sound(connection.path, of_order) == of_order
    )


def forget_if_damaged(connection: Connection, model_id: int, *, since_ns: int | None) -> bool:
    """Look at a model's matrix; return whether it is damaged, so that no search trusts it any more.

    since_ns: as for `check_matrix`. When sound blocks were looked at is remembered.
    """
    with connection.transaction("DEFERRED"):
        check = check_matrix(connection, model_id, since_ns=since_ns)
    if check is None or not check.num_blocks:
        return False
    now_ns = time.time_ns()
    before_ns = now_ns if since_ns is None else since_ns
    with connection.transaction():
        if not check.is_sound:
            connection.execute("DELETE FROM matrices WHERE model_id = ?", (model_id,))
            return True
        connection.executemany(
            "UPDATE matrix_blocks SET checked_at_ns = ?"
            " WHERE model_id = ? AND name = ? AND start = ? AND checked_at_ns < ?",
            [(now_ns, model_id, block.name, block.start, before_ns) for block in check.sound],
        )
    return False


def _written(connection: Connection, model_id: int) -> list[Block]:
    columns = ", ".join(Block._fields)
    question = f"SELECT {columns} FROM matrix_blocks WHERE model_id = ? ORDER BY name, start"
    return [Block(*row) for row in connection.execute(question, (model_id,))]


def _reach(blocks: Iterable[Block], name: str, end: int) -> bool:
    """Return whether the blocks of a file follow one another from its header to its end."""
    reached = HEADER_BYTES
    for block in blocks:
        if block.name == name:
            if block.start != reached:
                return False
            reached += block.size_bytes
    return reached == end


def _sound(path: Path, blocks: Iterable[Block]) -> list[Block]:
    """Return the blocks that are as they were written."""
    sound = []
    for name, some in groupby(blocks, lambda block: block.name):
        with open(address_of(path, name), "rb") as file:
            for block in some:
                file.seek(block.start)
                content = file.read(block.size_bytes)
                if blake3.blake3(content).digest() == block.digest:
                    sound.append(block)
    return sound
