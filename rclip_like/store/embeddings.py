"""Embeddings out of the rows, as NumPy arrays; imported when a search needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.store.connection import Connection
from rclip_like.store.matrix.stamp import dimension_of
from rclip_like.store.rows import (
    OF_RIGHT_LENGTH,
    SETTLED,
    STORED_DTYPE,
    PathRange,
    row_digest,
    text_mark,
)

if TYPE_CHECKING:
    from rclip_like.values import Embedding, FileFacts

Rowids = npt.NDArray[np.int64]
ContentIds = npt.NDArray[np.int64]
StoredEmbeddings = npt.NDArray[np.float16]


class SoundParts(NamedTuple):
    """Content ids (n,) and embeddings float16 (n, D) of their parts, in no order.

    `damaged` are contents asked for of which a part is not as it was written; they have no rows.
    """

    content_ids: ContentIds
    embeddings: StoredEmbeddings
    damaged: set[int]


SCAN_CHUNK = 4096
_UNIT_WITHIN = 0.01


def scan(
    connection: Connection, model_id: int, ranges: Sequence[PathRange]
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
    connection: Connection, model_id: int
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


def parts_of(connection: Connection, model_id: int, content_id: int) -> StoredEmbeddings:
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


def embedding_of(connection: Connection, facts: FileFacts, model_id: int) -> Embedding | None:
    """Return the unit float32 (D,) of the file if its row still speaks of these facts.

    None, too, where the embedding is not what was written: the file can be read instead.
    """
    row = connection.execute(
        "SELECT embedding, row_digest FROM files JOIN embeddings USING (content_id)"
        " WHERE path = ? AND model_id = ? AND part = 0"
        " AND size_bytes = ? AND mtime_ns = ? AND inode = ? AND coalesce(changed_ns, ?) = ?"
        f" AND {SETTLED} AND {OF_RIGHT_LENGTH}",
        (facts.path, model_id, facts.size_bytes, facts.mtime_ns, facts.inode)
        + (facts.changed_ns, facts.changed_ns, model_id),
    ).fetchone()
    return _unit(row[0]) if row is not None and are_sound([row]).all() else None


def sound_parts(connection: Connection, model_id: int, content_ids: Sequence[int]) -> SoundParts:
    """Return all parts of some contents, and the contents of which a part is damaged."""
    (last_part,) = connection.execute(
        "SELECT max(part) FROM embeddings WHERE model_id = ?", (model_id,)
    ).fetchone()
    marks = ",".join("?" * len(content_ids))
    rows: list[tuple[int, bytes, bytes | None]] = []
    # Part by part: the index on them begins with model and part.
    for part in range(1 + (last_part or 0)):
        rows += connection.execute(
            "SELECT content_id, embedding, row_digest FROM embeddings"
            f" WHERE model_id = ? AND part = ? AND content_id IN ({marks})",
            (model_id, part, *content_ids),
        )
    is_right = are_sound([row[1:] for row in rows], dimension_of(connection, model_id))
    damaged = {row[0] for row, is_so in zip(rows, is_right, strict=True) if not is_so}
    kept = [row for row in rows if row[0] not in damaged]
    if not kept:
        return SoundParts(np.empty(0, np.int64), np.empty((0, 0), STORED_DTYPE), damaged)
    numbers = np.array([row[0] for row in kept], dtype=np.int64)
    return SoundParts(numbers, _stacked([row[1] for row in kept]), damaged)


def are_sound(
    rows: Sequence[tuple[bytes, bytes | None]], dimension: int | None = None
) -> npt.NDArray[np.bool_]:
    """Return which embeddings are of the length, of unit length and as their digests say (n,).

    rows: each with its digest, None where it has none yet. dimension: that of the first by default.
    """
    is_sound = np.zeros(len(rows), dtype=bool)
    size_bytes = 2 * dimension if dimension else len(rows[0][0]) if rows else 0
    whole = [place for place, (blob, _) in enumerate(rows) if len(blob) == size_bytes]
    if whole:
        is_sound[whole] = are_unit(_stacked([rows[place][0] for place in whole]))
    for place in np.flatnonzero(is_sound).tolist():
        blob, digest = rows[place]
        is_sound[place] = digest is None or digest == row_digest(blob)
    return is_sound


def are_unit(rows_ND: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return which rows are of unit length, as closely as float16 can be, and numbers (N,)."""
    with np.errstate(all="ignore"):
        wide_ND = rows_ND.astype(np.float32, copy=False)
        norms = np.sqrt(np.einsum("nd,nd->n", wide_ND, wide_ND))
    return np.asarray(np.abs(norms - 1.0) < _UNIT_WITHIN)


def cached_text(
    connection: Connection, model_id: int, text: str, tokenizer: str
) -> Embedding | None:
    """Return the unit float32 (D,) of a text asked before, or None.

    None, too, where another version of the tokenizer made tokens of it, or the row is not what was
    written.
    """
    question = "SELECT embedding, tokenizer FROM texts WHERE model_id = ? AND text = ?"
    try:
        row = connection.execute(question, (model_id, text)).fetchone()
    except UnicodeEncodeError:  # typed in another encoding than UTF-8
        return None
    if row is None or row[1] != text_mark(model_id, tokenizer, text, row[0]) or len(row[0]) % 4:
        return None
    unit = np.frombuffer(row[0], dtype="<f4").astype(np.float32)
    return unit if are_unit(unit[np.newaxis]).all() else None


def _stacked(blobs: Sequence[bytes]) -> StoredEmbeddings:
    return np.frombuffer(b"".join(blobs), dtype=STORED_DTYPE).reshape(len(blobs), -1)


def _unit(blob: bytes) -> Embedding:
    embedding = np.frombuffer(blob, dtype=STORED_DTYPE).astype(np.float32)
    return np.asarray(embedding / np.linalg.norm(embedding), dtype=np.float32)
