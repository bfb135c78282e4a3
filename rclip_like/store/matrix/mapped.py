"""The matrix beside the index: embeddings and the order of files as arrays to be mapped.

Only a cache of the rows, one a model. Two files: `NAME.rows-X` holds the embeddings in the order
in which they were written, and grows at its end; `NAME.order-Y` says which file, in order of path
bytes, has which of them, and is written anew. The table `matrices` names the two and tells how
many rows count. They are trusted only while that very row is there, and were not written to since.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.stamp import (
    HEADER_BYTES,
    Stamp,
    check_order,
    check_rows,
    opened,
    read_stamp,
)
from rclip_like.store.reading import dimension_of
from rclip_like.store.rows import EVERYTHING, OF_RIGHT_LENGTH, STORED_DTYPE, PathRange

if TYPE_CHECKING:
    from rclip_like.store.embeddings import ContentIds, Rowids, StoredEmbeddings

Slots = npt.NDArray[np.int32]
"""Row numbers in a matrix; -1 stands for none."""

_FETCH_CHUNK = 8192
_MOST_RANGES = 32


class Order(NamedTuple):
    """All files in order of path bytes, and where their contents' embeddings are in the rows.

    file_ids and slots: (n,), a slot -1 for a content without an embedding of the model.
    content_ids: ascending (c,), and content_slots of their whole pictures. further_parts:
    pairs (f, 2) of a further part's slot and its whole picture's.
    """

    file_ids: Rowids
    slots: Slots
    content_ids: ContentIds
    content_slots: Slots
    further_parts: Slots

    def slots_of(self, content_ids: ContentIds) -> Slots:
        """Return the slot of each content's whole picture, -1 where there is none."""
        return look_up(content_ids, self.content_ids, self.content_slots)


class Matrix(NamedTuple):
    """What a search ranks, mapped: a model's embeddings, and the files of some ranges.

    rows: float16 (N, D). file_ids, slots: in order of path bytes (n,), every slot one of the
    rows; among them may be files that were deleted since. What the index has and the matrix has
    not, is asked when needed.
    """

    rows: StoredEmbeddings
    file_ids: Rowids
    slots: Slots
    connection: Connection
    model_id: int
    stamp: Stamp
    ranges: Sequence[PathRange]
    order: Order

    def newer_embeddings(self) -> Iterator[tuple[ContentIds, StoredEmbeddings]]:
        """Yield content ids (n,) and embeddings float16 (n, D) of newer rows of all parts."""
        if not self.stamp.num_added:
            return
        rows = self.connection.execute(
            # The plus keeps the planner from reading all that the model has.
            "SELECT content_id, embedding FROM embeddings WHERE rowid > ? AND +model_id = ?"
            f" AND {OF_RIGHT_LENGTH}",
            (self.stamp.last_embedding, self.model_id, self.model_id),
        )
        while chunk := rows.fetchmany(_FETCH_CHUNK):
            content_ids, blobs = zip(*chunk, strict=True)
            embeddings = np.frombuffer(b"".join(blobs), dtype=STORED_DTYPE)
            yield np.array(content_ids, dtype=np.int64), embeddings.reshape(len(chunk), -1)

    def extended_contents(self) -> ContentIds:
        """Return the contents in the matrix that have got further parts since (n,), ascending."""
        if not self.stamp.num_added:
            return np.empty(0, np.int64)
        rows = self.connection.execute(
            "SELECT DISTINCT content_id FROM embeddings WHERE rowid > ? AND +model_id = ?"
            f" AND part > 0 AND {OF_RIGHT_LENGTH} ORDER BY content_id",
            (self.stamp.last_embedding, self.model_id, self.model_id),
        )
        found = np.array([content_id for (content_id,) in rows], dtype=np.int64)
        return found[self.order.slots_of(found) >= 0]

    def newer_files(self) -> tuple[Rowids, ContentIds, Slots]:
        """Return row numbers, content ids and slots (-1: not in the matrix) of files, each (n,).

        Those that are new, and those whose content the model has encoded since.
        """
        found: list[tuple[int, int]] = []
        for one in self.ranges:
            found += self.connection.execute(
                "SELECT file_id, content_id FROM files WHERE file_id > ?"
                " AND +path >= ? AND +path < ?",
                (self.stamp.last_file, *one),
            )
            if self.stamp.num_added:
                found += self.connection.execute(
                    "SELECT file_id, files.content_id FROM embeddings CROSS JOIN files"
                    " ON files.content_id = embeddings.content_id WHERE embeddings.rowid > ?"
                    " AND +model_id = ? AND part = 0 AND file_id <= ?"
                    " AND +path >= ? AND +path < ?",
                    (self.stamp.last_embedding, self.model_id, self.stamp.last_file, *one),
                )
        pairs = np.array(found, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1], self.order.slots_of(pairs[:, 1])


def open_matrix(
    connection: Connection, model_id: int, ranges: Sequence[PathRange]
) -> Matrix | None:
    """Return the matrix beside the index for some ranges, None if there is none to trust.

    Has to be asked, and what it gives has to be used, within one transaction.
    """
    stamp = read_stamp(connection, model_id)
    if stamp is None or len(ranges) > _MOST_RANGES:
        return None
    try:
        rows = map_rows(connection.path, stamp, dimension_of(connection, model_id))
        order = map_order(connection.path, stamp)
        file_ids, slots = _cut(connection, order, stamp, ranges)
    except (OSError, ValueError):
        return None  # missing, cut off, planted or written to: whatever it is, it is not needed
    has_row = slots >= 0
    if not has_row.all():
        file_ids, slots = file_ids[has_row], slots[has_row]
    return Matrix(rows, file_ids, slots, connection, model_id, stamp, ranges, order)


def map_rows(path: Path, stamp: Stamp, dimension: int) -> StoredEmbeddings:
    """Map the rows float16 (N, D) that count; raises OSError or ValueError for a wrong file."""
    with opened(path, stamp.rows_name) as file:
        check_rows(file, stamp, dimension)
        return np.memmap(file, STORED_DTYPE, "r", HEADER_BYTES, (stamp.num_rows, dimension))


def map_order(path: Path, stamp: Stamp) -> Order:
    """Map the order; raises OSError or ValueError for a wrong file."""
    with opened(path, stamp.order_name) as file:
        num_files, num_contents, num_further = check_order(file, stamp)
        num_wide = num_files + num_contents
        wide = np.memmap(file, "<i8", "r", HEADER_BYTES, (num_wide,))
        shape = (num_wide + 2 * num_further,)
        narrow = np.memmap(file, "<i4", "r", HEADER_BYTES + wide.nbytes, shape)
    if int(narrow.max()) >= stamp.num_rows or int(narrow.min()) < -1:
        raise ValueError("the file names rows that are not there")
    slots, content_slots, further_parts = np.split(narrow, [num_files, num_wide])
    return Order(
        wide[:num_files], slots, wide[num_files:], content_slots, further_parts.reshape(-1, 2)
    )


def look_up(wanted: ContentIds, keys: ContentIds, values: Slots) -> Slots:
    """Return the value of each wanted number, -1 where it is not among the keys, ascending."""
    if not len(keys):
        return np.full(len(wanted), -1, dtype=np.int32)
    found = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[found] == wanted, values[found], np.int32(-1))


def _cut(
    connection: Connection, order: Order, stamp: Stamp, ranges: Sequence[PathRange]
) -> tuple[Rowids, Slots]:
    """Return the files of the ranges; dead ones beside their ends may be among them."""
    if list(ranges) == [EVERYTHING]:
        return order.file_ids, order.slots
    question = "SELECT file_id FROM files WHERE path >= ? AND file_id <= ? ORDER BY path LIMIT 1"
    edges: list[int] = []
    for edge in chain.from_iterable(ranges):
        row = connection.execute(question, (edge, stamp.last_file)).fetchone()
        positions = np.flatnonzero(order.file_ids == row[0]) if row else [len(order.file_ids)]
        if len(positions) != 1:
            raise ValueError("the order lacks a file")
        edges.append(int(positions[0]))
    cuts = [slice(*pair) for pair in zip(edges[::2], edges[1::2], strict=True)]
    return (
        np.concatenate([order.file_ids[cut] for cut in cuts]),
        np.concatenate([order.slots[cut] for cut in cuts]),
    )
