"""What is written to the index; every function is one transaction, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.store.connection import Connection
from rclip_like.store.rows import (
    STORED_DTYPE,
    Batch,
    ContentRow,
    FailureRow,
    FileRow,
    PathRange,
    Reading,
    row_digest,
    text_mark,
)

if TYPE_CHECKING:
    from rclip_like.values import Embedding

OUTDATED = ""
"""Stands in a reading for a reader that has been mended since."""

MOST_TEXTS = 10_000
"""How many texts of one model are remembered; of 512 numbers they take 20 MB."""


def commit_batch(connection: Connection, model_id: int, batch: Batch) -> None:
    """Write one batch; every file's digest is among its contents or in the index already."""
    with connection.transaction():
        for digest, content in batch.contents.items():
            _add_content(connection, model_id, digest, content)
        for digest, reading in batch.reread.items():
            _put_reading(connection, model_id, digest, reading)
        for file in batch.files:
            _put_file(connection, file)
        for failure in batch.failures:
            _put_failure(connection, failure)
        connection.executemany("DELETE FROM files WHERE path = ?", [(p,) for p in batch.gone])
        connection.executemany("DELETE FROM failures WHERE path = ?", [(p,) for p in batch.gone])
        connection.executemany(
            "UPDATE files SET inode = ?, changed_ns = ?"
            " WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
            [(each.inode, each.changed_ns, *each[:3]) for each in batch.noted],
        )


def _add_content(connection: Connection, model_id: int, digest: bytes, content: ContentRow) -> None:
    _drop_outdated(connection, model_id, digest)
    _put_reading(connection, model_id, digest, content.reading)
    for part, embedding in enumerate((content.embedding, *content.frames)):
        row = embedding.astype(STORED_DTYPE).tobytes()
        added = connection.execute(
            "INSERT INTO embeddings (model_id, part, content_id, embedding, row_digest)"
            " SELECT ?, ?, content_id, ?, ? FROM contents WHERE digest = ? ON CONFLICT DO NOTHING",
            (model_id, part, row, row_digest(row), digest),
        )
        if not added.rowcount:  # the parts of a content come from one encoding of it
            return


def _drop_outdated(connection: Connection, model_id: int, digest: bytes) -> None:
    """Delete the embeddings that an outdated reader made of a content."""
    row = connection.execute(
        "SELECT content_id FROM readings JOIN contents USING (content_id)"
        " WHERE model_id = ? AND digest = ? AND reader = ?",
        (model_id, digest, OUTDATED),
    ).fetchone()
    if row is None:
        return
    question = "DELETE FROM embeddings WHERE model_id = ? AND part = ? AND content_id = ?"
    part = 0
    # Part by part: the index on them begins with model and part.
    while connection.execute(question, (model_id, part, row[0])).rowcount:
        part += 1


def _put_reading(connection: Connection, model_id: int, digest: bytes, reading: Reading) -> None:
    """Write how a content was read, in place of what an earlier reading said."""
    connection.execute(
        "INSERT INTO contents (digest, size_bytes, width, height, taken_at, camera, latitude,"
        " longitude, taken_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
        " SET width = excluded.width, height = excluded.height, taken_at = excluded.taken_at,"
        " camera = excluded.camera, latitude = excluded.latitude, longitude = excluded.longitude,"
        " taken_from = excluded.taken_from",
        (digest, reading.size_bytes, *reading.facts),
    )
    if reading.reader is not None:
        connection.execute(
            "INSERT OR REPLACE INTO readings (model_id, content_id, reader, pixels)"
            " SELECT ?, content_id, ?, ? FROM contents WHERE digest = ?",
            (model_id, reading.reader, reading.pixels, digest),
        )


def _put_file(connection: Connection, file: FileRow) -> None:
    facts = file.facts
    # A row number stands for a path with its content: what is kept beside the index relies on it.
    connection.execute(
        "DELETE FROM files WHERE path = ? AND content_id IS NOT"
        " (SELECT content_id FROM contents WHERE digest = ?)",
        (facts.path, file.digest),
    )
    connection.execute(
        "INSERT INTO files (path, readable, size_bytes, mtime_ns, device, inode, changed_ns,"
        " read_at_ns, content_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?,"
        " (SELECT content_id FROM contents WHERE digest = ?))"
        " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,"
        " mtime_ns = excluded.mtime_ns, device = excluded.device, inode = excluded.inode,"
        " changed_ns = excluded.changed_ns, read_at_ns = excluded.read_at_ns",
        (facts.path, _readable(facts.path), *facts[1:], file.read_at_ns, file.digest),
    )
    connection.execute("DELETE FROM failures WHERE path = ?", (facts.path,))


def _put_failure(connection: Connection, failure: FailureRow) -> None:
    """Remember the failure; what the path held before is no longer there to be found."""
    facts = failure.facts
    connection.execute(
        "INSERT OR REPLACE INTO failures (path, size_bytes, mtime_ns, device, inode, changed_ns,"
        " read_at_ns, reason, reader_versions, code, attempts)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*facts, *failure[1:]),
    )
    connection.execute("DELETE FROM files WHERE path = ?", (facts.path,))


def put_roots(
    connection: Connection,
    devices: Mapping[bytes, int],
    inode_changes: Mapping[bytes, int],
    *,
    walked_at_ns: int,
) -> None:
    """Remember the device that each folder lies on, and in how many runs in a row all of its files
    had new inodes.
    """
    # What a power loss may undo, the next run writes: it need not be synced.
    with connection.setting("synchronous", 1), connection.transaction():
        connection.executemany(
            "INSERT INTO roots (path, device, walked_at_ns) VALUES (?, ?, ?) ON CONFLICT (path)"
            " DO UPDATE SET device = excluded.device, walked_at_ns = excluded.walked_at_ns",
            [(path, device, walked_at_ns) for path, device in devices.items()],
        )
        connection.executemany(
            "UPDATE roots SET inode_changes = ? WHERE path = ?",
            [(number, path) for path, number in inode_changes.items()],
        )


def move_devices(
    connection: Connection, moved: Mapping[int, int], ranges: Sequence[PathRange]
) -> None:
    """Give the rows on devices that were mounted anew (old number -> new) their new number."""
    cases = " ".join("WHEN ? THEN ?" for _ in moved)
    numbers = [number for pair in moved.items() for number in pair]
    marks = ",".join("?" * len(moved))
    with connection.transaction():
        for table in ("files", "failures"):
            connection.executemany(
                f"UPDATE {table} SET device = CASE device {cases} END"
                f" WHERE device IN ({marks}) AND path >= ? AND path < ?",
                [(*numbers, *moved, *one) for one in ranges],
            )


def put_model(connection: Connection, name: str, fingerprint: str, facts: Sequence[object]) -> None:
    """Add the model unless it is there; facts are preprocessing version and dimension."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO models (name, fingerprint, preprocessing_version, dimension)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name",
            (_spelt_out(name), fingerprint, *facts),
        )


def put_setting(connection: Connection, name: str, value: str) -> None:
    """Write one setting of this index."""
    with connection.transaction():
        connection.execute(
            "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value)
        )


def put_new_setting(connection: Connection, name: str) -> bool:
    """Write a setting without a value and return whether it is new; waits for nobody."""
    with connection.setting("busy_timeout", 0), connection.transaction():
        written = connection.execute(
            "INSERT OR IGNORE INTO settings (name, value) VALUES (?, '')", (name,)
        )
        return written.rowcount == 1


def put_text(
    connection: Connection, model_id: int, text: str, unit: Embedding, tokenizer: str
) -> None:
    """Cache a text's embedding without waiting for anybody; raises StoreError at once.

    tokenizer: the version of what made tokens of it. Raises UnicodeEncodeError for a text typed in
    another encoding than UTF-8.
    Where a model has MOST_TEXTS already, a tenth of them is dropped, drawn by chance: noting when
    each was last asked for would make every repeated query a write.
    """
    embedding = unit.astype("<f4").tobytes()
    mark = text_mark(model_id, tokenizer, text, embedding)
    with connection.setting("busy_timeout", 0), connection.transaction():
        question = "SELECT count(*) FROM texts WHERE model_id = ?"
        if connection.execute(question, (model_id,)).fetchone()[0] >= MOST_TEXTS:
            connection.execute(
                "DELETE FROM texts WHERE model_id = ? AND text IN"
                " (SELECT text FROM texts WHERE model_id = ? ORDER BY random() LIMIT ?)",
                (model_id, model_id, max(1, MOST_TEXTS // 10)),
            )
        connection.execute(
            "INSERT OR REPLACE INTO texts (model_id, text, embedding, tokenizer)"
            " VALUES (?, ?, ?, ?)",
            (model_id, text, embedding, mark),
        )


def _readable(path: bytes) -> str | None:
    """Return a spelling for the view where the bytes are no UTF-8."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return _spelt_out(os.fsdecode(path))
    return None


def _spelt_out(text: str) -> str:
    """Return the text with bytes that were no UTF-8 (lone surrogates) as backslash and number."""
    return text.encode("utf-8", "backslashreplace").decode()
