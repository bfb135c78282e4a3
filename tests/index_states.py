"""What an index holds, looked at without touching it, and two of them held against each other."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rclip_like.search.scoring import pages, score_all
from rclip_like.store import Store

State = dict[tuple[bytes, str], tuple[tuple[object, ...], np.ndarray]]
"""By path and model: the facts of the file and of its content, and the embedding, float32."""

_ROWS = """
    SELECT path, fingerprint, files.size_bytes, mtime_ns, device, inode, digest,
        contents.size_bytes, width, height, taken_at, camera, latitude, longitude, embedding
    FROM files JOIN contents USING (content_id) JOIN embeddings USING (content_id)
        JOIN models USING (model_id)
    ORDER BY path, model_id
"""


@contextmanager
def copied(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of an index: one that was killed is left for the next run to mend."""
    with TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        for suffix in ("", "-wal", "-journal"):
            if Path(f"{database}{suffix}").exists():
                shutil.copyfile(f"{database}{suffix}", f"{copy}{suffix}")
        with closing(sqlite3.connect(copy)) as connection:
            yield connection


def integrity(database: Path) -> str:
    """Return what SQLite finds wrong with an index, "ok" for nothing."""
    with copied(database) as connection:
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
        found: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return f"dangling: {dangling}" if dangling else found


def state_of(database: Path) -> State:
    """Return what is committed; an index that is not made yet holds nothing."""
    if not database.exists():
        return {}
    with copied(database) as connection:
        return {
            (path, model): (tuple(facts), np.frombuffer(embedding, "<f2").astype(np.float32))
            for path, model, *facts, embedding in connection.execute(_ROWS)
        }


def paths_in(state: State) -> list[str]:
    """Return the paths of the files in a state, in order."""
    return sorted({os.fsdecode(path) for path, _ in state})


def assert_same(one: State, other: State) -> None:
    """Fail unless both hold the same files with the same facts and embeddings."""
    assert one.keys() == other.keys()
    for key, (facts, row) in one.items():
        facts_there, row_there = other[key]
        assert facts == facts_there
        assert row @ row_there / np.linalg.norm(row) / np.linalg.norm(row_there) >= 0.99999


def ranked_both_ways(store: Store) -> tuple[bool, list[int], list[int]]:
    """Return whether there is a matrix, and the row numbers best first by it and by the rows."""
    dimension = store.connection.execute("SELECT max(dimension) FROM models").fetchone()[0] or 1
    query = np.eye(dimension, dtype=np.float32)[0]
    with store.snapshot():
        selection = store.select(1, None)
        by_matrix, by_rows = (
            [
                file.rowid
                for page in pages(selection, score_all(selection, query, by_rows=by_rows))
                for file, _ in page
            ]
            for by_rows in (False, True)
        )
        return selection.matrix is not None, by_matrix, by_rows
