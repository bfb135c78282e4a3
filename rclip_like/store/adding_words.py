"""Writes words: first rows, then, at the end of each run, the full-text index from the rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from rclip_like.errors import StoreError
from rclip_like.store.checking_words import INTEGRITY_CHECK, compare_rows, empty_tables
from rclip_like.store.indexed_words import ROW_TEXTS, mark_of, name_of_mark, tokens_of_row
from rclip_like.store.schema import WORDS_INDEX
from rclip_like.store.words import (
    KINDS,
    Source,
    Words,
    WordsRow,
    has_index,
    make_index,
)

READER, READER_VERSION = "captions", 1
"""What reads captions and keywords; the version rises when they would be read differently,
and a migration then marks all pictures as unread.
"""
_READ: tuple[Source, ...] = ("caption", "keywords")
_ROWS_A_TRANSACTION = 4096


class WordsWriter(Words):
    """Writes words while the indexer's lock is held: see `Writer.words`."""

    def put(self, rows: Iterable[WordsRow]) -> None:
        """Replace words of indexed contents, source by source, in one transaction."""
        with self._connection.transaction():
            for row in rows:
                self._delete(row.digest, row.source)
                self._insert(row)

    def put_read(self, words: Mapping[bytes, tuple[str, str]]) -> None:
        """Write the captions and keywords that were read, by digest; within a transaction."""
        for digest, texts in words.items():
            for source, text in zip(_READ, texts, strict=True):
                self._delete(digest, source)
                if text:
                    self._insert(WordsRow(digest, source, text, f"{READER} {READER_VERSION}"))
            self._connection.execute(
                "UPDATE contents SET words_version = ? WHERE digest = ?", (READER_VERSION, digest)
            )

    def put_all_read(self, words: Mapping[bytes, tuple[str, str]]) -> None:
        """Write the captions and keywords that were read, by digest, in one transaction."""
        with self._connection.transaction():
            self.put_read(words)

    def put_sidecars(self, read: Mapping[bytes, tuple[int, int, str, str] | None]) -> None:
        """Write what was read of sidecars by path, in one transaction: size in bytes, mtime in ns,
        captions and keywords; None for one that is gone.
        """
        with self._connection.transaction():
            for path, found in read.items():
                self._connection.execute("DELETE FROM sidecars WHERE path = ?", (path,))
                if found is not None:
                    self._connection.execute(
                        "INSERT INTO sidecars (path, size_bytes, mtime_ns, caption, keywords)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (path, *found[:2], *map(storable, found[2:])),
                    )

    def _delete(self, digest: bytes, source: Source) -> None:
        self._connection.execute(
            "DELETE FROM words WHERE source = ?"
            " AND content_id = (SELECT content_id FROM contents WHERE digest = ?)",
            (source, digest),
        )

    def _insert(self, row: WordsRow) -> None:
        self._connection.execute(
            "INSERT INTO words (content_id, source, made_by, text)"
            " SELECT content_id, ?, ?, ? FROM contents WHERE digest = ?",
            (row.source, row.made_by, storable(row.text), row.digest),
        )

    def index_some(self) -> bool:
        """Bring some thousand new rows into the full-text index; return whether there were any.

        Makes that index where it is missing. Does nothing where SQLite lacks FTS5.
        """
        if not self.has_fts5:
            return False
        if not has_index(self._connection):
            with self._connection.transaction():
                make_index(self._connection)
        return any(self._index_kind(kind) for kind in range(len(KINDS)))

    def rebuild(self) -> None:
        """Make the full-text index anew, without deleted rows; in transactions of its own."""
        if self.is_searchable:
            with self._connection.transaction():
                self._connection.execute(
                    f"INSERT INTO {WORDS_INDEX} ({WORDS_INDEX}) VALUES ('delete-all')"
                )
                self._connection.execute("DELETE FROM folders")
                self._connection.executemany(
                    "DELETE FROM settings WHERE name = ?", [(name_of_mark(kind),) for kind in KINDS]
                )
            while self.index_some():
                pass

    def mend(self) -> bool:
        """Make the full-text index anew if it is damaged or lacks words of rows.

        Return whether it was.
        """
        if not self.is_searchable:
            return False
        try:
            with self._connection.transaction():
                self._connection.execute(INTEGRITY_CHECK)
            if compare_rows(self._connection).is_sound:
                return False
        except StoreError:
            pass
        try:
            self._make_anew()
        except StoreError:  # SQLite drops no full-text index that it cannot open
            with self._connection.transaction():
                empty_tables(self._connection)
            self._make_anew()
        self.rebuild()
        return True

    def _make_anew(self) -> None:
        with self._connection.transaction():
            self._connection.execute(f"DROP TABLE {WORDS_INDEX}")
            make_index(self._connection)

    def _index_kind(self, kind: int) -> bool:
        after = mark_of(self._connection, KINDS[kind])
        rows = ROW_TEXTS[kind].after(self._connection, after, _ROWS_A_TRANSACTION)
        if not rows:
            return False
        texts = (" ".join(tokens_of_row(kind, each)) for _, each in rows)
        with self._connection.transaction():
            self._connection.executemany(
                f"INSERT INTO {WORDS_INDEX} (rowid, words) VALUES (?, ?)",
                [(row[0] << 2 | kind, text) for row, text in zip(rows, texts, strict=True) if text],
            )
            if KINDS[kind] == "files":
                self._connection.executemany(
                    "INSERT OR IGNORE INTO folders (path) VALUES (?)",
                    [(path,) for path in sorted(_folders_above(path for _, path in rows))],
                )
            self._connection.execute(
                "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)",
                (name_of_mark(KINDS[kind]), str(rows[-1][0])),
            )
        return True


def storable(text: str) -> str:
    """Return a text without NUL, where SQLite would end it, and without lone surrogates."""
    return text.encode(errors="replace").decode().replace("\0", " ")


def _folders_above(paths: Iterable[bytes]) -> set[bytes]:
    folders: set[bytes] = set()
    for path in paths:
        folder = os.path.dirname(path)
        while folder not in folders and os.path.basename(folder):
            folders.add(folder)
            folder = os.path.dirname(folder)
    return folders
