"""The lock that lets one indexer at a time write: the system's own, so it dies with its holder."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rclip_like.errors import IndexLocked, Remedy, StoreError
from rclip_like.store.side_files import make_own, open_own, side_file

_LOOK_AGAIN_SECONDS = 0.1
_TRIES, _TRY_AGAIN_SECONDS = 4, 0.01
_PID_BYTES = 20

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _why_unshared(descriptor: int) -> str | None:
        return None
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _why_unshared(descriptor: int) -> str | None:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # held
            return None
        except OSError as error:
            return error.strerror
        return None


class Lockless(StoreError):
    """Nothing can be locked where the index lies, as on some disks of the network."""

    def __init__(self, database: Path, reason: str) -> None:
        super().__init__(
            f"{database}: the file system has no locks ({reason}), without which an index is only "
            "read",
            (Remedy.NAME_THE_INDEX, "one on a local disk"),
        )


class IndexLock:
    """The lock of one index: a file beside it, never removed, holding the last holder's pid.

    database: where the index itself lies, not a link to it.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".lock")
        self._database = database

    @contextmanager
    def held(self, *, wait: bool, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the lock for the block.

        on_wait is called once, before waiting.
        Raises IndexLocked when another process holds it and `wait` is false, StoreError when
        the file cannot be made, is not ours, or lies where nothing can be locked.
        """
        descriptor = self._open()
        try:
            self._acquire(descriptor, wait=wait, on_wait=on_wait)
            with suppress(OSError):  # a full disk; it is only for the message to the next
                os.ftruncate(descriptor, 0)
                os.lseek(descriptor, 0, os.SEEK_SET)
                os.write(descriptor, str(os.getpid()).encode())
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> tuple[bool, int | None]:
        """Return whether a process holds the lock, and its pid where it is known; makes no file.

        Raises StoreError when the file is not ours, or lies where nothing can be locked.
        """
        try:
            descriptor = open_own(self.path, self._database, os.O_RDWR)
        except OSError:
            return False, None
        try:
            return not self._try(descriptor), _read_pid(descriptor)
        finally:
            os.close(descriptor)

    def why_unshared(self) -> str | None:
        """Return why SQLite gets no locks here, which are of another kind; None where it does.

        None, too, where that cannot be tried. Makes the file.
        """
        try:
            descriptor = self._open()
        except StoreError:
            return None
        try:
            return _why_unshared(descriptor)
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, *, wait: bool, on_wait: Callable[[], None] | None) -> None:
        # More than once, as somebody may only be looking whether it is held.
        for _ in range(_TRIES):
            if self._try(descriptor):
                return
            time.sleep(_TRY_AGAIN_SECONDS)
        if not wait:
            holder = _read_pid(descriptor)
            who = "another process" if holder is None else f"process {holder}"
            raise IndexLocked(f"{who} is indexing into {self._database}")
        if on_wait is not None:
            on_wait()
        while not self._try(descriptor):
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _try(self, descriptor: int) -> bool:
        try:
            return _try_lock(descriptor)
        except OSError as error:
            raise Lockless(self._database, str(error.strerror)) from error

    def _open(self) -> int:
        try:
            with suppress(FileNotFoundError):
                return open_own(self.path, self._database, os.O_RDWR)
            with suppress(FileExistsError):  # another process was faster
                return make_own(self.path)
            return open_own(self.path, self._database, os.O_RDWR)
        except OSError as error:
            raise StoreError(
                f"{self.path}: the lock beside the index cannot be written ({error.strerror})",
                "check the permissions of the folder",
                Remedy.NAME_ANOTHER_INDEX,
            ) from error


@contextmanager
def sole_writer(draft: Path) -> Iterator[bool]:
    """Keep other processes from a draft for the block; gives False where one of them writes it.

    The lock's file lies beside the draft and is removed after the block. On a disk without locks
    the answer is True. Raises OSError when the file cannot be made, StoreError when it is not ours.
    """
    path = side_file(draft, ".lock")
    descriptor, is_alone = _opened_and_locked(path, draft)
    try:
        yield is_alone
    finally:
        if is_alone:
            with suppress(OSError):  # Windows removes no open file
                path.unlink()
        os.close(descriptor)


def _opened_and_locked(path: Path, draft: Path) -> tuple[int, bool]:
    while True:
        try:
            descriptor = make_own(path)
        except FileExistsError:
            try:
                descriptor = open_own(path, draft, os.O_RDWR)
            except FileNotFoundError:
                continue
        try:
            is_alone = _try_lock(descriptor)
        except OSError:
            is_alone = True
        with suppress(FileNotFoundError):
            if not is_alone or os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                return descriptor, is_alone
        os.close(descriptor)  # its holder has removed it: others lock a new one


def _read_pid(descriptor: int) -> int | None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, _PID_BYTES)
    return int(text) if text.isdigit() else None
