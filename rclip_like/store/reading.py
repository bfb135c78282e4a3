"""What is asked of the rows, each question one function over a connection; without NumPy."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_like.store.connection import Connection
from rclip_like.store.read_ahead import ReadAhead
from rclip_like.store.rows import SETTLED, FailureRow, KnownRow, PathRange, StoredFile
from rclip_like.store.writing import OUTDATED
from rclip_like.values import FileFacts, PictureFacts

if TYPE_CHECKING:
    from rclip_like.store.embeddings import Rowids

_KNOWN_PAGE = 4096
_PAGES_BEFORE_AHEAD = 2
"""To walk past one takes as long as a process needs to start; of fewer it spares nothing."""
_ROWIDS_A_QUESTION = 500
_SAME_SIZE_MOST = 64


def rows(connection: Connection, rowids: Sequence[int] | Rowids) -> list[StoredFile]:
    """Return the files with these row numbers, in the order asked; those gone are left out."""
    found: dict[int, StoredFile] = {}
    for first in range(0, len(rowids), _ROWIDS_A_QUESTION):
        some = [int(rowid) for rowid in rowids[first : first + _ROWIDS_A_QUESTION]]
        marks = ",".join("?" * len(some))
        found |= {
            row[0]: _stored_file(row)
            for row in connection.execute(
                "SELECT file_id, path, files.size_bytes, mtime_ns, device, inode, changed_ns,"
                " content_id, digest, width, height, taken_at, camera, latitude, longitude,"
                " taken_from"
                f" FROM files JOIN contents USING (content_id) WHERE file_id IN ({marks})",
                some,
            )
        }
    return [found[int(rowid)] for rowid in rowids if int(rowid) in found]


def known_pages(
    connection: Connection,
    model_id: int,
    ranges: Sequence[PathRange],
    read_since_ns: int,
    path: Path,
) -> Generator[list[KnownRow], None, None]:
    """Yield what is remembered of the paths in these ranges, ascending by path bytes.

    Files that were not read since then are not settled.
    A page at a time, each its own short look: a long one would keep the write-ahead log growing
    while the walk takes minutes. What is written meanwhile behind the last page is not seen.
    Where there are many, another process reads ahead what follows the first pages, so not what
    this connection has written and not committed.

    path: of the file that is connected to.
    """
    values = (read_since_ns, model_id)
    for start, end in ranges:
        after, num_pages = start, 0
        while page := connection.execute(_KNOWN, (*values, after, end, after, end)).fetchall():
            after, num_pages = _behind(page), num_pages + 1
            if num_pages != _PAGES_BEFORE_AHEAD or len(page) < _KNOWN_PAGE:
                yield page
                continue
            with closing(ReadAhead(path, _KNOWN, values, after, end)) as feeder:
                yield page  # while that starts
                for read_ahead in feeder.pages():
                    yield read_ahead
                    after = _behind(read_ahead)


def _behind(page: list[KnownRow]) -> bytes:
    """Return the first path that could follow."""
    return page[-1][0] + b"\0"


_KNOWN = f"""
    SELECT path, size_bytes, mtime_ns, device,
        CASE WHEN part IS NOT NULL AND {SETTLED} AND read_at_ns >= ? THEN inode END, changed_ns
    FROM files LEFT JOIN embeddings
        ON model_id = ? AND part = 0 AND embeddings.content_id = files.content_id
    WHERE path >= ? AND path < ?
    UNION ALL
    SELECT path, size_bytes, mtime_ns, device, NULL, NULL FROM failures
    WHERE path >= ? AND path < ?
    ORDER BY path LIMIT {_KNOWN_PAGE}
"""


_IS_CURRENT = (
    "NOT EXISTS (SELECT 1 FROM readings WHERE readings.model_id = embeddings.model_id"
    f" AND readings.content_id = embeddings.content_id AND reader = '{OUTDATED}')"
)


def digests_of_size(connection: Connection, model_id: int, size_bytes: int) -> tuple[bytes, ...]:
    """Return the digests of contents of this size that the model has encoded.

    None at all when there are many, as with a folder of uncompressed pictures: sending them all
    along with each file would cost more than decoding it.
    """
    found = connection.execute(
        # CROSS JOIN keeps the planner from reading all that the model has.
        "SELECT digest FROM contents CROSS JOIN embeddings USING (content_id)"
        f" WHERE size_bytes = ? AND model_id = ? AND part = 0 AND {_IS_CURRENT} LIMIT ?",
        (size_bytes, model_id, _SAME_SIZE_MOST + 1),
    ).fetchall()
    return tuple(digest for (digest,) in found) if len(found) <= _SAME_SIZE_MOST else ()


def is_encoded(connection: Connection, model_id: int, digest: bytes) -> bool:
    """Return whether the model has encoded the content with this digest, from today's readers."""
    question = (
        "SELECT 1 FROM contents JOIN embeddings USING (content_id)"
        f" WHERE digest = ? AND model_id = ? AND part = 0 AND {_IS_CURRENT}"
    )
    return connection.execute(question, (digest, model_id)).fetchone() is not None


def stored_digest(connection: Connection, facts: FileFacts) -> bytes | None:
    """Return the digest that the file had when it was read, if it has not changed by its facts."""
    row = connection.execute(
        "SELECT digest FROM files JOIN contents USING (content_id)"
        " WHERE path = ? AND files.size_bytes = ? AND mtime_ns = ?",
        (facts.path, facts.size_bytes, facts.mtime_ns),
    ).fetchone()
    return None if row is None else bytes(row[0])


def is_encoded_by_another(connection: Connection, model_id: int, facts: FileFacts) -> bool:
    """Return whether another model has encoded this file as it is now, from today's readers."""
    question = (
        "SELECT 1 FROM files, models WHERE path = ? AND size_bytes = ? AND mtime_ns = ?"
        " AND inode = ? AND coalesce(changed_ns, ?) = ? AND model_id <> ? AND EXISTS"
        " (SELECT 1 FROM embeddings WHERE embeddings.model_id = models.model_id AND part = 0"
        f" AND embeddings.content_id = files.content_id AND {_IS_CURRENT})"
    )
    values = (facts.path, facts.size_bytes, facts.mtime_ns, facts.inode)
    times = (facts.changed_ns, facts.changed_ns)
    return connection.execute(question, (*values, *times, model_id)).fetchone() is not None


def inode_changes(connection: Connection) -> dict[bytes, int]:
    """Return, by walked folder, in how many runs in a row all of its files had new inodes."""
    question = "SELECT path, inode_changes FROM roots WHERE inode_changes > 0"
    return dict(connection.execute(question).fetchall())


def failure_of(connection: Connection, facts: FileFacts, *, settled: bool) -> FailureRow | None:
    """Return why this file, as it is now, could not be read before; None if it never failed.

    settled: only where the clock's grain leaves no doubt that the file is as it was.
    """
    row = connection.execute(
        "SELECT read_at_ns, reason, reader_versions, code, attempts FROM failures"
        " WHERE path = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ?"
        f" AND coalesce(changed_ns, ?) = ? AND ({SETTLED} OR NOT ?)",
        (facts.path, facts.size_bytes, facts.mtime_ns, facts.inode)
        + (facts.changed_ns, facts.changed_ns, settled),
    ).fetchone()
    return None if row is None else FailureRow(facts, *row)


def _stored_file(row: tuple[Any, ...]) -> StoredFile:
    return StoredFile._make((*row[:9], PictureFacts(*row[9:])))
