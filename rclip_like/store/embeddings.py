"""Embeddings out of the rows, as NumPy arrays; imported when a search needs them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import StoreError
from rclip_like.store.connection import Connection
from rclip_like.store.reading import IS_CURRENT, dimension_of, parts_of
from rclip_like.store.rows import (
    OF_RIGHT_LENGTH,
    SETTLED,
    STORED_DTYPE,
    UNCHANGED,
    PathRange,
    ranges_of,
    row_digest,
    text_mark,
    unchanged_values,
)
from rclip_like.store.schema import FRAMES_SINCE
from rclip_like.tiles import HAS_TILES
from rclip_like.values import FIRST_PARTS, AnyPath, FileFacts

if TYPE_CHECKING:
    from rclip_like.values import Embedding, Root

Rowids = npt.NDArray[np.int64]
ContentIds = npt.NDArray[np.int64]
StoredEmbeddings = npt.NDArray[np.float16]

SCAN_CHUNK = 4096
MOST_TEXTS = 10_000
"""How many texts of one model are remembered; at 512 numbers each they take 20 MB."""
_UNIT_WITHIN = 0.01
_LATEST_SECOND = 1 << 31
"""Later moments are not from us; SQLite stores infinity, too."""


class SoundParts(NamedTuple):
    """Content ids and part numbers int64 (n,), and embeddings float16 (n, D).

    In order of part numbers. `damaged` are contents asked for of which a part is not as it was
    written; they have no rows.
    """

    content_ids: ContentIds
    parts: npt.NDArray[np.int64]
    embeddings: StoredEmbeddings
    damaged: set[int]


class IndexedPicture(NamedTuple):
    """An indexed picture: the BLAKE3 digest of its content, and its unit embedding (D,)."""

    digest: bytes
    embedding: Embedding


class ModelEmbeddings:
    """What one model has encoded: the embeddings of an index's pictures, and of texts asked for.

    Every method raises StoreError when the file or its disk fails. A row of a wrong length is left
    out wherever embeddings are given; `doctor` names it.
    """

    def __init__(self, connection: Connection, model_id: int) -> None:
        self._connection = connection
        self._model_id = model_id

    def scan(
        self, roots: Sequence[Root] | None, where: str = "", values: Sequence[object] = ()
    ) -> Iterator[tuple[Rowids, ContentIds, StoredEmbeddings]]:
        """Yield chunks of rowids int64 (n,), content ids (n,), embeddings float16 (n, D).

        All files under the roots (None: everything) that the model has encoded, ascending by
        path bytes, at most 4,096 a chunk; part 0, the whole picture. where, values: what is asked
        besides of columns of `files` and `contents`, after an AND.
        """
        contents = "CROSS JOIN contents USING (content_id)" if where else ""
        for start, end in ranges_of(roots):
            # CROSS JOIN keeps SQLite's planner from reading the embeddings first and sorting.
            rows = self._connection.execute(
                f"SELECT file_id, files.content_id, embedding FROM files {contents}"
                " CROSS JOIN embeddings ON model_id = ? AND part = 0"
                f" AND embeddings.content_id = files.content_id AND {OF_RIGHT_LENGTH}"
                f" WHERE path >= ? AND path < ?{where} ORDER BY path",
                (self._model_id, self._model_id, start, end, *values),
            )
            while chunk := rows.fetchmany(SCAN_CHUNK):
                rowids, content_ids, blobs = zip(*chunk, strict=True)
                yield (
                    np.array(rowids, dtype=np.int64),
                    np.array(content_ids, dtype=np.int64),
                    stacked(blobs),
                )

    def scan_further_parts(self) -> Iterator[tuple[ContentIds, StoredEmbeddings]]:
        """Yield chunks of content ids int64 (n,) and embeddings float16 (n, D), in no order.

        All further parts that the model has encoded, of the whole index: frames of animations,
        and tiles. Most indexes have few or none.
        """
        rows = self._connection.execute(
            "SELECT content_id, embedding FROM embeddings WHERE model_id = ? AND part > 0"
            f" AND {OF_RIGHT_LENGTH}",
            (self._model_id, self._model_id),
        )
        while chunk := rows.fetchmany(SCAN_CHUNK):
            content_ids, blobs = zip(*chunk, strict=True)
            yield np.array(content_ids, dtype=np.int64), stacked(blobs)

    def untiled(self, within: Sequence[PathRange]) -> Iterator[tuple[bytes, bytes]]:
        """Yield digest and path of the contents in the ranges that are to have tiles and have none.

        Some come more than once, of contents with several files.
        """
        encoded = (
            "EXISTS (SELECT 1 FROM embeddings WHERE model_id = ? AND part = ?"
            f" AND embeddings.content_id = contents.content_id AND {IS_CURRENT})"
        )
        question = (
            "SELECT content_id, digest, path FROM contents CROSS JOIN files USING (content_id)"
            f" WHERE {HAS_TILES} AND content_id > ? AND path >= ? AND path < ?"
            f" AND {encoded} AND NOT {encoded} ORDER BY content_id LIMIT {SCAN_CHUNK}"
        )
        parts = (self._model_id, 0, self._model_id, FIRST_PARTS["tiles"])
        for one in within:
            last = 0
            while page := self._connection.execute(question, (last, *one, *parts)).fetchall():
                yield from (row[1:] for row in page)
                last = page[-1][0]

    @property
    def has_further_parts(self) -> bool:
        """Whether any picture has other parts than the whole."""
        question = "SELECT EXISTS (SELECT 1 FROM embeddings WHERE model_id = ? AND part > 0)"
        return bool(self._connection.execute(question, (self._model_id,)).fetchone()[0])

    def of_files(self, files: Sequence[FileFacts]) -> list[IndexedPicture | None]:
        """Return what is indexed of each file, in order; None unless it is as it was when read.

        None, too, where the embedding is not what was written: the file can be read instead.
        """
        return self._sound_pictures(
            "files",
            f"path = ? AND {UNCHANGED} AND {SETTLED}",
            [(facts.path, *unchanged_values(facts)) for facts in files],
        )

    def of_paths(self, paths: Sequence[AnyPath]) -> list[IndexedPicture | None]:
        """Return what `of_files` returns for the files at these paths, as they are now."""
        found: list[FileFacts] = []
        numbers: list[int] = []
        for number, path in enumerate(paths):
            try:
                real = os.fsencode(os.path.realpath(path))
                found.append(FileFacts.of(real, os.stat(real)))
            except (OSError, ValueError):  # of a NUL
                continue
            numbers.append(number)
        pictures: list[IndexedPicture | None] = [None] * len(paths)
        for number, picture in zip(numbers, self.of_files(found), strict=True):
            pictures[number] = picture
        return pictures

    def of_digests(self, digests: Sequence[bytes]) -> list[IndexedPicture | None]:
        """Return the indexed picture of each content, in order; None without an undamaged row."""
        return self._sound_pictures(
            "contents", f"digest = ? AND {IS_CURRENT}", [(digest,) for digest in digests]
        )

    def _sound_pictures(
        self, table: str, where: str, asked: Sequence[tuple[object, ...]]
    ) -> list[IndexedPicture | None]:
        """Return the picture that each tuple of values selects, None without an undamaged row."""
        question = (
            "SELECT (SELECT digest FROM contents WHERE content_id = embeddings.content_id),"
            f" embedding, row_digest FROM {table} CROSS JOIN embeddings"
            f" ON model_id = ? AND part = 0 AND embeddings.content_id = {table}.content_id"
            f" AND {OF_RIGHT_LENGTH} WHERE {where}"
        )
        model_ids = (self._model_id, self._model_id)
        rows = [
            self._connection.execute(question, (*model_ids, *values)).fetchone() for values in asked
        ]
        numbers = [number for number, row in enumerate(rows) if row is not None]
        is_right = are_sound([rows[number][1:] for number in numbers])
        pictures: list[IndexedPicture | None] = [None] * len(rows)
        for number, is_so in zip(numbers, is_right, strict=True):
            if is_so:
                digest, blob, _ = rows[number]
                row = np.frombuffer(blob, dtype=STORED_DTYPE).astype(np.float32)
                unit = np.asarray(row / np.linalg.norm(row), dtype=np.float32)
                pictures[number] = IndexedPicture(bytes(digest), unit)
        return pictures

    def sound_parts(self, content_ids: Sequence[int]) -> SoundParts:
        """Return all parts of some contents, and the contents of which a part is damaged."""
        marks = ",".join("?" * len(content_ids))
        rows: list[tuple[int, int, bytes, bytes | None]] = []
        # Part by part: the index on them begins with model and part.
        for part in parts_of(self._connection, self._model_id):
            rows += self._connection.execute(
                "SELECT content_id, part, embedding, row_digest FROM embeddings"
                f" WHERE model_id = ? AND part = ? AND content_id IN ({marks})",
                (self._model_id, part, *content_ids),
            )
        dimension = dimension_of(self._connection, self._model_id)
        is_right = are_sound([row[2:] for row in rows], dimension)
        damaged = {row[0] for row, is_so in zip(rows, is_right, strict=True) if not is_so}
        kept = [row for row in rows if row[0] not in damaged]
        numbers = np.array([row[:2] for row in kept], dtype=np.int64).reshape(-1, 2)
        embeddings = stacked([row[2] for row in kept])
        return SoundParts(numbers[:, 0], numbers[:, 1], embeddings, damaged)

    def frame_seconds(self, content_ids: Sequence[int]) -> dict[tuple[int, int], float]:
        """Return when the frames of these contents come, by content and part; {} without videos."""
        found: dict[tuple[int, int], float] = {}
        if self._connection.version < FRAMES_SINCE:
            return found
        for start in range(0, len(content_ids), SCAN_CHUNK):
            some = content_ids[start : start + SCAN_CHUNK]
            rows = self._connection.execute(
                "SELECT content_id, part, second FROM frames"
                f" WHERE content_id IN ({','.join('?' * len(some))})"
                f" AND second BETWEEN 0 AND {_LATEST_SECOND}",
                some,
            )
            found.update({(content_id, part): second for content_id, part, second in rows})
        return found

    def cached_text(self, text: str, tokenizer: str) -> Embedding | None:
        """Return the unit float32 (D,) of a text asked before of this tokenizer, or None.

        None, too, where the row is not what was written.
        """
        question = "SELECT embedding, tokenizer FROM texts WHERE model_id = ? AND text = ?"
        try:
            row = self._connection.execute(question, (self._model_id, text)).fetchone()
        except UnicodeEncodeError:  # typed in another encoding than UTF-8
            return None
        if row is None or len(row[0]) % 4:
            return None
        if row[1] != text_mark(self._model_id, tokenizer, text, row[0]):
            return None
        unit = np.frombuffer(row[0], dtype="<f4").astype(np.float32)
        return unit if are_unit(unit[np.newaxis]).all() else None

    def cache_text(self, text: str, unit: Embedding, *, tokenizer: str) -> bool:
        """Remember a text's unit embedding (D,) if that can be done at once; return whether.

        A searcher never waits and never fails for it: what the file refuses is dropped, and so
        is a text typed in another encoding than UTF-8. tokenizer: the version of what made tokens
        of it. Where a model has MOST_TEXTS already, a tenth of them is dropped, drawn by chance:
        noting when each was last asked for would make every repeated query a write.
        """
        model_id, connection = self._model_id, self._connection
        embedding = unit.astype("<f4").tobytes()
        question = "SELECT count(*) FROM texts WHERE model_id = ?"
        try:
            mark = text_mark(model_id, tokenizer, text, embedding)
            with connection.setting("busy_timeout", 0), connection.transaction():
                if connection.execute(question, (model_id,)).fetchone()[0] >= MOST_TEXTS:
                    connection.execute(
                        "DELETE FROM texts WHERE model_id = ? AND text IN"
                        " (SELECT text FROM texts WHERE model_id = ? ORDER BY random() LIMIT ?)",
                        (model_id, model_id, max(1, MOST_TEXTS // 10)),
                    )
                connection.execute(
                    "INSERT OR REPLACE INTO texts (model_id, text, embedding, tokenizer)"
                    " VALUES (?, ?, ?, ?)",
                    (model_id, text, embedding, mark),
                )
        except (StoreError, UnicodeEncodeError):
            return False
        return True


def are_sound(
    rows: Sequence[tuple[bytes, bytes | None]], dimension: int | None = None
) -> npt.NDArray[np.bool_]:
    """Return which embeddings are of the length, of unit length and as their digests say (n,).

    rows: each with its digest, None where it has none yet. dimension: that of the first by default.
    """
    is_sound = np.zeros(len(rows), dtype=bool)
    size_bytes = 2 * dimension if dimension else len(rows[0][0]) if rows else 0
    whole = [number for number, (blob, _) in enumerate(rows) if len(blob) == size_bytes]
    if whole:
        is_sound[whole] = are_unit(stacked([rows[number][0] for number in whole]))
    for number in np.flatnonzero(is_sound).tolist():
        blob, digest = rows[number]
        is_sound[number] = digest is None or digest == row_digest(blob)
    return is_sound


def are_unit(rows_ND: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return which rows are of unit length, as closely as float16 can be, and numbers (N,)."""
    with np.errstate(all="ignore"):
        wide_ND = rows_ND.astype(np.float32, copy=False)
        norms = np.sqrt(np.einsum("nd,nd->n", wide_ND, wide_ND))
    return np.asarray(np.abs(norms - 1.0) < _UNIT_WITHIN)


def stacked(blobs: Sequence[bytes]) -> StoredEmbeddings:
    """Return embeddings of one length as rows, float16 (n, D); (0, 0) without any."""
    shape = (len(blobs), -1 if blobs else 0)
    return np.frombuffer(b"".join(blobs), dtype=STORED_DTYPE).reshape(shape)
