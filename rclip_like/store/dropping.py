"""Rows to be removed: marked first, then counted or dropped, and their room given back."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.errors import Remedy, StoreError
from rclip_like.reports import UpkeepReport
from rclip_like.store.connection import Connection
from rclip_like.store.rows import PathRange
from rclip_like.store.side_files import LOG, side_file, size_of

if TYPE_CHECKING:
    from rclip_like.store.writing import Writer

_PAGE = 4096
_ROWS_A_TRANSACTION = 1000
_LOG_PAGES = 256
"""How long the log may grow: users who make room often have little of it."""
_FREE_SHARE = 20
"""The file is written anew if a twentieth of it is free, even if nothing was dropped."""
_FILE_ROW_BYTES = 250
"""About how many bytes the row of a file takes, with its entries in two indexes."""
_UNRECLAIMED = "unreclaimed"
_DROP_SIDECARS = """
    DELETE FROM sidecars WHERE NOT EXISTS (
        SELECT 1 FROM files WHERE files.path >= substr(sidecars.path, 1, length(sidecars.path) - 4)
        AND files.path < CAST(substr(sidecars.path, 1, length(sidecars.path) - 4) || '/' AS BLOB)
    )
"""
"""Those beside no file that is left; in order of bytes, a slash comes right after the dot."""

# Marks lie in temporary tables of this connection: they take no memory, however many they are, and
# a dry run counts with the conditions by which a real run drops.
_MARKS = (
    "CREATE TEMP TABLE gone_files (file_id INTEGER PRIMARY KEY, content_id INTEGER NOT NULL)",
    "CREATE TEMP TABLE gone_failures (path BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE gone_roots (path BLOB PRIMARY KEY) WITHOUT ROWID",
    "CREATE TEMP TABLE gone_contents (content_id INTEGER PRIMARY KEY)",
    "CREATE TEMP TABLE gone_models (model_id INTEGER PRIMARY KEY)",
    "CREATE TEMP TABLE gone_texts (model_id INTEGER PRIMARY KEY)",
)
_IS_LEFT_ALONE = (
    "NOT EXISTS (SELECT 1 FROM files WHERE files.content_id = candidates.content_id"
    " AND file_id NOT IN (SELECT file_id FROM temp.gone_files))"
)


class IndexedFile(NamedTuple):
    """A file of the index; `device` is that of its folder."""

    path: bytes
    device: int
    file_id: int
    content_id: int


class Removal:
    """Rows marked to be dropped from one index, by a connection of their own.

    Counting needs no lock, dropping a Writer. Every transaction leaves the index whole, so that a
    kill costs nothing but the rest of the work.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._path = connection.path
        self._execute = connection.execute
        # Embeddings have no index by content alone: to look for each content's would read all.
        # What depends on a content is dropped here before it.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        for statement in _MARKS:
            connection.execute(statement)

    # Marking.

    def files(self, ranges: Sequence[PathRange]) -> Iterator[list[IndexedFile]]:
        """Yield the files in the ranges, a page at a time, in order of path bytes."""
        columns = "path, device, file_id, content_id FROM files"
        for page in self._pages(columns, ranges):
            yield [IndexedFile(*row) for row in page]

    def failures(self, ranges: Sequence[PathRange]) -> Iterator[list[tuple[bytes, int]]]:
        """Yield path and device of the unreadable files in the ranges, a page at a time."""
        yield from self._pages("path, device FROM failures", ranges)

    def mark_files(self, files: Iterable[IndexedFile]) -> None:
        """Mark rows of files."""
        self._mark("gone_files", [(file.file_id, file.content_id) for file in files])

    def mark_failures(self, paths: Iterable[bytes]) -> None:
        """Mark what is remembered of unreadable files."""
        self._mark("gone_failures", [(path,) for path in paths])

    def mark_root(self, path: bytes) -> None:
        """Mark a walked folder."""
        self._mark("gone_roots", [(path,)])

    def mark_models(self, fingerprints: Iterable[str]) -> None:
        """Mark models, with all that they have encoded."""
        for table in ("gone_models", "gone_texts"):
            question = f"INSERT INTO temp.{table} SELECT model_id FROM models WHERE fingerprint = ?"
            for fingerprint in fingerprints:
                self._execute(question, (fingerprint,))

    def mark_texts(self) -> None:
        """Mark the remembered words of all queries."""
        self._execute("INSERT OR IGNORE INTO temp.gone_texts SELECT model_id FROM models")

    def mark_contents(self, *, everywhere: bool) -> None:
        """Mark the contents that no file is left with; called once all files are marked.

        Those of the files marked, or with `everywhere` also those that had no file before.
        """
        source = "contents" if everywhere else "(SELECT DISTINCT content_id FROM temp.gone_files)"
        self._execute(
            "INSERT INTO temp.gone_contents"
            f" SELECT content_id FROM {source} AS candidates WHERE {_IS_LEFT_ALONE}"
        )

    def _pages(self, columns: str, ranges: Sequence[PathRange]) -> Iterator[list[Any]]:
        question = f"SELECT {columns} WHERE path >= ? AND path < ? ORDER BY path LIMIT {_PAGE}"
        for after, end in ranges:
            while page := self._execute(question, (after, end)).fetchall():
                yield page
                after = page[-1][0] + b"\0"

    def _mark(self, table: str, rows: Sequence[tuple[object, ...]]) -> None:
        if not rows:
            return
        marks = ", ".join("?" * len(rows[0]))
        statement = f"INSERT OR IGNORE INTO temp.{table} VALUES ({marks})"
        with self._connection.transaction("DEFERRED"):
            self._connection.executemany(statement, rows)

    # Counting.

    def count(self) -> UpkeepReport:
        """Return what is marked; `freed_bytes` is an estimate, with what is free already."""
        models = self._execute(
            "SELECT name FROM models JOIN temp.gone_models USING (model_id) ORDER BY model_id"
        ).fetchall()
        files, embeddings, size_bytes = self._marked("gone_files"), *self._count_embeddings()
        free, page_bytes = self._pragma("freelist_count"), self._pragma("page_size")
        return UpkeepReport(
            files=files,
            failures=self._marked("gone_failures"),
            contents=self._marked("gone_contents"),
            embeddings=embeddings,
            roots=self._marked("gone_roots"),
            models=tuple(name for (name,) in models),
            texts=self._number("SELECT count(*) FROM texts JOIN temp.gone_texts USING (model_id)"),
            freed_bytes=size_bytes + files * _FILE_ROW_BYTES + free * page_bytes,
        )

    def _count_embeddings(self) -> tuple[int, int]:
        """Return how many embeddings go, and their size in bytes."""
        number = size_bytes = 0
        for model_id, part in self._parts():
            (is_gone, dimension) = self._execute(
                "SELECT model_id IN (SELECT model_id FROM temp.gone_models), dimension"
                " FROM models WHERE model_id = ?",
                (model_id,),
            ).fetchone()
            extra = (
                "" if is_gone else " AND content_id IN (SELECT content_id FROM temp.gone_contents)"
            )
            found = self._number(
                f"SELECT count(*) FROM embeddings WHERE model_id = ? AND part = ?{extra}",
                (model_id, part),
            )
            number += found
            size_bytes += found * dimension * 2
        return number, size_bytes

    def _marked(self, table: str) -> int:
        return self._number(f"SELECT count(*) FROM temp.{table}")

    def _number(self, question: str, values: Sequence[object] = ()) -> int:
        return int(self._execute(question, values).fetchone()[0])

    def _parts(self) -> list[tuple[int, int]]:
        return self._execute("SELECT DISTINCT model_id, part FROM embeddings").fetchall()

    # Dropping.

    def drop(self, writer: Writer) -> tuple[int, bool]:
        """Drop what is marked and make the index smaller.

        Returns how many bytes smaller it is, and whether it is that already: where a search reads
        on, the file shrinks when that ends. Models that had a matrix get a new one. Raises
        StoreError when the disk is full; what was dropped before stays so.
        """
        before = self._size_bytes()
        with_matrix = self._execute("SELECT model_id FROM matrices").fetchall()
        self._drop_rows()
        try:
            writer.remove_outdated_matrices()  # before, as room may be short
            if self._marked("gone_files"):
                writer.words.rebuild()  # which would keep the names of what was dropped
            self._reclaim()
            writer.remove_outdated_matrices()
            for (model_id,) in self._execute("SELECT model_id FROM models").fetchall():
                if (model_id,) in with_matrix:
                    writer.extend_matrix(model_id)
        except BaseException:
            with suppress(StoreError):
                self._truncate_log()
            raise
        is_short = self._truncate_log()
        return max(0, before - self._size_bytes()), is_short

    def _size_bytes(self) -> int:
        return size_of(self._path) + size_of(side_file(self._path, LOG))

    def _drop_rows(self) -> None:
        """Drop what is marked, some thousand rows a transaction, a content with its files."""
        parts = self._parts()
        models = self._execute("SELECT model_id FROM models").fetchall()
        for some in self._chunks("gone_contents", "content_id"):
            chosen = "(SELECT content_id FROM temp.gone_contents WHERE content_id BETWEEN ? AND ?)"
            with self._transaction():
                for part in parts:
                    self._execute(
                        "DELETE FROM embeddings WHERE model_id = ? AND part = ?"
                        f" AND content_id IN {chosen}",
                        (*part, *some),
                    )
                for model in models:
                    self._execute(
                        f"DELETE FROM readings WHERE model_id = ? AND content_id IN {chosen}",
                        (*model, *some),
                    )
                for table in ("words", "frames", "files", "contents"):
                    self._execute(f"DELETE FROM {table} WHERE content_id IN {chosen}", some)
        self._drop_marked("files", "file_id")
        with self._transaction():
            self._execute(_DROP_SIDECARS)
        self._drop_marked("failures", "path")
        self._drop_marked("roots", "path")
        self._drop_models()

    def _drop_marked(self, table: str, key: str) -> None:
        for some in self._chunks(f"gone_{table}", key):
            with self._transaction():
                self._execute(
                    f"DELETE FROM {table} WHERE {key} IN"
                    f" (SELECT {key} FROM temp.gone_{table} WHERE {key} BETWEEN ? AND ?)",
                    some,
                )

    def _drop_models(self) -> None:
        gone = "(SELECT model_id FROM temp.gone_models)"
        for table, key in (("embeddings", "rowid"), ("readings", "model_id, content_id")):
            some = f"{key} FROM {table} WHERE model_id IN {gone} LIMIT {_ROWS_A_TRANSACTION}"
            statement = f"DELETE FROM {table} WHERE ({key}) IN (SELECT {some})"
            dropped = _ROWS_A_TRANSACTION
            while dropped and self._marked("gone_models"):
                with self._transaction():
                    dropped = self._execute(statement).rowcount
        if self._marked("gone_texts"):
            with self._transaction():
                self._execute(
                    "DELETE FROM texts WHERE model_id IN (SELECT model_id FROM temp.gone_texts)"
                )
                self._execute(f"DELETE FROM matrices WHERE model_id IN {gone}")
                self._execute(f"DELETE FROM models WHERE model_id IN {gone}")

    def _chunks(self, table: str, key: str) -> Iterator[tuple[object, object]]:
        """Yield first and last key of one transaction after the other."""
        after: object = b"" if key == "path" else -1
        while True:
            first, last = self._execute(
                f"SELECT min({key}), max({key}) FROM (SELECT {key} FROM temp.{table}"
                f" WHERE {key} > ? ORDER BY {key} LIMIT {_ROWS_A_TRANSACTION})",
                (after,),
            ).fetchone()
            if last is None:
                return
            yield first, last
            after = last

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Let one transaction drop rows, and remember that the file has to be written anew."""
        with self._connection.transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO settings (name, value) VALUES (?, '')", (_UNRECLAIMED,)
            )
            yield

    # Giving the room back.

    def _reclaim(self) -> None:
        """Write the file anew without its free pages; `_truncate_log` then makes it smaller.

        Nothing is done where nothing was dropped since the last time and little is free. Raises
        StoreError when there is no room for the log in which the new pages are written.
        """
        free, pages = self._pragma("freelist_count"), self._pragma("page_count")
        is_due = self._number("SELECT count(*) FROM settings WHERE name = ?", (_UNRECLAIMED,))
        if not is_due and free * _FREE_SHARE < pages:
            return
        self._refuse_without_room((pages - free) * self._pragma("page_size"))
        self._connection.execute_interruptibly("VACUUM")
        self._execute("DELETE FROM settings WHERE name = ?", (_UNRECLAIMED,))

    def _refuse_without_room(self, needed_bytes: int) -> None:
        if shutil.disk_usage(self._path.parent).free < needed_bytes:
            raise StoreError(
                f"{self._path}: what had to go is dropped, but to make the file smaller takes "
                f"{needed_bytes / 1e6:,.0f} MB beside it for a while",
                Remedy.PRUNE,
            )

    def _truncate_log(self) -> bool:
        """Move the log into the file and cut both; return whether no reader was in the way.

        Where one was, they shrink when it closes. Raises StoreError when the disk is full.
        """
        return not self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def _pragma(self, name: str) -> int:
        return self._number(f"PRAGMA {name}")
