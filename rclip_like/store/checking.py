"""What `doctor` asks of an index's rows, and what it may mend; no other module distrusts them.

Every question stands alone: on a damaged file one may fail where the next still answers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import StoreError
from rclip_like.store import opening
from rclip_like.store.connection import Connection
from rclip_like.store.matrix.blocks import (
    CHECK_AGAIN_NS,
    MatrixCheck,
    check_matrix,
    forget_if_damaged,
)
from rclip_like.store.rows import row_digest, text_mark
from rclip_like.store.side_files import side_file

if TYPE_CHECKING:
    from rclip_like.store.checking_words import WordsCheck

SQLITE_VERSION = sqlite3.sqlite_version
OLDEST_SQLITE = (3, 37)
"""The first that knows STRICT tables."""
REPAIR_MARK = ".before-repair-"

_MOST_ERRORS = 20
_CHUNK = 4096
_ORPHANS = {
    "files": "content_id NOT IN (SELECT content_id FROM contents)",
    "embeddings": "content_id NOT IN (SELECT content_id FROM contents)"
    " OR model_id NOT IN (SELECT model_id FROM models)",
    "texts": "model_id NOT IN (SELECT model_id FROM models)",
    "matrices": "model_id NOT IN (SELECT model_id FROM models)",
    "readings": "content_id NOT IN (SELECT content_id FROM contents)"
    " OR model_id NOT IN (SELECT model_id FROM models)",
    "words": "content_id NOT IN (SELECT content_id FROM contents)",
    "frames": "content_id NOT IN (SELECT content_id FROM contents)",
}
_NOTED_BY_A_LIBRARY = "_sqlite_migrations"
"""What sqlite-utils keeps for itself; it may word it otherwise one day."""


class NamesCheck(NamedTuple):
    """How many names there are, which are damaged, and word and fingerprint of damaged rows."""

    number: int
    wrong: tuple[str, ...]
    wrong_rows: tuple[tuple[str, str], ...]


class Checkup:
    """One index under examination; raises StoreError where even the question fails."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def damage(self) -> list[str]:
        """Return what SQLite finds wrong with the file, at most twenty lines; [] if nothing."""
        try:
            lines = self._connection.execute_interruptibly(
                f"PRAGMA integrity_check({_MOST_ERRORS})"
            )
        except StoreError as error:  # damage that the check itself stumbles over
            return [str(error)]
        return [str(line) for (line,) in lines if line != "ok"]

    def missing_parts(self) -> list[str]:
        """Return the tables, indexes and views of this version that the file lacks or has changed.

        What others added, Datasette for instance, is theirs.
        """
        from rclip_like.store.migrations import migrate

        question = "SELECT name, sql FROM sqlite_master"
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
            migrate(new)
            wanted = dict(new.execute(question).fetchall())
        found = dict(self._connection.execute(question).fetchall())
        ours = {name: sql for name, sql in wanted.items() if _NOTED_BY_A_LIBRARY not in name}
        return sorted(name for name, sql in ours.items() if found.get(name, "") != sql)

    def orphans(self) -> dict[str, int]:
        """Return how many rows of which table refer to rows that are not there."""
        counts: dict[str, int] = {}
        for table, *_ in self._connection.execute_interruptibly("PRAGMA foreign_key_check"):
            counts[table] = counts.get(table, 0) + 1
        return counts

    def wrong_embeddings(self, model_id: int | None = None) -> list[int]:
        """Return the row numbers of embeddings that are not as they were written.

        Those of a wrong length, not unit or not numbers, those that their digests do not fit, and,
        without a digest, those that a sound matrix has otherwise. model_id: of this model alone.
        """
        wrong: set[int] = set()
        for each, _, dimension in self.models():
            if model_id in (None, each):
                wrong.update(self._unsound(each, dimension), self._unlike_matrix(each))
        return sorted(wrong)

    def wrong_texts(self) -> list[tuple[int, str]]:
        """Return model and text of remembered texts whose embedding is not as it was written."""
        import numpy as np

        from rclip_like.store.embeddings import are_unit

        wrong = []
        for model_id, _, dimension in self.models():
            question = "SELECT text, embedding, tokenizer FROM texts WHERE model_id = ?"
            for text, embedding, mark in self._connection.execute(question, (model_id,)):
                is_sound = len(embedding) == 4 * dimension
                if mark is not None:  # as an older version left it
                    tokenizer = mark.partition(" ")[0]
                    is_sound &= mark == text_mark(model_id, tokenizer, text, embedding)
                if not is_sound or not are_unit(np.frombuffer(embedding, "<f4")[np.newaxis]).all():
                    wrong.append((model_id, text))
        return wrong

    def names(self) -> NamesCheck:
        """Return how the names of one's own were found."""
        from rclip_like.store.names import Names, wrong_names, wrong_rows

        return NamesCheck(
            Names(self._connection).count(),
            tuple(wrong_names(self._connection)),
            tuple(wrong_rows(self._connection)),
        )

    def words(self) -> WordsCheck | None:
        """Return how the full-text index of words was found; None if there is none to look at."""
        from rclip_like.store.checking_words import check_words

        with self._connection.transaction("DEFERRED"):
            return check_words(self._connection)

    def models(self) -> list[tuple[int, str, int]]:
        """Return number, name and dimension of each model."""
        question = "SELECT model_id, name, dimension FROM models"
        return self._connection.execute(question).fetchall()

    def matrices(self) -> list[tuple[str, MatrixCheck]]:
        """Return each model's name and how its matrix was found, where it has one."""
        with self._connection.transaction("DEFERRED"):
            found = [
                (name, check_matrix(self._connection, model_id))
                for model_id, name, _ in self.models()
            ]
        return [(name, check) for name, check in found if check is not None]

    def _unsound(self, model_id: int, dimension: int) -> Iterator[int]:
        from rclip_like.store.embeddings import are_sound

        question = "SELECT rowid, embedding, row_digest FROM embeddings WHERE model_id = ?"
        rows = self._connection.execute(question, (model_id,))
        while chunk := rows.fetchmany(_CHUNK):
            is_sound = are_sound([row[1:] for row in chunk], dimension)
            yield from (row[0] for row, is_so in zip(chunk, is_sound, strict=True) if not is_so)

    def _unlike_matrix(self, model_id: int) -> Iterator[int]:
        """Yield whole pictures' embeddings from before there were digests that were damaged since.

        What a matrix, sound by its own digests, copied from them is a witness.
        """
        import numpy as np

        from rclip_like.store.matrix.mapped import open_matrix
        from rclip_like.store.rows import EVERYTHING

        with self._connection.transaction("DEFERRED"):
            check = check_matrix(self._connection, model_id)
            matrix = open_matrix(self._connection, model_id, [EVERYTHING])
            if check is None or not check.is_sound or matrix is None:
                return
            question = (
                "SELECT rowid, content_id, embedding FROM embeddings"
                " WHERE model_id = ? AND part = 0 AND row_digest IS NULL AND rowid <= ?"
            )
            rows = self._connection.execute(question, (model_id, matrix.stamp.last_embedding))
            size_bytes = 2 * matrix.rows.shape[1]
            while chunk := rows.fetchmany(_CHUNK):
                whole = [row for row in chunk if len(row[2]) == size_bytes]
                slots = matrix.order.slots_of(np.array([row[1] for row in whole], np.int64))
                for (rowid, _, blob), slot in zip(whole, slots, strict=True):
                    if slot >= 0 and matrix.rows[slot].tobytes() != blob:
                        yield rowid


class Repair(Checkup):
    """What mends an index, while its lock is held: see `Writer.repair`."""

    def back_up(self) -> Path:
        """Write a copy beside the index and return its path."""
        moment = time.strftime("%Y%m%d-%H%M%S")
        copy = side_file(self._connection.path, f"{REPAIR_MARK}{moment}")
        opening.back_up(self._connection, copy)
        return copy

    def rebuild_indexes(self) -> None:
        """Make SQLite's own indexes anew from the rows."""
        self._connection.execute_interruptibly("REINDEX")

    def drop_orphans(self) -> int:
        """Drop rows that refer to rows that are not there; return how many."""
        with self._connection.transaction():
            return sum(
                self._connection.execute(f"DELETE FROM {table} WHERE {condition}").rowcount
                for table, condition in _ORPHANS.items()
            )

    def drop_embeddings(self, rowids: list[int]) -> None:
        """Drop all parts of the pictures of these rows; the next run encodes them anew."""
        keys = [(rowid,) for rowid in rowids]
        with self._connection.transaction():
            self._connection.execute("CREATE TEMP TABLE wrong (rowid_ INTEGER PRIMARY KEY)")
            self._connection.executemany("INSERT INTO temp.wrong VALUES (?)", keys)
            self._connection.execute(
                "CREATE TEMP TABLE wrong_contents AS SELECT DISTINCT model_id, content_id"
                " FROM embeddings JOIN temp.wrong ON embeddings.rowid = rowid_"
            )
            for table in ("readings", "embeddings"):  # what is not encoded was not read
                self._connection.execute(
                    f"DELETE FROM {table} WHERE (model_id, content_id) IN"
                    " (SELECT model_id, content_id FROM temp.wrong_contents)"
                )
            self._connection.execute("DROP TABLE temp.wrong_contents")
            self._connection.execute("DROP TABLE temp.wrong")

    def note_digests(self, model_id: int) -> int:
        """Give each embedding of a model that has no digest its own; return to how many.

        They come from before there were digests. What is wrong with one by any other sign is to be
        dropped first.
        """
        question = (
            "SELECT rowid, embedding FROM embeddings WHERE rowid > ? AND +model_id = ?"
            f" AND row_digest IS NULL ORDER BY rowid LIMIT {_CHUNK}"
        )
        number = last = 0
        while chunk := self._connection.execute(question, (last, model_id)).fetchall():
            with self._connection.transaction():
                self._connection.executemany(
                    "UPDATE embeddings SET row_digest = ? WHERE rowid = ?",
                    [(row_digest(blob), rowid) for rowid, blob in chunk],
                )
            number, last = number + len(chunk), chunk[-1][0]
        return number

    def forget_damaged_matrix(self, model_id: int, *, at_once: bool = False) -> bool:
        """Look at a model's matrix, and return whether it was damaged and is forgotten.

        At what was not looked at this month, and at more than a share of it only with `at_once`.
        """
        since_ns = None if at_once else time.time_ns() - CHECK_AGAIN_NS
        return forget_if_damaged(self._connection, model_id, since_ns=since_ns)

    def drop_texts(self, texts: list[tuple[int, str]]) -> None:
        """Drop remembered texts."""
        with self._connection.transaction():
            question = "DELETE FROM texts WHERE model_id = ? AND text = ?"
            self._connection.executemany(question, texts)

    def drop_name_rows(self, rows: Sequence[tuple[str, str]]) -> None:
        """Drop rows of names, by word and fingerprint."""
        with self._connection.transaction():
            question = "DELETE FROM name_rows WHERE name = ? AND fingerprint = ?"
            self._connection.executemany(question, rows)

    def truncate_log(self) -> None:
        """Move the log into the file and cut it, as far as readers let it."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
