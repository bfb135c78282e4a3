"""Store: one open index and what can be asked of it and written to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rclip_like.errors import StoreError
from rclip_like.store import counting, opening, reading, side_files, writing
from rclip_like.store.connection import Connection
from rclip_like.store.lock import IndexLock
from rclip_like.store.matrix import stamp
from rclip_like.store.readings import Readings
from rclip_like.store.rows import Batch, FailureRow, KnownRow, StoredFile, WalkedRoot, ranges_of
from rclip_like.values import FileFacts, Root

if TYPE_CHECKING:
    from rclip_like.reports import StatusReport
    from rclip_like.store.checking import Checkup
    from rclip_like.store.dropping import Dropping
    from rclip_like.store.embeddings import ContentIds, Rowids, SoundParts, StoredEmbeddings
    from rclip_like.store.matrix.mapped import Matrix
    from rclip_like.values import Embedding

_DEFAULT_MODEL = "default_model"


class Store:
    """One open index. Every method raises StoreError when the file or its disk fails.

    A store belongs to the thread that opened it; `another()` opens one more for another thread.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self.path = Path(os.path.abspath(path))
        self._connection = connection
        self._identity = opening.identity_of(self.path)

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Store:
        """Return the index at `path`, or where a link there leads; `create` makes a missing one."""
        return cls(place := side_files.real_place(path), opening.open_index(place, create=create))

    @classmethod
    def open_readonly(cls, path: Path) -> Store:
        """Return the index at `path` for reading alone, also from a read-only medium."""
        return cls(place := side_files.real_place(path), opening.open_index_readonly(place))

    def another(self) -> Store:
        """Return a second, reading look at the same index, for another thread."""
        return type(self).open_readonly(self.path)

    def close(self) -> None:
        """Close the file; what was committed is on the disk."""
        self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def lock(
        self, *, wait: bool, on_wait: Callable[[int | None], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold the one indexer's lock for a block; see IndexLock.held."""
        return IndexLock(self.path).held(wait=wait, on_wait=on_wait)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all questions inside the block see one committed state, whatever is written.

        Where SQLite can hold none, StoreError is raised at the end if anything was written.
        """
        self.look_anew()
        try:
            with self._connection.transaction("DEFERRED"):
                yield
        except Exception as error:
            self._refuse_if_written(error)
            raise
        self._refuse_if_written()

    def look_anew(self) -> None:
        """Forget what was read before another process wrote, where no lock told of it."""
        if self._was_written():
            anew = opening.open_index_readonly(self.path)
            self._connection.close()
            self._connection = anew

    def _was_written(self) -> bool:
        """Return whether what was read under no lock may be of several states."""
        opened_at = self._connection.opened_at
        now = opened_at and opening.state_of(self.path)
        return now is not None and now != opened_at

    def _refuse_if_written(self, error: Exception | None = None) -> None:
        if self._was_written():
            raise StoreError(
                f"{self.path}: another process wrote to it meanwhile; ask again"
            ) from error

    @contextmanager
    def dropping(self) -> Iterator[Dropping]:
        """Give what marks, counts and drops rows, by a connection of its own."""
        from rclip_like.store.dropping import Dropping

        with closing(opening.open_index(self.path, create=False, any_thread=True)) as connection:
            yield Dropping(self.path, connection)

    # Questions of a search.

    def model_id(self, fingerprint: str) -> int | None:
        """Return the number of the model with this fingerprint, None if it never indexed."""
        row = self._one("SELECT model_id FROM models WHERE fingerprint = ?", fingerprint)
        return None if row is None else int(row[0])

    def models(self) -> list[tuple[int, str, str]]:
        """Return number, name and fingerprint of each model that has encoded anything."""
        question = "SELECT model_id, name, fingerprint FROM models ORDER BY model_id"
        return self._connection.execute(question).fetchall()

    def scan(
        self, model_id: int, roots: Sequence[Root] | None
    ) -> Iterator[tuple[Rowids, ContentIds, StoredEmbeddings]]:
        """Yield chunks of rowids int64 (n,), content ids (n,), embeddings float16 (n, D).

        All files under the roots (None: everything) that the model has encoded, ascending by
        path bytes, at most 4,096 a chunk; part 0, the whole picture.
        """
        from rclip_like.store import embeddings

        yield from embeddings.scan(self._connection, model_id, ranges_of(roots))

    def scan_frames(self, model_id: int) -> Iterator[tuple[ContentIds, StoredEmbeddings]]:
        """Yield chunks of content ids int64 (n,) and embeddings float16 (n, D), in no order.

        All further parts that the model has encoded: frames of animations, of the whole index.
        """
        from rclip_like.store import embeddings

        yield from embeddings.scan_frames(self._connection, model_id)

    def matrix(self, model_id: int, roots: Sequence[Root] | None) -> Matrix | None:
        """Return the mapped embeddings and files under the roots, None if none can be trusted.

        To be asked and used within one `snapshot`; then it and what it calls newer hold just what
        `scan` and `scan_frames` would give.
        """
        from rclip_like.store.matrix import mapped

        return mapped.open_matrix(self._connection, self.path, model_id, ranges_of(roots))

    def parts_of(self, model_id: int, content_id: int) -> StoredEmbeddings:
        """Return all of a content's embeddings, float16 (P, D), the whole picture first."""
        from rclip_like.store import embeddings

        return embeddings.parts_of(self._connection, model_id, content_id)

    def rows(self, rowids: Sequence[int] | Rowids) -> list[StoredFile]:
        """Return the files with these row numbers in the order asked; those gone are left out."""
        return reading.rows(self._connection, rowids)

    def embedding_of(self, facts: FileFacts, model_id: int) -> Embedding | None:
        """Return the unit float32 (D,) of an indexed file that is as it was when read, or None."""
        from rclip_like.store import embeddings

        return embeddings.embedding_of(self._connection, facts, model_id)

    def sound_parts(self, model_id: int, content_ids: Sequence[int]) -> SoundParts:
        """Return all parts of some contents that are as written, and which contents are damaged."""
        from rclip_like.store import embeddings

        return embeddings.sound_parts(self._connection, model_id, content_ids)

    def cached_text(self, model_id: int, text: str, tokenizer: str) -> Embedding | None:
        """Return the unit float32 (D,) of a text asked before of this tokenizer, or None."""
        from rclip_like.store import embeddings

        return embeddings.cached_text(self._connection, model_id, text, tokenizer)

    def cache_text(self, model_id: int, text: str, unit: Embedding, *, tokenizer: str) -> bool:
        """Remember a text's unit embedding (D,) if that can be done at once; return whether.

        A searcher never waits and never fails for it: what the file refuses is dropped, and so
        is a text typed in another encoding than UTF-8.
        """
        try:
            writing.put_text(self._connection, model_id, text, unit, tokenizer)
        except (StoreError, UnicodeEncodeError):
            return False
        return True

    def default_model(self) -> str | None:
        """Return the model's name that `models use` wrote into this index, or None."""
        row = self._one("SELECT value FROM settings WHERE name = ?", _DEFAULT_MODEL)
        return None if row is None else str(row[0])

    def set_default_model(self, name: str) -> None:
        """Make `name` the model of searches in this index that name none."""
        writing.put_setting(self._connection, _DEFAULT_MODEL, name)

    def is_first_time(self, hint: str) -> bool:
        """Return whether `hint` was never asked about, and remember that it was.

        Dropped when the file refuses it: then it was not the first time.
        """
        try:
            return writing.put_new_setting(self._connection, f"told {hint}")
        except StoreError:
            return False

    # Counts.

    def count_files(self, roots: Sequence[Root] | None = None) -> int:
        """Return how many files are indexed under the roots (None: everywhere)."""
        return counting.count_files(self._connection, ranges_of(roots))

    def knows(self, roots: Sequence[Root]) -> bool:
        """Return whether any file, unreadable one or walked folder lies under the roots."""
        return counting.is_known(self._connection, ranges_of(roots))

    def status(self, roots: Sequence[Root] | None = None) -> StatusReport:
        """Return what is indexed under the roots; paths of roots are bytes."""
        return counting.status(self._connection, self.path, ranges_of(roots))

    def raw_files(self, roots: Sequence[Root] | None = None) -> Iterator[bytes]:
        """Yield the paths of cameras' raw files that are indexed under the roots, ascending."""
        yield from counting.raw_files(self._connection, ranges_of(roots))

    def walked_root(self, path: bytes) -> WalkedRoot | None:
        """Return what is remembered of a walked folder, None if it never was a root."""
        row = self._one("SELECT device, walked_at_ns FROM roots WHERE path = ?", path)
        return None if row is None else WalkedRoot(*row)

    def walked_folders(self) -> list[bytes]:
        """Return the folders that were roots, there or not, ascending."""
        return counting.walked_folders(self._connection)

    def inode_changes(self) -> dict[bytes, int]:
        """Return, by walked folder, in how many runs in a row all of its files had new inodes."""
        return reading.inode_changes(self._connection)

    # Questions and writes of an indexing run.

    def known_pages(
        self, model_id: int, roots: Sequence[Root] | None, *, read_since_ns: int = 0
    ) -> Generator[list[KnownRow], None, None]:
        """Yield what is remembered of files and failures under the roots, ascending by path.

        In pages of some thousands; to be closed where it is not read to its end. Files that were
        not read since `read_since_ns` are not settled.
        """
        ranges = ranges_of(roots)
        yield from reading.known_pages(self._connection, model_id, ranges, read_since_ns, self.path)

    def stored_digest(self, facts: FileFacts) -> bytes | None:
        """Return the digest of an indexed file of this size and mtime, or None."""
        return reading.stored_digest(self._connection, facts)

    def digests_of_size(self, model_id: int, size_bytes: int) -> tuple[bytes, ...]:
        """Return the digests of this size that the model has encoded; () if there are many."""
        return reading.digests_of_size(self._connection, model_id, size_bytes)

    def is_encoded(self, model_id: int, digest: bytes) -> bool:
        """Return whether the content with this digest has an embedding of the model."""
        return reading.is_encoded(self._connection, model_id, digest)

    def is_encoded_by_another(self, model_id: int, facts: FileFacts) -> bool:
        """Return whether another model has encoded this file as it is now, from today's readers."""
        return reading.is_encoded_by_another(self._connection, model_id, facts)

    def failure_of(self, facts: FileFacts, *, settled: bool = False) -> FailureRow | None:
        """Return why this file, as it is now, could not be read before; see reading.failure_of."""
        return reading.failure_of(self._connection, facts, settled=settled)

    def add_model(
        self, name: str, fingerprint: str, *, preprocessing_version: str, dimension: int
    ) -> int:
        """Return the number of the model with this fingerprint, adding it where it is new."""
        before = self.model_id(fingerprint)
        if before is not None:
            return before
        facts = (preprocessing_version, dimension)
        writing.put_model(self._connection, name, fingerprint, facts)
        number = self.model_id(fingerprint)
        assert number is not None
        return number

    def commit(self, model_id: int, batch: Batch) -> None:
        """Write one batch in one transaction, synced when this returns.

        Raises StoreError when the file opened is not the one at the index's place any more.
        """
        if opening.identity_of(self.path) != self._identity:
            raise StoreError(
                f"{self.path}: the index is gone from its place; see that its disk is there, and "
                "run it again"
            )
        writing.commit_batch(self._connection, model_id, batch)

    def extend_matrix(self, model_id: int) -> bool | None:
        """Bring the matrix beside the index in line with it; None where too little is missing.

        The caller holds the lock. The matrix is only a cache: where it cannot be written there is
        none, or an older one, and False is returned.
        """
        try:
            if not stamp.is_due(self._connection, self.path, model_id):
                return None
            from rclip_like.store.matrix import extending

            extending.extend_matrix(self._connection, self.path, model_id)
        except (OSError, StoreError):
            return False
        return True

    @property
    def checkup(self) -> Checkup:
        """What distrusts the rows and the matrix; whoever mends holds the lock."""
        from rclip_like.store.checking import Checkup

        return Checkup(self.path, self._connection)

    def models_with_matrix(self) -> list[int]:
        """Return the numbers of the models that have a matrix beside the index."""
        return [row[0] for row in self._connection.execute("SELECT model_id FROM matrices")]

    def remove_outdated_matrices(self) -> None:
        """Remove matrices that speak of other rows; the caller holds the lock.

        Their files keep what the index has no more.
        """
        from rclip_like.store.matrix.extending import remove_outdated

        remove_outdated(self._connection, self.path)

    @property
    def readings(self) -> Readings:
        """Which reader made the pixels of each embedding, and what is to be read again."""
        return Readings(self.path, self._connection)

    def put_roots(
        self, devices: Mapping[bytes, int], inode_changes: Mapping[bytes, int], *, walked_at_ns: int
    ) -> None:
        """Remember walked folders: the device each lies on, and what `inode_changes` returns."""
        writing.put_roots(self._connection, devices, inode_changes, walked_at_ns=walked_at_ns)

    def move_devices(self, moved: Mapping[int, int], roots: Sequence[Root]) -> None:
        """Note that devices (old number -> new) under the roots were mounted anew."""
        writing.move_devices(self._connection, moved, ranges_of(roots))

    def _one(self, question: str, value: object) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(question, (value,)).fetchone()
        return row
