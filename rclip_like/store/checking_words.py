"""Whether the full-text index is whole, and whether it has the words of the rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import StoreError
from rclip_like.store.indexed_words import ROW_TEXTS, mark_of, tokens_of_row
from rclip_like.store.schema import MAKE_WORDS_INDEX, WORDS_INDEX
from rclip_like.store.words import KINDS, has_fts, has_index

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection

INTEGRITY_CHECK = f"INSERT INTO {WORDS_INDEX} ({WORDS_INDEX}) VALUES ('integrity-check')"
_KEPT_IN = ("data", "idx", "config")
"""The tables in which SQLite keeps a full-text index without columns' contents and sizes."""
_ROWS_A_KIND = 500
_WORDS_A_ROW = 8
_CHUNK = 256


class WordsCheck(NamedTuple):
    """How the full-text index was found.

    `num_missing` of the `num_compared` rows lack some of their words in it; `num_waiting` rows came
    after the last run that brought it up to date.
    """

    is_whole: bool = True
    num_compared: int = 0
    num_missing: int = 0
    num_waiting: int = 0

    @property
    def is_sound(self) -> bool:
        """Return whether a search finds what the rows say."""
        return self.is_whole and not self.num_missing


def check_words(connection: Connection) -> WordsCheck | None:
    """Return the state of the full-text index; None without one, and where SQLite has no FTS5.

    Nothing is written to the index: SQLite's own check of FTS5 would, so it checks a copy.
    """
    if not has_fts(connection) or not has_index(connection):
        return None
    try:
        is_whole = _copy_is_whole(connection)
        return compare_rows(connection)._replace(is_whole=is_whole)
    except StoreError:
        return WordsCheck(is_whole=False)


def compare_rows(connection: Connection) -> WordsCheck:
    """Look up the words of some hundred rows of each kind, evenly spread over all."""
    compared = missing = waiting = 0
    for kind in range(len(KINDS)):
        last = mark_of(connection, KINDS[kind])
        number, later = ROW_TEXTS[kind].count(connection, last)
        waiting += later
        for row_id, text in ROW_TEXTS[kind].some(connection, last, 1 + number // _ROWS_A_KIND):
            words = list(dict.fromkeys(tokens_of_row(kind, text)))[:_WORDS_A_ROW]
            if not words:
                continue
            compared += 1
            asked = " AND ".join(f'"{word}"' for word in words)
            question = f"SELECT 1 FROM {WORDS_INDEX} WHERE {WORDS_INDEX} MATCH ? AND rowid = ?"
            found = connection.execute(question, (asked, row_id << 2 | kind)).fetchone()
            missing += found is None
    return WordsCheck(True, compared, missing, waiting)


def empty_tables(connection: Connection) -> None:
    """Give the tables in which SQLite keeps the full-text index what those of an empty one have."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        empty.execute(MAKE_WORDS_INDEX)
        for each in _KEPT_IN:
            table = f"{WORDS_INDEX}_{each}"
            connection.execute(f"DELETE FROM {table}")
            for row in empty.execute(f"SELECT * FROM {table}"):
                values = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} VALUES ({values})", row)


def _copy_is_whole(connection: Connection) -> bool:
    with TemporaryDirectory(prefix="clipfind-") as folder:
        path = Path(folder) / "words.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute(MAKE_WORDS_INDEX)
            copy.execute("BEGIN")
            for each in _KEPT_IN:
                table = f"{WORDS_INDEX}_{each}"
                rows = connection.execute(f"SELECT * FROM {table}")
                copy.execute(f"DELETE FROM {table}")
                values = ", ".join("?" * len(rows.description))
                while chunk := rows.fetchmany(_CHUNK):
                    copy.executemany(f"INSERT INTO {table} VALUES ({values})", chunk)
            copy.execute("COMMIT")
        with closing(sqlite3.connect(path, isolation_level=None)) as copy:
            try:
                copy.execute(INTEGRITY_CHECK)
            except sqlite3.Error:
                return False
    return True
