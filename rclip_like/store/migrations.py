"""The numbered steps from an empty file to the current form of the index; frozen once released.

This module alone imports sqlite-utils, and it is imported only when a file is new or behind:
opening a current index costs a query nothing but the standard `sqlite3`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from rclip_like.store.first_tables import FIRST_TABLES, FIRST_VIEW, MATRICES, MATRIX_TRIGGERS
from rclip_like.store.schema import APPLICATION_ID

migrations = Migrations("clipfind")


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every migration that the index behind `connection` has not seen, each whole."""
    migrations.apply(Database(connection))


@migrations(name="0001_first_tables")
def first_tables(db: Database) -> None:
    """Create the tables of the first release."""
    for statement in (*FIRST_TABLES, FIRST_VIEW):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")


@migrations(name="0002_matrices")
def matrices(db: Database) -> None:
    """Create the table that says which files beside the index may be trusted, and how far."""
    for statement in (MATRICES, *MATRIX_TRIGGERS):
        db.execute(statement)
    db.execute("PRAGMA user_version = 2")


@migrations(name="0003_what_made_a_row")
def what_made_a_row(db: Database) -> None:
    """Add what tells whether a file, a reading or a remembered text is still what it was."""
    for statement in (*_NEW_COLUMNS, _READINGS, _READINGS_OF_MENDED_FORMATS, *_DIGESTS):
        db.execute(statement)
    db.execute("PRAGMA user_version = 3")


@migrations(name="0004_facts_are_found")
def facts_are_found(db: Database) -> None:
    """Index what filters ask for, so that a filter reads no more than what it asks about."""
    _extend_beside_matrices(db, _INDEXES_OF_FACTS)
    db.execute("PRAGMA user_version = 4")


@migrations(name="0005_hidden_pictures")
def hidden_pictures(db: Database) -> None:
    """Create the list of pictures that nobody wants to see again."""
    _extend_beside_matrices(db, [_HIDDEN])
    db.execute("PRAGMA user_version = 5")


@migrations(name="0006_positions_are_found")
def positions_are_found(db: Database) -> None:
    """Index where pictures were taken; those without a position take no room there."""
    _extend_beside_matrices(db, [_INDEX_OF_POSITIONS])
    db.execute("PRAGMA user_version = 6")


@migrations(name="0007_words")
def words(db: Database) -> None:
    """Create the tables of what is written in and beside pictures, and of the folders' names."""
    _extend_beside_matrices(db, _WORDS)
    db.execute("PRAGMA user_version = 7")


@migrations(name="0008_places")
def places(db: Database) -> None:
    """Create the list of places in which pictures were taken, and index who was where."""
    _extend_beside_matrices(db, _PLACES)
    db.execute("PRAGMA user_version = 8")


@migrations(name="0009_saved_searches")
def saved_searches(db: Database) -> None:
    """Create the list of searches that were given a name."""
    _extend_beside_matrices(db, [_SAVED])
    db.execute("PRAGMA user_version = 9")


@migrations(name="0010_names")
def names(db: Database) -> None:
    """Create the list of names that stand for pictures, and their rows for each model."""
    _extend_beside_matrices(db, _NAMES)
    db.execute("PRAGMA user_version = 10")


@migrations(name="0011_frames")
def frames(db: Database) -> None:
    """Create the list of when the frames come that stand for videos."""
    _extend_beside_matrices(db, [_FRAMES])
    db.execute("PRAGMA user_version = 11")


def _extend_beside_matrices(db: Database, statements: Sequence[str]) -> None:
    """Add what no matrix speaks of: each names the form of the index, and stays true."""
    (before,) = db.execute("PRAGMA schema_version").fetchone()
    for statement in statements:
        db.execute(statement)
    (after,) = db.execute("PRAGMA schema_version").fetchone()
    db.execute("UPDATE matrices SET schema_version = ? WHERE schema_version = ?", (after, before))


_NEW_COLUMNS = (
    "ALTER TABLE files ADD COLUMN changed_ns INTEGER",
    "ALTER TABLE failures ADD COLUMN changed_ns INTEGER",
    "ALTER TABLE failures ADD COLUMN code TEXT",
    "ALTER TABLE failures ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE contents ADD COLUMN taken_from TEXT",
    "ALTER TABLE roots ADD COLUMN inode_changes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE texts ADD COLUMN tokenizer TEXT",
)

# Which version of which format's reader made the pixels that an embedding is of, and the digest of
# those pixels. An embedding without such a row comes from before and counts as current.
_READINGS = """
    CREATE TABLE readings (
        model_id INTEGER NOT NULL REFERENCES models (model_id) ON DELETE CASCADE,
        content_id INTEGER NOT NULL REFERENCES contents (content_id) ON DELETE CASCADE,
        reader TEXT NOT NULL,
        pixels BLOB,
        PRIMARY KEY (model_id, content_id)
    ) STRICT, WITHOUT ROWID
"""

# The readers of these formats were mended together with this form of the index. What format a
# content has was not noted: the ending of a name tells it, and a content without files may be any.
_READINGS_OF_MENDED_FORMATS = """
    INSERT INTO readings
    SELECT model_id, content_id, 'an earlier version', NULL FROM embeddings
    WHERE part = 0 AND (
        content_id NOT IN (SELECT content_id FROM files)
        OR content_id IN (
            SELECT content_id FROM files
            WHERE lower(CAST(substr(path, -4) AS TEXT))
                IN ('.bmp', '.dib', '.ico', '.tga', '.tif', '.png', '.hif')
            OR lower(CAST(substr(path, -5) AS TEXT)) IN ('.tiff', '.apng', '.heic', '.heif')
        )
    )
"""

# What is written has a digest, so that damage of the disk does not pass for it: each embedding
# beside it (an older row has none until `doctor --repair` or `index --verify` has looked at it),
# and each block of a matrix's two files, with when it was last found as it was written.
_DIGESTS = (
    "ALTER TABLE embeddings ADD COLUMN row_digest BLOB",
    "DROP TRIGGER matrix_forgets_changed",
    """
    CREATE TRIGGER matrix_forgets_changed
    AFTER UPDATE OF model_id, part, content_id, embedding ON embeddings BEGIN
        DELETE FROM matrices WHERE model_id IN (OLD.model_id, NEW.model_id);
    END
    """,
    """
    CREATE TABLE matrix_blocks (
        model_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        start INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        digest BLOB NOT NULL,
        checked_at_ns INTEGER NOT NULL,
        PRIMARY KEY (model_id, name, start)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER matrix_blocks_are_forgotten AFTER DELETE ON matrices BEGIN
        DELETE FROM matrix_blocks WHERE model_id = OLD.model_id;
    END
    """,
)

# Each holds all that a filter asks for, so that no content is looked up to refuse it.
_INDEXES_OF_FACTS = (
    "CREATE INDEX contents_taken_at ON contents (taken_at, camera, width, height)",
    "CREATE INDEX contents_camera ON contents (camera COLLATE NOCASE, taken_at, width, height)",
)

# By content, and without a reference to `contents`: a picture that is dropped from the index and
# indexed again is still not to be shown.
_HIDDEN = """
    CREATE TABLE hidden (
        digest BLOB PRIMARY KEY,
        hidden_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT, WITHOUT ROWID
"""

_INDEX_OF_POSITIONS = (
    "CREATE INDEX contents_position ON contents (latitude, longitude) WHERE latitude IS NOT NULL"
)

# Numbers are never used twice: the full-text index names a row by its number, and may still have
# words of one that is gone. `words_version` is that of what read a content's captions and keywords.
_WORDS = (
    "ALTER TABLE contents ADD COLUMN words_version INTEGER",
    "CREATE INDEX contents_without_words ON contents (content_id) WHERE words_version IS NULL",
    """
    CREATE TABLE words (
        word_id INTEGER PRIMARY KEY AUTOINCREMENT,
        content_id INTEGER NOT NULL REFERENCES contents (content_id) ON DELETE CASCADE,
        source TEXT NOT NULL,
        made_by TEXT NOT NULL,
        text TEXT NOT NULL,
        UNIQUE (content_id, source)
    ) STRICT
    """,
    """
    CREATE TABLE sidecars (
        sidecar_id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        size_bytes INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        caption TEXT NOT NULL,
        keywords TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE folders (
        folder_id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE
    ) STRICT
    """,
)

# `place_id` is NULL where nobody has looked a position up, and 0 where no place is near it.
_PLACES = (
    """
    CREATE TABLE places (
        place_id INTEGER PRIMARY KEY,
        country_code TEXT NOT NULL,
        country TEXT NOT NULL,
        state TEXT NOT NULL,
        county TEXT NOT NULL,
        town TEXT NOT NULL,
        UNIQUE (country_code, country, state, county, town)
    ) STRICT
    """,
    "ALTER TABLE contents ADD COLUMN place_id INTEGER",
    "CREATE INDEX contents_place ON contents (place_id, taken_at, camera, width, height)"
    " WHERE place_id IS NOT NULL",
    "CREATE INDEX contents_without_place ON contents (content_id)"
    " WHERE place_id IS NULL AND latitude IS NOT NULL",
)

# `arguments` are the words of a command line after `search`, as a JSON list, and `seen` says which
# contents the search has shown as new: the beginnings of their digests, those matched last first.
_SAVED = """
    CREATE TABLE saved (
        name TEXT NOT NULL PRIMARY KEY,
        arguments TEXT NOT NULL,
        saved_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
        seen BLOB
    ) STRICT
"""

# `digests` are those of the contents, one behind the other. They refer to none, and a row names its
# model by the fingerprint: a name stays when pictures or a model are dropped from the index.
_NAMES = (
    """
    CREATE TABLE names (
        name TEXT NOT NULL PRIMARY KEY,
        digests BLOB NOT NULL,
        made_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT
    """,
    """
    CREATE TABLE name_rows (
        name TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        model TEXT NOT NULL,
        method TEXT NOT NULL,
        embedding BLOB NOT NULL,
        row_digest BLOB NOT NULL,
        PRIMARY KEY (name, fingerprint)
    ) STRICT, WITHOUT ROWID
    """,
)

# `part` is that of the frame's embedding; the second counts from the start of the video.
_FRAMES = """
    CREATE TABLE frames (
        content_id INTEGER NOT NULL REFERENCES contents (content_id) ON DELETE CASCADE,
        part INTEGER NOT NULL,
        second REAL NOT NULL,
        PRIMARY KEY (content_id, part)
    ) STRICT, WITHOUT ROWID
"""
