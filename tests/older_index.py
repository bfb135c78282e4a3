"""Indexes of every older form, and a next migration to bring them up with.

As a program: older_index.py DATABASE HOW opens an index with one migration more than there is.
HOW is "whole", "hang", which stops within that migration, or "tell", which prints what is wrong.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from rclip_like.errors import StoreError
from rclip_like.store import Store, migrations, opening
from rclip_like.store.schema import PAGE_SIZE_BYTES, VERSION

NEXT = VERSION + 1
ROWS = 500

# In the first form; every later one must take it along.
_FILL = (
    "INSERT INTO models VALUES (1, 'tiny', 'ffff', '1', 8, '2026-01-01')",
    f"""INSERT INTO contents (digest, size_bytes, width, height)
        SELECT randomblob(32), 7, 4, 3 FROM generate_series(1, {ROWS})""",
    """INSERT INTO files (path, size_bytes, mtime_ns, device, inode, read_at_ns, content_id)
        SELECT CAST('/' || content_id AS BLOB), 7, 1, 1, content_id, 2, content_id FROM contents""",
    "INSERT INTO embeddings SELECT 1, 0, content_id, randomblob(1024) FROM contents",
)
_NUMBERS = (
    "WITH RECURSIVE numbers (value) AS"
    f" (SELECT 1 UNION ALL SELECT value + 1 FROM numbers WHERE value < {ROWS})"
)


def make_older(path: Path, version: int) -> None:
    """Write an index as clipfind made it when it knew that many migrations."""
    known = Migrations("clipfind")
    known._migrations = migrations.migrations._migrations[:1]
    later = Migrations("clipfind")
    later._migrations = migrations.migrations._migrations[:version]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE_BYTES}")
        known.apply(Database(connection))
        for statement in _FILL:
            series = f"({_NUMBERS} SELECT value FROM numbers)"
            connection.execute(statement.replace(f"generate_series(1, {ROWS})", series))
        later.apply(Database(connection))
        connection.execute("PRAGMA journal_mode = WAL")


def make_as_before(path: Path, *, version: int) -> None:
    """Turn a closed index of today into one as that version made it, with all its rows."""
    older = path.with_name("older.db")
    make_older(older, version)
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("ATTACH ? AS today", (str(path),))
        for table in ("embeddings", "files", "contents", "models"):
            connection.execute(f"DELETE FROM main.{table}")
        for table in ("models", "contents", "files", "embeddings", "failures", "roots"):
            names = [row[1] for row in connection.execute(f"PRAGMA main.table_info({table})")]
            columns = ", ".join(names)
            connection.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM today.{table}"
            )
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    older.replace(path)


def one_more(within: Callable[[], None] = lambda: None) -> Migrations:
    """Return the migrations with a further one, which calls `within` in its midst."""
    more = Migrations("clipfind")
    more._migrations = list(migrations.migrations._migrations)

    @more(name=f"{NEXT:04}_a_further_form")
    def further_form(db: Database) -> None:
        db.execute("ALTER TABLE contents ADD COLUMN a_further_fact TEXT")
        db.execute("UPDATE contents SET a_further_fact = 'known'")
        within()
        db.execute(f"PRAGMA user_version = {NEXT}")

    return more


def version_of(path: Path) -> int:
    """Return the version of an index, looked at in SQLite alone."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _hang() -> None:
    print("within", flush=True)
    time.sleep(60)


def main(database: str, how: str) -> None:
    migrations.migrations, opening.VERSION = one_more(_hang if how == "hang" else print), NEXT
    try:
        Store.open(Path(database), create=True).close()
    except StoreError as error:
        if how != "tell":
            raise
        print(error)


if __name__ == "__main__":
    main(*sys.argv[1:])
