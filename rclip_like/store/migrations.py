"""The numbered steps from an empty file to the current form of the index; frozen once released.

This module alone imports sqlite-utils, and it is imported only when a file is new or behind:
opening a current index costs a query nothing but the standard `sqlite3`.
"""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from rclip_like.store.schema import APPLICATION_ID

migrations = Migrations("clipfind")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every migration that the index behind `connection` has not seen, each whole."""
    migrations.apply(Database(connection))


@migrations(name="0001_first_tables")
def first_tables(db: Database) -> None:
    """Create the tables of the first release."""
    for statement in (*_FIRST_TABLES, _FIRST_VIEW):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")


# Row numbers of files are never used twice (AUTOINCREMENT): a searcher that scanned first and
# asks for the paths later must not be given another file's. Paths are blobs, compared byte by
# byte. `readable` is filled only where the bytes are not UTF-8, for the view.
_FIRST_TABLES = (
    """
    CREATE TABLE models (
        model_id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL UNIQUE,
        preprocessing_version TEXT NOT NULL,
        dimension INTEGER NOT NULL,
        added_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT
    """,
    """
    CREATE TABLE contents (
        content_id INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        size_bytes INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        taken_at TEXT,
        camera TEXT,
        latitude REAL,
        longitude REAL
    ) STRICT
    """,
    "CREATE INDEX contents_size_bytes ON contents (size_bytes)",
    """
    CREATE TABLE roots (
        path BLOB PRIMARY KEY,
        device INTEGER NOT NULL,
        walked_at_ns INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE files (
        file_id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        readable TEXT,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        read_at_ns INTEGER NOT NULL,
        content_id INTEGER NOT NULL REFERENCES contents (content_id)
    ) STRICT
    """,
    "CREATE INDEX files_content_id ON files (content_id)",
    """
    CREATE TABLE embeddings (
        model_id INTEGER NOT NULL REFERENCES models (model_id),
        part INTEGER NOT NULL,
        content_id INTEGER NOT NULL REFERENCES contents (content_id),
        embedding BLOB NOT NULL,
        UNIQUE (model_id, part, content_id)
    ) STRICT
    """,
    """
    CREATE TABLE failures (
        path BLOB PRIMARY KEY,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        read_at_ns INTEGER NOT NULL,
        reader_versions TEXT NOT NULL,
        reason TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE texts (
        model_id INTEGER NOT NULL REFERENCES models (model_id),
        text TEXT NOT NULL,
        embedding BLOB NOT NULL,
        PRIMARY KEY (model_id, text)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

_FIRST_VIEW = """
    CREATE VIEW paths AS
    SELECT
        file_id,
        coalesce(readable, CAST(path AS TEXT)) AS path,
        files.size_bytes AS size_bytes,
        datetime(mtime_ns / 1000000000, 'unixepoch') AS modified_at,
        width, height, taken_at, camera, latitude, longitude,
        lower(hex(digest)) AS digest
    FROM files JOIN contents USING (content_id)
"""
