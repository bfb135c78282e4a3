"""What the index is asked, each question a method over one connection; without NumPy."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from rclip_like.errors import StoreError
from rclip_like.places import Place
from rclip_like.settings import Filters
from rclip_like.store.connection import Connection
from rclip_like.store.read_ahead import ReadAhead
from rclip_like.store.rows import (
    OUTDATED,
    SETTLED,
    UNCHANGED,
    FailureRow,
    IndexedFacts,
    PathRange,
    StoredFile,
    WalkedRoot,
    ranges_of,
    unchanged_values,
)
from rclip_like.store.schema import HIDDEN_SINCE, PLACES_SINCE
from rclip_like.values import RAW_EXTENSIONS, FileFacts, NameGlobs, PictureFacts, Root

if TYPE_CHECKING:
    from rclip_like.reports import StatusReport
    from rclip_like.store.embeddings import ModelEmbeddings, Rowids
    from rclip_like.store.hidden import Hidden
    from rclip_like.store.selection import Selection
    from rclip_like.store.words import Words

_PAGE = 4096
_PAGES_BEFORE_AHEAD = 2
"""Reading ahead spares nothing for fewer: walking a page takes as long as starting a process."""
_ROWIDS_A_QUESTION = 500
_SAME_SIZE_MOST = 64

_FACTS = f"""
    SELECT path, size_bytes, mtime_ns, device,
        CASE WHEN part IS NOT NULL AND {SETTLED} AND read_at_ns >= ? THEN inode END
        AS settled_inode, changed_ns
    FROM files LEFT JOIN embeddings
        ON model_id = ? AND part = 0 AND embeddings.content_id = files.content_id
    WHERE path >= ? AND path < ?
    UNION ALL
    SELECT path, size_bytes, mtime_ns, device, NULL, NULL FROM failures
    WHERE path >= ? AND path < ?
    ORDER BY path LIMIT {_PAGE}
"""
IS_CURRENT = (
    "NOT EXISTS (SELECT 1 FROM readings WHERE readings.model_id = embeddings.model_id"
    f" AND readings.content_id = embeddings.content_id AND reader = '{OUTDATED}')"
)
"""In SQL, whether no reader of the content has been mended since it was embedded."""


def file_columns(connection: Connection) -> str:
    """Return the columns of `files` and `contents` that `stored_file` takes."""
    is_hidden = "EXISTS (SELECT 1 FROM hidden WHERE hidden.digest = contents.digest)"
    names = " || char(10) || ".join(Place._fields)
    place = f"(SELECT {names} FROM places WHERE places.place_id = contents.place_id)"
    return (
        "file_id, path, files.size_bytes, mtime_ns, device, inode, changed_ns, files.content_id,"
        f" contents.digest, {is_hidden if connection.version >= HIDDEN_SINCE else 0},"
        " width, height, taken_at, camera, latitude, longitude, taken_from,"
        f" {place if connection.version >= PLACES_SINCE else 'NULL'}"
    )


def stored_file(row: Sequence[Any]) -> StoredFile:
    """Return a row of `file_columns` as a value."""
    *values, place = row[10:]
    values.append(None if place is None else Place(*place.split("\n", len(Place._fields) - 1)))
    facts = PictureFacts(*values)
    position = facts.latitude, facts.longitude
    if any(degrees is not None and not math.isfinite(degrees) for degrees in position):
        facts = facts._replace(latitude=None, longitude=None)  # which JSON cannot say
    return StoredFile._make((*row[:9], bool(row[9]), facts))


def parts_of(connection: Connection, model_id: int) -> Iterator[int]:
    """Yield the part numbers among a model's embeddings, ascending.

    Each is one step in the index, which begins with model and part; DISTINCT would read all of it.
    """
    question = "SELECT min(part) FROM embeddings WHERE model_id = ? AND part > ?"
    part = -1
    while (part := connection.execute(question, (model_id, part)).fetchone()[0]) is not None:
        yield part


def dimension_of(connection: Connection, model_id: int) -> int:
    """Return the length of the model's embeddings."""
    question = "SELECT dimension FROM models WHERE model_id = ?"
    return int(connection.execute(question, (model_id,)).fetchone()[0])


class Reader:
    """The rows of one index. Every method raises StoreError when the file or its disk fails."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @property
    def state(self) -> tuple[Connection, int, int]:
        """What is equal for as long as nobody writes; of one connection, which others differ from.

        Within a snapshot it is the state that the snapshot shows.
        """
        question = "SELECT data_version, total_changes() FROM pragma_data_version"
        return (self.connection, *self.connection.execute(question).fetchone())

    # Models, and what is remembered for the user.

    def model_id(self, fingerprint: str) -> int | None:
        """Return the number of the model with this fingerprint, None if it never indexed."""
        question = "SELECT model_id FROM models WHERE fingerprint = ?"
        row = self.connection.execute(question, (fingerprint,)).fetchone()
        return None if row is None else int(row[0])

    def models(self) -> list[tuple[int, str, str]]:
        """Return number, name and fingerprint of each model that has encoded anything."""
        question = "SELECT model_id, name, fingerprint FROM models ORDER BY model_id"
        return self.connection.execute(question).fetchall()

    def described_model(self, fingerprint: str) -> tuple[str, str, str, int] | None:
        """Return name, fingerprint, preprocessing version and dimension, None if not indexed."""
        columns = "name, fingerprint, preprocessing_version, dimension"
        question = f"SELECT {columns} FROM models WHERE fingerprint = ?"
        row: tuple[str, str, str, int] | None
        row = self.connection.execute(question, (fingerprint,)).fetchone()
        return row

    def embeddings(self, model_id: int) -> ModelEmbeddings:
        """Return what the model has encoded, pictures and texts."""
        from rclip_like.store.embeddings import ModelEmbeddings

        return ModelEmbeddings(self.connection, model_id)

    def setting(self, name: str) -> str | None:
        """Return one setting of this index, None where it was never set."""
        question = "SELECT value FROM settings WHERE name = ?"
        row = self.connection.execute(question, (name,)).fetchone()
        return None if row is None else str(row[0])

    def put_setting(self, name: str, value: str) -> None:
        """Write one setting of this index."""
        statement = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)"
        with self.connection.transaction():
            self.connection.execute(statement, (name, value))

    def is_first_time(self, hint: str) -> bool:
        """Return whether `hint` was never asked about, and remember that it was.

        Waits for nobody. Where the file refuses it, it was not the first time.
        """
        statement = "INSERT OR IGNORE INTO settings (name, value) VALUES (?, '')"
        try:
            with self.connection.setting("busy_timeout", 0), self.connection.transaction():
                return self.connection.execute(statement, (f"told {hint}",)).rowcount == 1
        except StoreError:
            return False

    @property
    def hidden(self) -> Hidden:
        """The pictures of this index that nobody wants to see again."""
        from rclip_like.store.hidden import Hidden

        return Hidden(self.connection)

    @property
    def words(self) -> Words:
        """What is written in and beside the pictures of this index, and their names."""
        from rclip_like.store.words import Words

        return Words(self.connection)

    # Files and folders.

    def select(
        self,
        model_id: int,
        roots: Sequence[Root] | None,
        filters: Filters = Filters(),  # noqa: B008 - a frozen value
        globs: NameGlobs = NameGlobs(),  # noqa: B008
    ) -> Selection:
        """Return the pictures under the roots (None: all) that the model has encoded and that pass.

        To be asked and used within one `snapshot`.
        """
        from rclip_like.store.selection import Selection

        return Selection(self, model_id, roots, filters, globs)

    def files(
        self, rowids: Sequence[int] | Rowids, where: str = "", values: Sequence[object] = ()
    ) -> list[StoredFile]:
        """Return the files with these row numbers in the order asked; those gone are left out.

        where, values: what is asked besides of columns of `files` and `contents`, after an AND.
        """
        found: dict[int, StoredFile] = {}
        columns = file_columns(self.connection)
        for first in range(0, len(rowids), _ROWIDS_A_QUESTION):
            some = [int(rowid) for rowid in rowids[first : first + _ROWIDS_A_QUESTION]]
            rows = self.connection.execute(
                # CROSS JOIN keeps the planner from reading an index of `contents` for all of it.
                f"SELECT {columns} FROM files CROSS JOIN contents USING (content_id)"
                f" WHERE file_id IN ({','.join('?' * len(some))}){where}",
                (*some, *values),
            )
            found |= {row[0]: stored_file(row) for row in rows}
        return [found[int(rowid)] for rowid in rowids if int(rowid) in found]

    def rowids(self) -> list[int]:
        """Return the row numbers of all indexed files, ascending by path bytes."""
        rows = self.connection.execute("SELECT file_id FROM files ORDER BY path")
        return [rowid for (rowid,) in rows]

    def count_files(self, roots: Sequence[Root] | None = None) -> int:
        """Return how many files are indexed under the roots (None: everywhere)."""
        return sum(map(self.count_in_range, ranges_of(roots)))

    def count_in_range(self, one: PathRange) -> int:
        """Return how many files lie in a range of paths."""
        question = "SELECT count(*) FROM files WHERE path >= ? AND path < ?"
        return int(self.connection.execute(question, one).fetchone()[0])

    def count_undated(self, roots: Sequence[Root] | None) -> int:
        """Return how many files under the roots (None: all) have a picture without a date."""
        return sum(map(self.count_undated_in_range, ranges_of(roots)))

    def count_undated_in_range(self, one: PathRange) -> int:
        """Return how many files in a range of paths have a picture without a date."""
        question = (
            "SELECT count(*) FROM contents CROSS JOIN files USING (content_id)"
            " WHERE taken_at IS NULL AND path >= ? AND path < ?"
        )
        return int(self.connection.execute(question, one).fetchone()[0])

    def has_any(self, roots: Sequence[Root]) -> bool:
        """Return whether any file, unreadable one or walked folder lies under the roots."""
        ranges = ranges_of(roots)
        question = (
            "SELECT EXISTS (SELECT 1 FROM files WHERE path >= ? AND path < ?)"
            " OR EXISTS (SELECT 1 FROM failures WHERE path >= ? AND path < ?)"
        )
        return any(
            self.connection.execute(question, (*one, *one)).fetchone()[0] for one in ranges
        ) or any(root.lies_in(ranges) for root in self.walked_roots())

    def raw_files(self, roots: Sequence[Root] | None = None) -> Iterator[bytes]:
        """Yield the paths of cameras' raw files that are indexed under the roots, ascending."""
        endings = sorted(ending.decode() for ending in RAW_EXTENSIONS)
        question = (
            "SELECT path FROM files WHERE path >= ? AND path < ?"
            f" AND lower(CAST(substr(path, -4) AS TEXT)) IN ({','.join('?' * len(endings))})"
            " ORDER BY path"
        )
        for one in ranges_of(roots):
            yield from (path for (path,) in self.connection.execute(question, (*one, *endings)))

    def walked_roots(self) -> list[WalkedRoot]:
        """Return the folders that were roots of a walk, there or not, ascending."""
        question = "SELECT path, device, walked_at_ns FROM roots"
        roots = [WalkedRoot(*row) for row in self.connection.execute(question)]
        return sorted(roots, key=lambda root: root.extent)

    def walked_root(self, path: bytes) -> WalkedRoot | None:
        """Return what is remembered of a walked folder, None if it never was a root."""
        question = "SELECT path, device, walked_at_ns FROM roots WHERE path = ?"
        row = self.connection.execute(question, (path,)).fetchone()
        return None if row is None else WalkedRoot(*row)

    def inode_changes(self) -> dict[bytes, int]:
        """Return, by walked folder, in how many runs in a row all of its files had new inodes."""
        question = "SELECT path, inode_changes FROM roots WHERE inode_changes > 0"
        return dict(self.connection.execute(question).fetchall())

    def status(self, roots: Sequence[Root] | None = None) -> StatusReport:
        """Return what is indexed under the roots; sizes and models are the whole index's."""
        from rclip_like.store.status import status

        return status(self, ranges_of(roots))

    # Questions of an indexing run.

    def indexed_facts(
        self, model_id: int, roots: Sequence[Root] | None, *, read_since_ns: int = 0
    ) -> Generator[list[IndexedFacts], None, None]:
        """Yield what is remembered of files and failures under the roots, ascending by path.

        Files that were not read since `read_since_ns` are not settled. In pages, each its own
        short look: a long one would keep the write-ahead log growing while the walk takes minutes.
        What is written meanwhile behind the last page is not seen. Where there are many, another
        process reads ahead what follows the first pages, so not what this connection has written
        and not committed. To be closed where it is not read to its end.
        """
        values = (read_since_ns, model_id)
        for start, end in ranges_of(roots):
            after, num_pages = start, 0
            while page := self.connection.execute(
                _FACTS, (*values, after, end, after, end)
            ).fetchall():
                # Behind a page follows, at the earliest, its last path with a zero.
                after, num_pages = page[-1][0] + b"\0", num_pages + 1
                if num_pages != _PAGES_BEFORE_AHEAD or len(page) < _PAGE:
                    yield page
                    continue
                path = self.connection.path
                with closing(ReadAhead(path, _FACTS, values, after, end)) as ahead:
                    yield page  # while that starts
                    for page_ahead in ahead.pages():
                        yield page_ahead
                        after = page_ahead[-1][0] + b"\0"

    def stored_digest(self, facts: FileFacts) -> bytes | None:
        """Return the digest of an indexed file of this size and mtime, or None."""
        row = self.connection.execute(
            "SELECT digest FROM files JOIN contents USING (content_id)"
            " WHERE path = ? AND files.size_bytes = ? AND mtime_ns = ?",
            (facts.path, facts.size_bytes, facts.mtime_ns),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def digest_at(self, path: bytes) -> bytes | None:
        """Return the digest of what the indexed file at this path held, None if there is none."""
        question = "SELECT digest FROM files JOIN contents USING (content_id) WHERE path = ?"
        row = self.connection.execute(question, (path,)).fetchone()
        return None if row is None else bytes(row[0])

    def digests_of_size(self, model_id: int, size_bytes: int) -> tuple[bytes, ...]:
        """Return the digests of contents of this size that the model has encoded.

        None at all when there are many, as with a folder of uncompressed pictures: sending them all
        along with each file would cost more than decoding it.
        """
        found = self.connection.execute(
            # CROSS JOIN keeps the planner from reading all that the model has.
            "SELECT digest FROM contents CROSS JOIN embeddings USING (content_id)"
            f" WHERE size_bytes = ? AND model_id = ? AND part = 0 AND {IS_CURRENT} LIMIT ?",
            (size_bytes, model_id, _SAME_SIZE_MOST + 1),
        ).fetchall()
        return tuple(digest for (digest,) in found) if len(found) <= _SAME_SIZE_MOST else ()

    def is_encoded(self, model_id: int, digest: bytes) -> bool:
        """Return whether the model has encoded the content with this digest, by today's readers."""
        question = (
            "SELECT 1 FROM contents JOIN embeddings USING (content_id)"
            f" WHERE digest = ? AND model_id = ? AND part = 0 AND {IS_CURRENT}"
        )
        return self.connection.execute(question, (digest, model_id)).fetchone() is not None

    def is_encoded_by_another(self, model_id: int, facts: FileFacts) -> bool:
        """Return whether another model has encoded this file as it is now, by today's readers."""
        question = (
            f"SELECT 1 FROM files, models WHERE path = ? AND {UNCHANGED} AND model_id <> ?"
            " AND EXISTS (SELECT 1 FROM embeddings WHERE embeddings.model_id = models.model_id"
            f" AND part = 0 AND embeddings.content_id = files.content_id AND {IS_CURRENT})"
        )
        values = (facts.path, *unchanged_values(facts), model_id)
        return self.connection.execute(question, values).fetchone() is not None

    def failure_of(self, facts: FileFacts, *, settled: bool = False) -> FailureRow | None:
        """Return why this file, as it is now, could not be read before; None if it never failed.

        settled: only where the clock's grain leaves no doubt that the file is as it was.
        """
        row = self.connection.execute(
            "SELECT read_at_ns, reason, reader_versions, code, attempts FROM failures"
            f" WHERE path = ? AND {UNCHANGED} AND ({SETTLED} OR NOT ?)",
            (facts.path, *unchanged_values(facts), settled),
        ).fetchone()
        return None if row is None else FailureRow(facts, *row)

    def outdated_pixels(self, model_id: int, digest: bytes) -> bytes | None:
        """Return the digest of the pixels that the content's outdated embedding was made of.

        Empty where it was not remembered, None where the content is not marked as outdated.
        """
        question = (
            "SELECT pixels FROM readings JOIN contents USING (content_id)"
            " WHERE model_id = ? AND digest = ? AND reader = ?"
        )
        row = self.connection.execute(question, (model_id, digest, OUTDATED)).fetchone()
        return None if row is None else row[0] or b""
