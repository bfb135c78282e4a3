"""What writes the matrix beside the index: the process that holds the indexer's lock, alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING

import numpy as np

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.blocks import Block, BlockWriter, is_order_sound, put_blocks
from rclip_like.store.matrix.mapped import Order, look_up, map_order, map_rows
from rclip_like.store.matrix.stamp import (
    HEADER_BYTES,
    Stamp,
    address_of,
    files_of,
    header,
    last_rows,
    read_stamp,
    schema_version,
)
from rclip_like.store.opening import sync_folder
from rclip_like.store.reading import dimension_of
from rclip_like.store.side_files import make_own, open_own

if TYPE_CHECKING:
    import numpy.typing as npt

_FETCH_CHUNK = 8192
_NO_NUMBER = 0x7C00
"""The bits of float16 that are all set in infinities and NaNs."""


def extend_matrix(connection: Connection, model_id: int) -> None:
    """Bring the model's matrix in line with the rows.

    The caller holds the indexer's lock. In one transaction, so that nothing else is written
    meanwhile: the files first, synced, and last the row that says how far they count. A crash
    before that leaves what was there before, and files that the next call removes. Raises OSError
    when the disk is full.
    """
    before = None
    try:
        with connection.transaction():
            before = read_stamp(connection, model_id)
            write_stamp(connection, model_id, before)
    finally:
        remove_unnamed(connection, spare=[before.order_name] if before else ())


def write_stamp(connection: Connection, model_id: int, before: Stamp | None) -> None:
    """Write a model's matrix from the rows, and its stamp; within a transaction.

    before: the present stamp. The embeddings it names stay, and the order is written anew.
    Raises OSError when the disk is full.
    """
    writer = _Writer(connection, model_id)
    new = writer.write(before)
    marks = ", ".join("?" * (1 + len(new)))
    row = (model_id, *new)
    connection.execute(f"INSERT OR REPLACE INTO matrices VALUES ({marks})", row)
    put_blocks(connection, model_id, (new.rows_name, new.order_name), writer.blocks)


def remove_outdated(connection: Connection) -> None:
    """Remove the matrices that speak of other row numbers; the caller holds the indexer's lock."""
    with connection.transaction():
        every = connection.execute("SELECT model_id FROM matrices").fetchall()
        outdated = [each for each in every if read_stamp(connection, *each) is None]
        connection.executemany("DELETE FROM matrices WHERE model_id = ?", outdated)
    remove_unnamed(connection)


def remove_unnamed(connection: Connection, *, spare: Iterable[str] = ()) -> None:
    """Remove the files of matrices that the index does not name; the caller holds the lock.

    spare: some to leave there, as a searcher may just have read their names.
    """
    named = set(spare)
    for names in connection.execute("SELECT rows_name, order_name FROM matrices"):
        named.update(names)
    path = connection.path
    for file in files_of(path):
        if file.name.removeprefix(f"{path.name}.") not in named:
            with suppress(OSError):  # Windows removes nothing that is mapped; the next call does
                file.unlink()


class _Writer:
    """Writes one state of a matrix, extending the rows of the one before where there is one."""

    def __init__(self, connection: Connection, model_id: int) -> None:
        self._connection = connection
        self._path = connection.path
        self._model_id = model_id
        self._dimension = dimension_of(connection, model_id)
        self.blocks: list[Block] = []
        """What was written, with its digests."""

    def write(self, before: Stamp | None) -> Stamp:
        """Write and sync both files and return what is to be said of them."""
        last_embedding, last_file = last_rows(self._connection)
        order, before = self._still_good(before)
        rows_name = before.rows_name if before else f"rows-{secrets.token_hex(8)}"
        order_name = f"order-{secrets.token_hex(8)}"
        num_before = before.num_rows if before else 0
        content_ids, parts, rows_mtime_ns = self._write_rows(rows_name, before)
        order = self._order(content_ids, parts, order, num_before)
        order_mtime_ns = self._write_order(order_name, order)
        sync_folder(self._path.parent)
        num_rows = num_before + len(parts)
        return Stamp(
            *(rows_name, rows_mtime_ns, num_rows, order_name, order_mtime_ns),
            *(schema_version(self._connection), last_embedding, last_file, 0, 0),
        )

    def _still_good(self, stamp: Stamp | None) -> tuple[Order | None, Stamp | None]:
        """Return the order before and its stamp, None twice where the files cannot be trusted."""
        if stamp is None:
            return None, None
        try:
            os.close(open_own(address_of(self._path, stamp.rows_name), self._path, os.O_RDWR))
            map_rows(self._path, stamp, self._dimension)
            order = map_order(self._path, stamp)
            # Else its damage would go on, under a digest of its own.
            if is_order_sound(self._connection, self._model_id, stamp):
                return order, stamp
            return None, None
        except (OSError, ValueError):
            return None, None

    def _write_rows(
        self, name: str, before: Stamp | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
        """Append the embeddings that are new; return their contents, parts, and the file's mtime.

        Content ids and parts: int64 (n,).
        """
        content_ids, parts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        path = address_of(self._path, name)
        descriptor = open_own(path, self._path, os.O_RDWR) if before else make_own(path)
        with open(descriptor, "r+b") as file:
            if before is None:
                file.write(header(name, self._dimension))
            else:
                length = HEADER_BYTES + before.num_rows * self._dimension * 2
                if file.seek(0, os.SEEK_END) > length:  # what a writer that died has left
                    file.truncate(length)
                file.seek(length)
            writer = BlockWriter(file, name)
            for some_ids, some_parts, blob in self._embeddings_after(
                before.last_embedding if before else 0
            ):
                writer.write(blob)
                content_ids.append(some_ids)
                parts.append(some_parts)
            self.blocks += writer.blocks()
            mtime_ns = _synced_mtime_ns(file)
        return np.concatenate(content_ids), np.concatenate(parts), mtime_ns

    def _embeddings_after(
        self, start: int
    ) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], bytes]]:
        """Yield contents, parts and rows; a row of a wrong length or of no numbers is left out."""
        rows = self._connection.execute(
            "SELECT content_id, part, embedding FROM embeddings"
            " WHERE rowid > ? AND +model_id = ? ORDER BY rowid",
            (start, self._model_id),
        )
        while chunk := rows.fetchmany(_FETCH_CHUNK):
            fitting = [row for row in chunk if len(row[2]) == self._dimension * 2]
            numbers = np.array([row[:2] for row in fitting], dtype=np.int64).reshape(-1, 2)
            rows_ND = np.frombuffer(b"".join(row[2] for row in fitting), dtype="<u2")
            rows_ND = rows_ND.reshape(len(fitting), self._dimension)
            is_sound = ~((rows_ND & _NO_NUMBER) == _NO_NUMBER).any(axis=1)
            yield numbers[is_sound, 0], numbers[is_sound, 1], rows_ND[is_sound].tobytes()

    def _order(
        self,
        new_ids: npt.NDArray[np.int64],
        parts: npt.NDArray[np.int64],
        before: Order | None,
        num_before: int,
    ) -> Order:
        """Return the order of all files over the rows before and those that are new."""
        is_whole = parts == 0
        new_slots = np.arange(num_before, num_before + len(new_ids), dtype=np.int32)
        content_ids, content_slots = new_ids[is_whole], new_slots[is_whole]
        if before is not None:
            content_ids = np.concatenate([before.content_ids, content_ids])
            content_slots = np.concatenate([before.content_slots, content_slots])
        ascending = np.argsort(content_ids, kind="stable")
        content_ids, content_slots = content_ids[ascending], content_slots[ascending]
        wholes = look_up(new_ids[~is_whole], content_ids, content_slots)
        # A further part whose whole picture is missing counts for nothing.
        further_parts = np.stack([new_slots[~is_whole], wholes], axis=1)[wholes >= 0]
        if before is not None:
            further_parts = np.concatenate([before.further_parts, further_parts])
        file_ids, of_files = self._files()
        slots = look_up(of_files, content_ids, content_slots)
        return Order(file_ids, slots, content_ids, content_slots, further_parts)

    def _files(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return row numbers and content ids of all files in order of path bytes."""
        rows = self._connection.execute(
            "SELECT file_id, content_id FROM files WHERE path >= x'' ORDER BY path"
        )
        chunks = [np.empty((0, 2), dtype=np.int64)]
        while chunk := rows.fetchmany(_FETCH_CHUNK):
            chunks.append(np.array(chunk, dtype=np.int64))
        pairs = np.concatenate(chunks)
        return pairs[:, 0], pairs[:, 1]

    def _write_order(self, name: str, order: Order) -> int:
        """Write a new file with the order and return its mtime."""
        counts = (len(order.file_ids), len(order.content_ids), len(order.further_parts))
        arrays: Sequence[tuple[str, npt.NDArray[np.integer]]] = (
            ("<i8", order.file_ids),
            ("<i8", order.content_ids),
            ("<i4", order.slots),
            ("<i4", order.content_slots),
            ("<i4", order.further_parts),
        )
        with open(make_own(address_of(self._path, name)), "wb") as file:
            file.write(header(name, *counts))
            writer = BlockWriter(file, name)
            for kind, array in arrays:
                writer.write(np.ascontiguousarray(array, dtype=kind).data)
            self.blocks += writer.blocks()
            return _synced_mtime_ns(file)


def _synced_mtime_ns(file: IO[bytes]) -> int:
    """Sync what was written to the disk and return the file's mtime, which stays as it is then."""
    file.flush()
    os.fsync(file.fileno())
    return os.fstat(file.fileno()).st_mtime_ns
