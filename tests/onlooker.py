"""A process that looks into an index again and again, and writes down what it saw.

As a program: onlooker.py DATABASE SECONDS writes each path with each digest seen for it as a line
of JSON to stdout, and ends with an error where a look shows anything but one committed state.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from rclip_like.store import Store

_WITHOUT_EMBEDDING = """
    SELECT count(*) FROM files LEFT JOIN embeddings USING (content_id) WHERE embedding IS NULL
"""
_SEEN = "SELECT path, digest FROM files JOIN contents USING (content_id)"
_EMBEDDINGS = """
    SELECT digest, fingerprint, embedding
    FROM embeddings JOIN contents USING (content_id) JOIN models USING (model_id)
"""


class Onlooker:
    """Remembers what the looks before have shown."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()
        self._embeddings: dict[tuple[bytes, str], bytes] = {}

    def look(self, database: Path) -> None:
        """Look into a snapshot of ours and into one of SQLite's own, and compare each in itself."""
        with Store.open(database, create=False) as store, store.snapshot():
            for model_id in range(1, len(store.status().models) + 1):
                chunks = [rowids for rowids, _, _ in store.embeddings(model_id).scan(None)]
                rowids = [int(rowid) for chunk in chunks for rowid in chunk]
                files = store.files(rowids)
                assert len(files) == len(rowids) <= store.count_files()
                assert [file.path for file in files] == sorted(file.path for file in files)
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")
            self._compare(connection)

    def _compare(self, connection: sqlite3.Connection) -> None:
        """Fail where a file has no embedding, or a content another one than before."""
        assert connection.execute(_WITHOUT_EMBEDDING).fetchone() == (0,)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        self.seen |= {
            (os.fsdecode(path), digest.hex()) for path, digest in connection.execute(_SEEN)
        }
        for digest, model, embedding in connection.execute(_EMBEDDINGS):
            assert self._embeddings.setdefault((digest, model), embedding) == embedding


def main(database: str, seconds: str) -> None:
    onlooker, end = Onlooker(), time.monotonic() + float(seconds)
    while time.monotonic() < end:
        if Path(database).exists():
            onlooker.look(Path(database))
        time.sleep(0.01)
    for pair in sorted(onlooker.seen):
        print(json.dumps(pair))


if __name__ == "__main__":
    main(*sys.argv[1:])
