"""What is written to the index; every method is one transaction, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import StoreError
from rclip_like.store.matrix import stamp
from rclip_like.store.opening import identity_of
from rclip_like.store.reading import parts_of
from rclip_like.store.rows import (
    OUTDATED,
    STORED_DTYPE,
    Batch,
    ContentRow,
    FileRow,
    PathRange,
    Reading,
    ranges_of,
    row_digest,
)
from rclip_like.values import Root

if TYPE_CHECKING:
    from rclip_like.store.adding_words import WordsWriter
    from rclip_like.store.checking import Repair
    from rclip_like.store.merging import Merging
    from rclip_like.store.places import PlacesWriter
    from rclip_like.store.store import Store
    from rclip_like.values import Embedding

_READERS = "readers of model"
"""A setting's name, followed by a model's number; it holds the readers of the model's readings."""
_VERIFYING = "verifying_since_ns"
_VERIFYING_NS = 30 * 86_400 * 10**9
"""How long after its start an interrupted verification continues where it stopped."""
_MOST_DIGITS = 20
"""A time in ns has fewer digits than this; an index may come from anywhere."""


class Writer:
    """What writes to one index, while the indexer's lock is held: see `Store.writing`.

    Every method raises StoreError when the file or its disk fails.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection = store.connection

    # The rows of a run.

    def add_model(
        self, name: str, fingerprint: str, *, preprocessing_version: str, dimension: int
    ) -> int:
        """Return the number of the model with this fingerprint, adding it where it is new."""
        before = self._store.model_id(fingerprint)
        if before is not None:
            return before
        with self._connection.transaction():
            added = self._connection.execute(
                "INSERT INTO models (name, fingerprint, preprocessing_version, dimension)"
                " VALUES (?, ?, ?, ?)",
                (_spelt_out(name), fingerprint, preprocessing_version, dimension),
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def commit(self, model_id: int, batch: Batch) -> None:
        """Write one batch in one transaction, synced when this returns.

        Every file's digest is among the batch's contents or in the index already. Raises StoreError
        when the file opened is not the one at the index's address any more.
        """
        if identity_of(self._store.path) != self._store.identity:
            raise StoreError(
                f"{self._store.path}: the index is gone from its place; see that its disk is there,"
                " and run it again"
            )
        connection = self._connection
        with connection.transaction():
            for digest, content in batch.contents.items():
                self._add_content(model_id, digest, content)
            for digest, reading in batch.reread.items():
                self._put_reading(model_id, digest, reading)
            for file in batch.files:
                self._put_file(file)
            read = [(file.facts.path,) for file in batch.files]
            gone = [(path,) for path in batch.gone]
            connection.executemany("DELETE FROM failures WHERE path = ?", read + gone)
            # What the path held before is no longer there to be found.
            connection.executemany(
                "INSERT OR REPLACE INTO failures (path, size_bytes, mtime_ns, device, inode,"
                " changed_ns, read_at_ns, reason, reader_versions, code, attempts)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*failure.facts, *failure[1:]) for failure in batch.failures],
            )
            unread = [(failure.facts.path,) for failure in batch.failures]
            connection.executemany("DELETE FROM files WHERE path = ?", unread + gone)
            connection.executemany(
                "UPDATE files SET inode = ?, changed_ns = ?"
                " WHERE path = ? AND size_bytes = ? AND mtime_ns = ?",
                [(each.inode, each.changed_ns, *each[:3]) for each in batch.noted],
            )

    def _add_content(self, model_id: int, digest: bytes, content: ContentRow) -> None:
        outdated = self._connection.execute(
            "SELECT content_id FROM readings JOIN contents USING (content_id)"
            " WHERE model_id = ? AND digest = ? AND reader = ?",
            (model_id, digest, OUTDATED),
        ).fetchone()
        if outdated:
            parts = parts_of(self._connection, model_id)
            self._connection.executemany(  # part by part: the index begins with model and part
                "DELETE FROM embeddings WHERE model_id = ? AND part = ? AND content_id = ?",
                [(model_id, part, *outdated) for part in parts],
            )
        self._put_reading(model_id, digest, content.reading)
        for part, embedding in content.embeddings.items():
            row = embedding.astype(STORED_DTYPE).tobytes()
            added = self._connection.execute(
                "INSERT INTO embeddings (model_id, part, content_id, embedding, row_digest) SELECT"
                " ?, ?, content_id, ?, ? FROM contents WHERE digest = ? ON CONFLICT DO NOTHING",
                (model_id, part, row, row_digest(row), digest),
            )
            if not added.rowcount:  # the parts of a content come from one encoding of it
                return

    def untiled(self, model_id: int, within: Sequence[PathRange]) -> Iterator[tuple[bytes, bytes]]:
        """Yield what `ModelEmbeddings.untiled` does."""
        yield from self._store.embeddings(model_id).untiled(within)

    def put_parts(self, model_id: int, parts: Mapping[bytes, Mapping[int, Embedding]]) -> None:
        """Add further parts, by number, to contents whose whole picture the model has encoded.

        parts: by digest. One that is there already stays as it is.
        """
        with self._connection.transaction():
            for digest, embeddings in parts.items():
                for part, embedding in embeddings.items():
                    row = embedding.astype(STORED_DTYPE).tobytes()
                    self._connection.execute(
                        "INSERT INTO embeddings (model_id, part, content_id, embedding, row_digest)"
                        " SELECT model_id, ?, content_id, ?, ? FROM contents"
                        " CROSS JOIN embeddings AS whole USING (content_id) WHERE digest = ?"
                        " AND model_id = ? AND whole.part = 0 ON CONFLICT DO NOTHING",
                        (part, row, row_digest(row), digest, model_id),
                    )

    def _put_reading(self, model_id: int, digest: bytes, reading: Reading) -> None:
        """Write how a content was read, in place of what an earlier reading said."""
        self._connection.execute(
            "INSERT INTO contents (digest, size_bytes, width, height, taken_at, camera, latitude,"
            " longitude, taken_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO"
            " UPDATE SET width = excluded.width, height = excluded.height,"
            " taken_at = excluded.taken_at, camera = excluded.camera,"
            " latitude = excluded.latitude, longitude = excluded.longitude,"
            " taken_from = excluded.taken_from, place_id = CASE WHEN latitude IS excluded.latitude"
            " AND longitude IS excluded.longitude THEN place_id END",
            (digest, reading.size_bytes, *reading.facts[:7]),
        )
        if reading.reader is not None:
            self._connection.execute(
                "INSERT OR REPLACE INTO readings (model_id, content_id, reader, pixels)"
                " SELECT ?, content_id, ?, ? FROM contents WHERE digest = ?",
                (model_id, reading.reader, reading.pixels, digest),
            )

        if reading.words is not None:
            self.words.put_read({digest: reading.words})
        if reading.seconds:
            of_content = "(SELECT content_id FROM contents WHERE digest = ?)"
            self._connection.execute(
                f"DELETE FROM frames WHERE content_id = {of_content}", (digest,)
            )
            self._connection.executemany(
                f"INSERT INTO frames (content_id, part, second) VALUES ({of_content}, ?, ?)",
                [(digest, part, second) for part, second in enumerate(reading.seconds)],
            )

    def _put_file(self, file: FileRow) -> None:
        facts = file.facts
        # A row number stands for a path with its content: what is kept beside the index relies on
        # it.
        self._connection.execute(
            "DELETE FROM files WHERE path = ? AND content_id IS NOT"
            " (SELECT content_id FROM contents WHERE digest = ?)",
            (facts.path, file.digest),
        )
        self._connection.execute(
            "INSERT INTO files (path, readable, size_bytes, mtime_ns, device, inode, changed_ns,"
            " read_at_ns, content_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?,"
            " (SELECT content_id FROM contents WHERE digest = ?))"
            " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes,"
            " mtime_ns = excluded.mtime_ns, device = excluded.device, inode = excluded.inode,"
            " changed_ns = excluded.changed_ns, read_at_ns = excluded.read_at_ns",
            (facts.path, readable(facts.path), *facts[1:], file.read_at_ns, file.digest),
        )

    # Folders and devices.

    def put_roots(
        self, devices: Mapping[bytes, int], inode_changes: Mapping[bytes, int], *, walked_at_ns: int
    ) -> None:
        """Remember walked folders: the device each lies on, and what `inode_changes` returns."""
        connection = self._connection
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

    def move_devices(self, moved: Mapping[int, int], roots: Sequence[Root]) -> None:
        """Note that devices (old number -> new) under the roots were mounted anew."""
        cases = " ".join("WHEN ? THEN ?" for _ in moved)
        numbers = [number for pair in moved.items() for number in pair]
        marks = ",".join("?" * len(moved))
        with self._connection.transaction():
            for table in ("files", "failures"):
                self._connection.executemany(
                    f"UPDATE {table} SET device = CASE device {cases} END"
                    f" WHERE device IN ({marks}) AND path >= ? AND path < ?",
                    [(*numbers, *moved, *one) for one in ranges_of(roots)],
                )

    # What is to be read again.

    def mark_outdated(self, model_id: int, current: Iterable[str]) -> int:
        """Mark what other readers than these have made; return how many contents are marked.

        Counts those of the model that have files. current: format and version, as in "TIFF 2".
        An embedding without a reader counts as current. Files of the model's marked contents are
        not settled, so that the next walk hands them to be read; each call sees to that until there
        are none, as another model's run settles them, too.
        """
        versions = sorted(current)
        name = f"{_READERS} {model_id}"
        if self._store.setting(name) == str(versions):
            return 0
        marks = ",".join("?" * len(versions))
        is_outdated = f"model_id = ? AND reader = '{OUTDATED}'"
        with self._connection.transaction():
            self._connection.execute(
                f"UPDATE readings SET reader = '{OUTDATED}'"
                f" WHERE reader NOT IN ({marks}, '{OUTDATED}')",
                versions,
            )
            # No file counts as settled whose mtime is the moment of reading.
            self._connection.execute(
                "UPDATE files SET read_at_ns = mtime_ns WHERE read_at_ns <> mtime_ns"
                f" AND content_id IN (SELECT content_id FROM readings WHERE {is_outdated})",
                (model_id,),
            )
            (number,) = self._connection.execute(
                f"SELECT count(*) FROM readings WHERE {is_outdated} AND EXISTS"
                " (SELECT 1 FROM files WHERE files.content_id = readings.content_id)",
                (model_id,),
            ).fetchone()
        if not number:
            self._store.put_setting(name, str(versions))
        return int(number)

    def verify_since(self, now_ns: int) -> int:
        """Return when the verification that goes on began: now, or one cut short this month."""
        before = self._store.setting(_VERIFYING) or ""
        is_number = before.isdecimal() and len(before) < _MOST_DIGITS
        if is_number and 0 <= now_ns - int(before) < _VERIFYING_NS:
            return int(before)
        self._store.put_setting(_VERIFYING, str(now_ns))
        return now_ns

    def end_verification(self) -> None:
        """Note that all files were verified, so that the next time begins anew."""
        self._store.put_setting(_VERIFYING, "0")

    @property
    def repair(self) -> Repair:
        """What mends rows that are not as they were written."""
        from rclip_like.store.checking import Repair

        return Repair(self._connection)

    @property
    def words(self) -> WordsWriter:
        """What writes the words of pictures."""
        from rclip_like.store.adding_words import WordsWriter

        return WordsWriter(self._connection)

    @property
    def places(self) -> PlacesWriter:
        """What writes where pictures were taken."""
        from rclip_like.store.places import PlacesWriter

        return PlacesWriter(self._connection)

    @property
    def merging(self) -> Merging:
        """What merges rows that another index has exported."""
        from rclip_like.store.merging import Merging

        return Merging(self._connection)

    # The matrix beside the index.

    def extend_matrix(self, model_id: int) -> bool | None:
        """Bring the matrix beside the index in line with it; None where too little is missing.

        The matrix is only a cache: where it cannot be written there is none, or an older one, and
        False is returned.
        """
        try:
            if not stamp.is_due(self._connection, model_id):
                return None
            from rclip_like.store.matrix.extending import extend_matrix

            extend_matrix(self._connection, model_id)
        except (OSError, StoreError):
            return False
        return True

    def remove_outdated_matrices(self) -> None:
        """Remove matrices that speak of other rows; their files keep what the index has no more."""
        from rclip_like.store.matrix.extending import remove_outdated

        remove_outdated(self._connection)


def readable(path: bytes) -> str | None:
    """Return a spelling for the view where the bytes of a path are not UTF-8, else None."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return _spelt_out(os.fsdecode(path))
    return None


def _spelt_out(text: str) -> str:
    """Return the text with bytes that were not UTF-8 (lone surrogates) as backslash and number."""
    return text.encode("utf-8", "backslashreplace").decode()
