"""Spool: a queue between two threads that keeps what it holds in a file, not in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import RawIOBase
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Generic, TypeVar, cast

from rclip_like.errors import StoreError

Item = TypeVar("Item")

_Chunk = bytes | tuple[int, int]
"""Pickled items, or where they lie in the file: start and size in bytes."""

_CHUNK_ITEMS = 512
_MEMORY_BYTES = 1 << 20
_LOOK_SECONDS = 0.2


class Spool(Generic[Item]):
    """A first-in first-out queue for one writing and one reading thread.

    A walk finds files faster than they can be encoded: a million waiting ones would fill the
    memory. Beyond the first megabyte chunks are pickled into a temporary file.
    """

    def __init__(self) -> None:
        # Neither buffered nor a SpooledTemporaryFile: on a full disk both lose what went before.
        self._file: RawIOBase | None = None
        self._file_lock = Lock()
        self._held_bytes = 0
        # Not a Condition: a signal handler that raises amid its wait may leave it unlocked.
        self._chunks: SimpleQueue[_Chunk | None] = SimpleQueue()
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
        except (StoreError, MemoryError) as full:
            self._error = error or full
        self._chunks.put(None)

    def discard(self) -> None:
        """Close the file; nothing can be put or read after."""
        with self._file_lock:
            if self._file is not None:
                self._file.close()

    def items(
        self,
        while_waiting: Callable[[], None] = lambda: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> Iterator[Item]:
        """Yield the items in order until the spool is closed, or `is_over` while waiting.

        `while_waiting` is called now and then while there is no item.
        """
        while True:
            self._is_hungry = self._chunks.empty()
            try:
                chunk = self._chunks.get(timeout=_LOOK_SECONDS)
            except Empty:
                while_waiting()
                if is_over():
                    break
                continue
            if chunk is None:
                break
            import pickle

            yield from pickle.loads(self._content(chunk))
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        if not self._written:
            return
        import pickle  # most runs have nothing to read

        data = pickle.dumps(self._written, protocol=5)
        with self._file_lock, _no_room_explained():
            is_held = self._held_bytes + len(data) <= _MEMORY_BYTES
            self._held_bytes += len(data) if is_held else 0
            chunk = data if is_held else self._append(data)
        self._written = []
        self._chunks.put(chunk)

    def _append(self, data: bytes) -> tuple[int, int]:
        """Write data at the end of the file; return where it begins and how long it is."""
        if self._file is None:
            import tempfile

            self._file = cast(RawIOBase, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        start, rest = self._file.seek(0, os.SEEK_END), memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        return start, len(data)

    def _content(self, chunk: _Chunk) -> bytes:
        with self._file_lock, _no_room_explained():
            if isinstance(chunk, bytes):
                self._held_bytes -= len(chunk)
                return chunk
            assert self._file is not None
            start, size = chunk
            self._file.seek(start)
            return self._file.read(size) or b""


@contextmanager
def _no_room_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        import tempfile

        try:
            folder = tempfile.gettempdir()
        except OSError:  # where the only disk is full, Python finds none
            folder = os.environ.get("TMPDIR", os.path.sep + "tmp")
        raise StoreError(
            f"{folder}: the folder for temporary files cannot be used "
            f"({error.strerror}); make room or set TMPDIR"
        ) from error
