"""Rows from elsewhere, merged into an index: in any order they give the same rows.

What this machine has read itself stays. Of rows from elsewhere that disagree, the greater one stays
by an order of their values, whichever came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from rclip_like.errors import StoreError
from rclip_like.places import Place
from rclip_like.store.adding_words import storable
from rclip_like.store.exporting import PLACE_VALUES
from rclip_like.store.reading import parts_of
from rclip_like.store.rows import IMPORTED_DEVICE, row_digest
from rclip_like.store.writing import readable

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection
    from rclip_like.store.exporting import Row

_FACTS = "size_bytes, width, height, taken_at, taken_from, camera, latitude, longitude"
_IS_READ_HERE = (
    "EXISTS (SELECT 1 FROM files WHERE files.content_id = contents.content_id"
    f" AND device <> {IMPORTED_DEVICE})"
)

_MERGE_NAME_ROW = (
    "INSERT INTO name_rows (name, model, fingerprint, method, embedding, row_digest)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, fingerprint) DO UPDATE SET (model, method,"
    " embedding, row_digest) = (excluded.model, excluded.method, excluded.embedding,"
    " excluded.row_digest) WHERE (excluded.embedding, excluded.model, excluded.method)"
    " > (name_rows.embedding, name_rows.model, name_rows.method)"
)


class Merging:
    """Merges rows as `ExportedRows` yields them, while the indexer's lock is held.

    Every method is one transaction. Values are taken as checked. Raises StoreError for rows of a
    content whose facts the index does not have.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self._parts: dict[int, set[int]] = {}

    def facts(self, rows: Iterable[Row]) -> None:
        """Merge the facts of contents."""
        with self._connection.transaction():
            for row in rows:
                self._merge_facts(*row)

    def _merge_facts(self, digest: bytes, *values: Any) -> None:
        place_id = self._place_id(values[-len(Place._fields) :])
        found = self._execute(
            f"SELECT {_IS_READ_HERE}, {_FACTS}, words_version{PLACE_VALUES}"
            " FROM contents LEFT JOIN places USING (place_id) WHERE digest = ?",
            (digest,),
        ).fetchone()
        stored = (*values[: -len(Place._fields)], place_id)
        if found is None:
            self._execute(
                f"INSERT INTO contents (digest, {_FACTS}, words_version, place_id)"
                f" VALUES (?{', ?' * len(stored)})",
                (digest, *stored),
            )
        elif not found[0] and _rank(values) > _rank(found[1:]):
            self._execute(
                f"UPDATE contents SET ({_FACTS}, words_version, place_id)"
                f" = (?{', ?' * (len(stored) - 1)}) WHERE digest = ?",
                (*stored, digest),
            )

    def _place_id(self, place: Sequence[str | None]) -> int | None:
        if None in place:
            return None
        if not any(place):
            return 0
        marks = " AND ".join(f"{name} = ?" for name in Place._fields)
        question = f"SELECT place_id FROM places WHERE {marks}"
        if (found := self._execute(question, place).fetchone()) is None:
            names = ", ".join(Place._fields)
            self._execute(f"INSERT INTO places ({names}) VALUES (?, ?, ?, ?, ?)", place)
            found = self._execute(question, place).fetchone()
        return int(found[0])

    def embeddings(self, model_id: int, rows: Iterable[Row]) -> None:
        """Merge what the model has encoded; all parts of a content stand together."""
        if model_id not in self._parts:
            self._parts[model_id] = set(parts_of(self._connection, model_id))
        with self._connection.transaction():
            for digest, group in groupby(rows, key=itemgetter(0)):
                self._merge_content(model_id, digest, list(group))

    def _merge_content(self, model_id: int, digest: bytes, rows: Sequence[Row]) -> None:
        content_id, is_read_here = self._content(digest)
        listed = ", ".join(map(str, self._parts[model_id])) or "NULL"
        stored = dict(
            self._execute(
                "SELECT part, embedding FROM embeddings WHERE model_id = ?"
                f" AND part IN ({listed}) AND content_id = ?",
                (model_id, content_id),
            ).fetchall()
        )
        question = "SELECT reader, pixels FROM readings WHERE model_id = ? AND content_id = ?"
        reading = self._execute(question, (model_id, content_id)).fetchone() or (None, None)
        if stored and (is_read_here or _rank(reading) > _rank(rows[0][2:4])):
            return
        if not stored or _rank(reading) < _rank(rows[0][2:4]):
            self._put_anew(model_id, content_id, rows[0][2:4], stored)
            stored = {}
        seconds = [(content_id, row[1], row[4]) for row in rows if row[4] is not None]
        self._connection.executemany(
            "INSERT INTO frames (content_id, part, second) VALUES (?, ?, ?)"
            " ON CONFLICT (content_id, part) DO UPDATE SET second = max(second, excluded.second)",
            seconds,
        )
        for _, part, _, _, _, embedding in rows:
            row = (embedding, row_digest(embedding), model_id, part, content_id)
            if part not in stored:
                self._parts[model_id].add(part)
                self._execute(
                    "INSERT INTO embeddings (embedding, row_digest, model_id, part, content_id)"
                    " VALUES (?, ?, ?, ?, ?)",
                    row,
                )
            elif embedding > stored[part]:
                self._execute(
                    "UPDATE embeddings SET embedding = ?, row_digest = ?"
                    " WHERE model_id = ? AND part = ? AND content_id = ?",
                    row,
                )

    def _put_anew(
        self, model_id: int, content_id: int, reading: Sequence[Any], parts: Iterable[int]
    ) -> None:
        """Drop the parts that a content has, and say how the ones to come were read."""
        self._execute("DELETE FROM frames WHERE content_id = ?", (content_id,))
        self._connection.executemany(
            "DELETE FROM embeddings WHERE model_id = ? AND part = ? AND content_id = ?",
            [(model_id, part, content_id) for part in parts],
        )
        self._execute(
            "DELETE FROM readings WHERE model_id = ? AND content_id = ?", (model_id, content_id)
        )
        if reading[0] is not None:
            self._execute(
                "INSERT INTO readings (model_id, content_id, reader, pixels) VALUES (?, ?, ?, ?)",
                (model_id, content_id, *reading),
            )

    def words(self, rows: Iterable[Row]) -> None:
        """Merge the words of contents, source by source."""
        with self._connection.transaction():
            for digest, source, made_by, text in rows:
                content_id, _ = self._content(digest)
                key = (content_id, source)
                found = self._execute(
                    "SELECT made_by, text FROM words WHERE content_id = ? AND source = ?", key
                ).fetchone()
                new = (made_by, storable(text))
                if found is not None and found >= new:
                    continue
                self._execute("DELETE FROM words WHERE content_id = ? AND source = ?", key)
                self._execute(
                    "INSERT INTO words (content_id, source, made_by, text) VALUES (?, ?, ?, ?)",
                    (*key, *new),
                )

    def files(self, rows: Iterable[Row]) -> None:
        """Merge files; those that were met on this machine, read or not, stay as they are.

        A file from elsewhere counts as neither settled nor gone until its folder is walked.
        """
        with self._connection.transaction():
            for path, size_bytes, mtime_ns, digest in rows:
                content_id, _ = self._content(digest)
                found = self._execute(
                    "SELECT device, mtime_ns, files.size_bytes, digest FROM files JOIN contents"
                    " USING (content_id) WHERE path = ? UNION ALL"
                    " SELECT device, 0, 0, x'' FROM failures WHERE path = ?",
                    (path, path),
                ).fetchone()
                if found is not None and (
                    found[0] != IMPORTED_DEVICE or found[1:] >= (mtime_ns, size_bytes, digest)
                ):
                    continue
                # A row number stands for a path with its content.
                self._execute("DELETE FROM files WHERE path = ?", (path,))
                self._execute(
                    "INSERT INTO files (path, readable, size_bytes, mtime_ns, device, inode,"
                    " read_at_ns, content_id) VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
                    (path, readable(path), size_bytes, mtime_ns, IMPORTED_DEVICE, mtime_ns)
                    + (content_id,),
                )

    def sidecars(self, rows: Iterable[Row]) -> None:
        """Merge what was read of sidecars: of one path the newest."""
        with self._connection.transaction():
            for path, size_bytes, mtime_ns, *texts in rows:
                new = (mtime_ns, size_bytes, *map(storable, texts))
                found = self._execute(
                    "SELECT mtime_ns, size_bytes, caption, keywords FROM sidecars WHERE path = ?",
                    (path,),
                ).fetchone()
                if found is not None and found >= new:
                    continue
                self._execute("DELETE FROM sidecars WHERE path = ?", (path,))
                self._execute(
                    "INSERT INTO sidecars (path, mtime_ns, size_bytes, caption, keywords)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (path, *new),
                )

    def hidden(self, rows: Iterable[Row]) -> None:
        """Hide contents, since the earliest time that any list says."""
        with self._connection.transaction():
            self._connection.executemany(
                "INSERT INTO hidden (digest, hidden_at) VALUES (?, ?) ON CONFLICT (digest)"
                " DO UPDATE SET hidden_at = excluded.hidden_at"
                " WHERE excluded.hidden_at < hidden.hidden_at",
                rows,
            )

    def saved(self, rows: Iterable[Row]) -> None:
        """Merge saved searches: under one name the one that was saved last."""
        with self._connection.transaction():
            self._connection.executemany(
                "INSERT INTO saved (name, arguments, saved_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET arguments = excluded.arguments,"
                " saved_at = excluded.saved_at,"
                " seen = CASE WHEN arguments = excluded.arguments THEN seen END"
                " WHERE (excluded.saved_at, excluded.arguments)"
                " > (saved.saved_at, saved.arguments)",
                rows,
            )

    def names(self, rows: Iterable[Row]) -> None:
        """Merge names with their rows: of one spelling the one that was made last."""
        with self._connection.transaction():
            for name, digests, made_at, *row in rows:
                found = self._execute(
                    "SELECT made_at, digests FROM names WHERE name = ?", (name,)
                ).fetchone()
                if found is not None and found > (made_at, digests):
                    continue
                if found != (made_at, digests):
                    self._execute("DELETE FROM name_rows WHERE name = ?", (name,))
                    self._execute(
                        "INSERT OR REPLACE INTO names (name, digests, made_at) VALUES (?, ?, ?)",
                        (name, digests, made_at),
                    )
                if row[0] is not None:
                    self._execute(_MERGE_NAME_ROW, (name, *row, row_digest(row[-1])))

    def _content(self, digest: bytes) -> tuple[int, bool]:
        """Return the number of a content, and whether this machine has read a file with it."""
        found = self._execute(
            f"SELECT content_id, {_IS_READ_HERE} FROM contents WHERE digest = ?", (digest,)
        ).fetchone()
        if found is None:
            raise StoreError(f"the facts of the picture {digest.hex()} are missing")
        return int(found[0]), bool(found[1])


def _rank(values: Sequence[Any]) -> tuple[tuple[bool, Any], ...]:
    """Return what orders rows; nothing comes before everything else."""
    return tuple((value is not None, value if value is not None else 0) for value in values)
