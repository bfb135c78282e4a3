"""What the first two migrations create; frozen once released."""

from __future__ import annotations

# Row numbers of files are never used twice (AUTOINCREMENT): a searcher that scanned first and
# asks for the paths later must not be given another file's. Paths are blobs, compared byte by
# byte. `readable` is filled only where the bytes are not UTF-8, for the view.
FIRST_TABLES = (
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

FIRST_VIEW = """
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

# What a matrix holds of rows up to `last_embedding` and `last_file` stays true while rows are only
# added, or files deleted. Every other change makes it forgotten, whoever writes: by triggers.
MATRICES = """
    CREATE TABLE matrices (
        model_id INTEGER PRIMARY KEY REFERENCES models (model_id) ON DELETE CASCADE,
        rows_name TEXT NOT NULL,
        rows_mtime_ns INTEGER NOT NULL,
        num_rows INTEGER NOT NULL,
        order_name TEXT NOT NULL,
        order_mtime_ns INTEGER NOT NULL,
        schema_version INTEGER NOT NULL,
        last_embedding INTEGER NOT NULL,
        last_file INTEGER NOT NULL,
        num_added INTEGER NOT NULL,
        num_deleted INTEGER NOT NULL
    ) STRICT
"""
MATRIX_TRIGGERS = (
    """
    CREATE TRIGGER matrix_counts_added AFTER INSERT ON embeddings BEGIN
        UPDATE matrices SET num_added = num_added + 1 WHERE model_id = NEW.model_id;
        DELETE FROM matrices WHERE model_id = NEW.model_id AND last_embedding >= NEW.rowid;
    END
    """,
    """
    CREATE TRIGGER matrix_forgets_replaced BEFORE INSERT ON embeddings
    WHEN EXISTS (
        SELECT 1 FROM embeddings WHERE model_id = NEW.model_id AND part = NEW.part
        AND content_id = NEW.content_id
    ) BEGIN DELETE FROM matrices WHERE model_id = NEW.model_id; END
    """,
    """
    CREATE TRIGGER matrix_forgets_changed AFTER UPDATE ON embeddings BEGIN
        DELETE FROM matrices WHERE model_id IN (OLD.model_id, NEW.model_id);
    END
    """,
    """
    CREATE TRIGGER matrix_forgets_deleted AFTER DELETE ON embeddings BEGIN
        DELETE FROM matrices WHERE model_id = OLD.model_id;
    END
    """,
    """
    CREATE TRIGGER matrix_counts_deleted AFTER DELETE ON files BEGIN
        UPDATE matrices SET num_deleted = num_deleted + 1 WHERE last_file >= OLD.file_id;
    END
    """,
    """
    CREATE TRIGGER matrix_forgets_moved AFTER UPDATE ON files
    WHEN OLD.file_id <> NEW.file_id OR OLD.path <> NEW.path OR OLD.content_id <> NEW.content_id
    BEGIN DELETE FROM matrices; END
    """,
    """
    CREATE TRIGGER matrix_forgets_numbered AFTER INSERT ON files
    WHEN NEW.file_id <= (SELECT max(last_file) FROM matrices)
    BEGIN DELETE FROM matrices; END
    """,
)
