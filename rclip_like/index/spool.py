"""Spool: a queue between two threads that keeps what it holds in a file, not in memory."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

from rclip_like.errors import StoreError

Item = TypeVar("Item")

_CHUNK_ITEMS = 512
_MEMORY_BYTES = 1 << 20
_LOOK_SECONDS = 0.2


class Spool(Generic[Item]):
    """A first-in first-out queue for one writing and one reading thread.

    A walk finds files faster than they can be encoded: a million waiting ones would fill the
    memory. Chunks are pickled into a temporary file beyond the first megabyte.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        self._file_lock = Lock()
        # Not a Condition: a signal handler that raises amid its wait may leave it unlocked.
        self._chunks: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
        self._written: list[Item] = []
        self._is_hungry = False
        self._error: BaseException | None = None

    def put(self, item: Item) -> None:
        """Append one item; raises StoreError when the temporary folder has no room."""
        self._written.append(item)
        if self._is_hungry or len(self._written) >= _CHUNK_ITEMS:
            self._flush()

    def close(self, error: BaseException | None = None) -> None:
        """Say that no more items come; `error` is raised in the reader after the last item."""
        self._error = error
        try:
            self._flush()
        except StoreError as full:
            self._error = error or full
        self._chunks.put(None)

    def discard(self) -> None:
        """Close the file; nothing can be put or read after."""
        with self._file_lock:
            self._file.close()

    def items(self, go_on: Callable[[], bool] | None = None) -> Iterator[Item]:
        """Yield the items in order until the spool is closed, or `go_on` says no while waiting."""
        while (chunk := self._next_chunk(go_on)) is not None:
            yield from chunk
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        if not self._written:
            return
        data = pickle.dumps(self._written, protocol=5)
        try:
            with self._file_lock:
                start = self._file.seek(0, 2)
                self._file.write(data)
        except OSError as error:
            raise StoreError(
                f"{_temporary_folder()}: the folder for temporary files cannot be written "
                f"({error.strerror}); make room or set TMPDIR"
            ) from error
        self._written = []
        self._chunks.put((start, len(data)))

    def _next_chunk(self, go_on: Callable[[], bool] | None) -> list[Item] | None:
        place = self._next_place(go_on)
        if place is None:
            return None
        start, size = place
        with self._file_lock:
            self._file.seek(start)
            chunk: list[Item] = pickle.loads(self._file.read(size))
        return chunk

    def _next_place(self, go_on: Callable[[], bool] | None) -> tuple[int, int] | None:
        while True:
            self._is_hungry = self._chunks.empty()
            try:
                return self._chunks.get(timeout=_LOOK_SECONDS)
            except Empty:
                if go_on is not None and not go_on():
                    return None


def _temporary_folder() -> str:
    """Return where temporary files go, or would: where the only disk is full Python finds none."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.environ.get("TMPDIR", os.path.sep + "tmp")
