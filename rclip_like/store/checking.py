"""What `doctor` asks of an index's rows, and what it may mend; the only place that distrusts them.

Every question stands alone: on a damaged file one may fail where the next still answers.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_like.errors import StoreError
from rclip_like.store import opening
from rclip_like.store.faults import told
from rclip_like.store.interrupting import interruptibly
from rclip_like.store.rows import STORED_DTYPE
from rclip_like.store.writing import transaction

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SQLITE_VERSION = sqlite3.sqlite_version
OLDEST_SQLITE = (3, 37)
"""The first that knows STRICT tables."""
REPAIR_MARK = ".before-repair-"

_MOST_ERRORS = 20
_CHUNK = 4096
_UNIT_WITHIN = 0.01
_ORPHANS = {
    "files": "content_id NOT IN (SELECT content_id FROM contents)",
    "embeddings": "content_id NOT IN (SELECT content_id FROM contents)"
    " OR model_id NOT IN (SELECT model_id FROM models)",
    "texts": "model_id NOT IN (SELECT model_id FROM models)",
    "matrices": "model_id NOT IN (SELECT model_id FROM models)",
}
_NOTED_BY_A_LIBRARY = "_sqlite_migrations"
"""What sqlite-utils keeps for itself; it may word it otherwise one day."""


class Checkup:
    """One index under examination; raises StoreError where even the question fails."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    @contextmanager
    def of(cls, path: Path) -> Iterator[Checkup]:
        """Give the examination of an index of this version."""
        with closing(opening.open_index(path, create=False, any_thread=True)) as connection:
            yield cls(path, connection)

    # Questions.

    def damage(self) -> list[str]:
        """Return what SQLite finds wrong with the file, at most twenty lines; [] if nothing."""
        try:
            with told(self._path):
                lines = interruptibly(self._connection, f"PRAGMA integrity_check({_MOST_ERRORS})")
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
        with told(self._path):
            found = dict(self._connection.execute(question).fetchall())
        ours = {name: sql for name, sql in wanted.items() if _NOTED_BY_A_LIBRARY not in name}
        return sorted(name for name, sql in ours.items() if found.get(name, "") != sql)

    def orphans(self) -> dict[str, int]:
        """Return how many rows of which table refer to rows that are not there."""
        counts: dict[str, int] = {}
        with told(self._path):
            for table, *_ in interruptibly(self._connection, "PRAGMA foreign_key_check"):
                counts[table] = counts.get(table, 0) + 1
        return counts

    def wrong_embeddings(self) -> list[int]:
        """Return the row numbers of embeddings of a wrong length, not unit, or not numbers."""
        question = "SELECT rowid, embedding FROM embeddings WHERE model_id = ?"
        return [
            rowid
            for model_id, dimension in self._dimensions()
            for rowid in self._wrong(question, model_id, dimension, STORED_DTYPE)
        ]

    def wrong_texts(self) -> list[tuple[int, str]]:
        """Return model and text of remembered texts whose embedding is no such thing."""
        question = "SELECT text, embedding FROM texts WHERE model_id = ?"
        return [
            (model_id, text)
            for model_id, dimension in self._dimensions()
            for text in self._wrong(question, model_id, dimension, "<f4")
        ]

    def _dimensions(self) -> list[tuple[int, int]]:
        with told(self._path):
            question = "SELECT model_id, dimension FROM models"
            return self._connection.execute(question).fetchall()

    def _wrong(self, question: str, model_id: int, dimension: int, dtype: str) -> Iterator[Any]:
        import numpy as np

        size_bytes = dimension * np.dtype(dtype).itemsize
        with told(self._path):
            rows = self._connection.execute(question, (model_id,))
            while chunk := rows.fetchmany(_CHUNK):
                fitting = [(key, blob) for key, blob in chunk if len(blob) == size_bytes]
                yield from (key for key, blob in chunk if len(blob) != size_bytes)
                data = np.frombuffer(b"".join(blob for _, blob in fitting), dtype=dtype)
                good = _are_unit(data.reshape(len(fitting), dimension).astype(np.float32))
                yield from (
                    key for (key, _), is_good in zip(fitting, good, strict=True) if not is_good
                )

    # Mending, under the indexer's lock.

    def back_up(self) -> Path:
        """Write a copy beside the index and return its place."""
        moment = time.strftime("%Y%m%d-%H%M%S")
        place = self._path.with_name(f"{self._path.name}{REPAIR_MARK}{moment}")
        with told(self._path):
            opening.back_up(self._connection, place)
        return place

    def rebuild_indexes(self) -> None:
        """Make SQLite's own indexes anew from the rows."""
        with told(self._path):
            interruptibly(self._connection, "REINDEX")

    def drop_orphans(self) -> int:
        """Drop rows that refer to rows that are not there; return how many."""
        with told(self._path), transaction(self._connection):
            return sum(
                self._connection.execute(f"DELETE FROM {table} WHERE {condition}").rowcount
                for table, condition in _ORPHANS.items()
            )

    def drop_embeddings(self, rowids: list[int]) -> None:
        """Drop all parts of the pictures of these rows; the next run encodes them anew."""
        keys = [(rowid,) for rowid in rowids]
        with told(self._path), transaction(self._connection):
            self._connection.execute("CREATE TEMP TABLE wrong (rowid_ INTEGER PRIMARY KEY)")
            self._connection.executemany("INSERT INTO temp.wrong VALUES (?)", keys)
            self._connection.execute(
                "DELETE FROM embeddings WHERE (model_id, content_id) IN ("
                "SELECT model_id, content_id FROM embeddings JOIN temp.wrong"
                " ON embeddings.rowid = rowid_)"
            )
            self._connection.execute("DROP TABLE temp.wrong")

    def drop_texts(self, texts: list[tuple[int, str]]) -> None:
        """Drop remembered texts."""
        with told(self._path), transaction(self._connection):
            question = "DELETE FROM texts WHERE model_id = ? AND text = ?"
            self._connection.executemany(question, texts)

    def truncate_log(self) -> None:
        """Move the log into the file and cut it, as far as readers let it."""
        with told(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _are_unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    import numpy as np

    with np.errstate(all="ignore"):
        norms = np.sqrt(np.einsum("nd,nd->n", rows, rows))
    return np.asarray(np.abs(norms - 1.0) < _UNIT_WITHIN)
