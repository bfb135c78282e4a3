"""Embeddings out of the rows, as NumPy arrays; imported when a search needs them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rclip_like.store.ranges import PathRange
from rclip_like.store.rows import OF_RIGHT_LENGTH, SETTLED, STORED_DTYPE

if TYPE_CHECKING:
    from rclip_like.values import Embedding, FileFacts

Rowids = npt.NDArray[np.int64]
ContentIds = npt.NDArray[np.int64]
StoredEmbeddings = npt.NDArray[np.float16]

SCAN_CHUNK = 4096


def scan(
    connection: sqlite3.Connection, model_id: int, ranges: Sequence[PathRange]
) -> Iterator[tuple[Rowids, ContentIds, StoredEmbeddings]]:
    """Yield rowids (n,), content ids (n,) and embeddings float16 (n, D) in order of path bytes.

    A row of a wrong length is left out; `doctor` names it.
    """
    for start, end in ranges:
        # CROSS JOIN keeps SQLite's planner from reading the embeddings first and sorting.
        rows = connection.execute(
            "SELECT file_id, files.content_id, embedding FROM files CROSS JOIN embeddings"
            " ON model_id = ? AND part = 0 AND embeddings.content_id = files.content_id"
            f" AND {OF_RIGHT_LENGTH}"
            " WHERE path >= ? AND path < ? ORDER BY path",
            (model_id, model_id, start, end),
        )
        while chunk := rows.fetchmany(SCAN_CHUNK):
            rowids, content_ids, blobs = zip(*chunk, strict=True)
            yield (
                np.array(rowids, dtype=np.int64),
                np.array(content_ids, dtype=np.int64),
                _stacked(blobs),
            )


def scan_frames(
    connection: sqlite3.Connection, model_id: int
) -> Iterator[tuple[ContentIds, StoredEmbeddings]]:
    """Yield content ids (n,) and embeddings float16 (n, D) of all that is not a whole picture.

    Of the whole index, in no order: there are few, and none in most. Rows as `scan` leaves out.
    """
    rows = connection.execute(
        "SELECT content_id, embedding FROM embeddings WHERE model_id = ? AND part > 0"
        f" AND {OF_RIGHT_LENGTH}",
        (model_id, model_id),
    )
    while chunk := rows.fetchmany(SCAN_CHUNK):
        content_ids, blobs = zip(*chunk, strict=True)
        yield np.array(content_ids, dtype=np.int64), _stacked(blobs)


def parts_of(connection: sqlite3.Connection, model_id: int, content_id: int) -> StoredEmbeddings:
    """Return all embeddings of a content, float16 (P, D), the whole picture first.

    Those that `scan` and `scan_frames` leave out are left out here; P may be 0.
    """
    found: list[tuple[bytes, bool]] = []
    question = (
        f"SELECT embedding, {OF_RIGHT_LENGTH} FROM embeddings"
        " WHERE model_id = ? AND part = ? AND content_id = ?"
    )
    # Part by part: the index on them begins with model and part.
    while row := connection.execute(
        question, (model_id, model_id, len(found), content_id)
    ).fetchone():
        found.append(row)
    blobs = [blob for blob, is_whole in found if is_whole]
    return _stacked(blobs) if blobs else np.empty((0, 0), dtype=STORED_DTYPE)


def embedding_of(
    connection: sqlite3.Connection, facts: FileFacts, model_id: int
) -> Embedding | None:
    """Return the unit float32 (D,) of the file if its row still speaks of these facts."""
    row = connection.execute(
        "SELECT embedding FROM files JOIN embeddings USING (content_id)"
        " WHERE path = ? AND model_id = ? AND part = 0"
        " AND size_bytes = ? AND mtime_ns = ? AND inode = ? AND coalesce(changed_ns, ?) = ?"
        f" AND {SETTLED} AND {OF_RIGHT_LENGTH}",
        (facts.path, model_id, facts.size_bytes, facts.mtime_ns, facts.inode)
        + (facts.changed_ns, facts.changed_ns, model_id),
    ).fetchone()
    return None if row is None else _unit(row[0])


def cached_text(connection: sqlite3.Connection, model_id: int, text: str) -> Embedding | None:
    """Return the unit float32 (D,) of a text asked before, or None."""
    row = connection.execute(
        "SELECT embedding FROM texts WHERE model_id = ? AND text = ?", (model_id, text)
    ).fetchone()
    return None if row is None else np.frombuffer(row[0], dtype="<f4").astype(np.float32)


def _stacked(blobs: Sequence[bytes]) -> StoredEmbeddings:
    return np.frombuffer(b"".join(blobs), dtype=STORED_DTYPE).reshape(len(blobs), -1)


def _unit(blob: bytes) -> Embedding:
    embedding = np.frombuffer(blob, dtype=STORED_DTYPE).astype(np.float32)
    return np.asarray(embedding / np.linalg.norm(embedding), dtype=np.float32)
