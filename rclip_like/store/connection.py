"""SQLite's errors, told in a sentence that names the file and the remedy."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclip_like.errors import StoreError
from rclip_like.store.lock import IndexLock, Lockless

if TYPE_CHECKING:
    from concurrent.futures import Future

_DAMAGED = (
    "{path}: the index is damaged; where `clipfind doctor --repair` cannot mend it, move it away, "
    "and the next `clipfind index` makes a new one"
)
_UNWRITABLE = "{path}: the index cannot be written; check its rights or name another with --db"
_SENTENCES = {
    sqlite3.SQLITE_NOTADB: "{path}: this is not an index of clipfind; name another with --db",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "{path}: the disk is full; what was finished is kept, make room and go on",
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: (
        "{path}: the index cannot be opened; check its folder and rights or name another with --db"
    ),
    sqlite3.SQLITE_BUSY: "{path}: another program holds the index; try again when it is done",
    sqlite3.SQLITE_IOERR: (
        "{path}: the disk with the index failed ({error}); see that it is there and has room"
    ),
}
_AS_WITHOUT_LOCKS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
PRIMARY_CODE = 0xFF
"""Masks out of an extended error code what kind of error it is."""
_LEAST_ROOM_BYTES = 1 << 16
"""SQLite's index of its log alone takes half of this, at once."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Raise every SQLite error inside as a StoreError about `path`, Lockless where that is why."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if reason := why_lockless(error, path):
            raise Lockless(path, reason) from error
        raise StoreError(_sentence(error, path).format(path=path, error=error)) from error


def _sentence(error: sqlite3.DatabaseError, path: Path) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return "{path}: the index cannot be used ({error}); name another with --db"
    fallback = "{path}: the index cannot be used ({error}); try again or name another with --db"
    primary = code & PRIMARY_CODE
    if primary == sqlite3.SQLITE_IOERR and is_full(path):
        primary = sqlite3.SQLITE_FULL  # what SQLite says only of the file with the rows itself
    return _SENTENCES.get(primary, fallback)


def why_lockless(error: sqlite3.DatabaseError, path: Path) -> str | None:
    """Return why SQLite can lock nothing where the index lies, None where that is not the fault.

    It tells a lack of locks like one that is held, like a disk that failed, or, where the index
    was opened to be read, like a file that may not be written.
    """
    if getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE not in _AS_WITHOUT_LOCKS:
        return None
    return IndexLock(path).why_unshared()


def is_full(path: Path) -> bool:
    """Return whether the disk with the index has no room for a file of SQLite's beside it."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM_BYTES
    except OSError:
        return False


_INTERRUPT_AGAIN_SECONDS = 0.05


def interruptibly(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    """Return a statement's rows; what is raised meanwhile, by Ctrl-C say, breaks it off.

    SQLite then takes back what it did. Python's signal handlers wait for a call of SQLite to
    end, so it is made in a thread. The connection must be one for any thread.
    """
    from concurrent.futures import ThreadPoolExecutor  # each index run imports this module

    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(lambda: connection.execute(statement).fetchall())
        try:
            return work.result()
        except BaseException:
            _interrupt(connection, work)
            raise


def _interrupt(connection: sqlite3.Connection, work: Future[list[tuple[Any, ...]]]) -> None:
    from concurrent.futures import wait

    while not work.done():
        connection.interrupt()
        wait([work], _INTERRUPT_AGAIN_SECONDS)
