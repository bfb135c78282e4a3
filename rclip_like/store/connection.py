"""A connection to the index that raises the store's own errors, each naming the file."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from rclip_like.errors import Advice, Remedy, StoreError
from rclip_like.store.lock import IndexLock, Lockless

_UNWRITABLE = ("the index cannot be written", "check its permissions", Remedy.NAME_ANOTHER_INDEX)
_REFUSALS: dict[int, tuple[str, *tuple[Advice, ...]]] = {
    sqlite3.SQLITE_NOTADB: ("this is not an index of clipfind", Remedy.NAME_ANOTHER_INDEX),
    sqlite3.SQLITE_CORRUPT: ("the index is damaged", Remedy.REPAIR, Remedy.MOVE_AWAY),
    sqlite3.SQLITE_FULL: ("the disk is full", "finished work is kept, make room and run it again"),
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: (
        "the index cannot be opened",
        "check its folder and permissions",
        Remedy.NAME_ANOTHER_INDEX,
    ),
    sqlite3.SQLITE_BUSY: ("another program holds the index", "try again when it is done"),
    sqlite3.SQLITE_IOERR: (
        "the disk with the index failed ({error})",
        "see that it is there and has room",
    ),
}
_AS_WITHOUT_LOCKS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
_AS_WHERE_FULL = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY)
_PRIMARY_CODE = 0xFF
"""The bits of an extended error code that hold the primary one."""
_LEAST_ROOM_BYTES = 1 << 16
"""SQLite takes half of this at once for the index of its log alone."""
_ROWS_AT_ONCE = 256
_INTERRUPT_AGAIN_SECONDS = 0.05
_TRY_AGAIN_SECONDS = 0.001
_LEAVE_SECONDS = 0.003
"""How long a connection that has written lets others write: some of their tries."""


class Cursor(sqlite3.Cursor):
    """The rows of one answer. Every method raises StoreError where SQLite fails."""

    __slots__ = ()
    connection: Connection

    def fetchone(self) -> Any:
        """Return the next row, None at the end."""
        try:
            with self.connection.in_use:
                return super().fetchone()
        except sqlite3.DatabaseError as error:
            raise explanation(error, self.connection.path) from error

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        """Return the next rows, [] at the end."""
        try:
            with self.connection.in_use:
                return super().fetchmany(size)
        except sqlite3.DatabaseError as error:
            raise explanation(error, self.connection.path) from error

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        try:
            with self.connection.in_use:
                return super().fetchall()
        except sqlite3.DatabaseError as error:
            raise explanation(error, self.connection.path) from error

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the rows that are left, as quickly as a plain cursor: some hundred at once."""
        return chain.from_iterable(iter(lambda: self.fetchmany(_ROWS_AT_ONCE), []))


class Connection(sqlite3.Connection):
    """A connection to the index at `path`; every method raises StoreError where SQLite fails.

    `options` are of SQLite's address, as in `mode=ro`. It begins no transaction by itself. Threads
    may use it one after the other, not at once, but any may close it at any time.
    """

    version: int = 0
    """The number of the last migration that the index had seen when it was opened."""
    opened_at: tuple[int, int] | None = None
    """The state of the file before it was opened without locks: then writes go unnoticed."""

    def __init__(self, path: Path, options: str, *, timeout: float = 0.0) -> None:
        self.path = Path(os.path.abspath(path))
        # SQLite crashes when another thread closes the file amid a statement.
        self.in_use = threading.RLock()
        self._leave_until = 0.0
        with explained(path):
            super().__init__(
                address_of(path, options),
                uri=True,
                isolation_level=None,
                timeout=timeout,
                check_same_thread=False,
            )

    def execute(self, statement: str, values: Any = (), /) -> Cursor:
        """Run a statement and return the cursor of its rows."""
        try:
            with self.in_use:
                # Not Cursor(self), of which Python keeps a reference as long as the connection.
                return self.cursor(Cursor).execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise explanation(error, self.path) from error

    def executemany(self, statement: str, values: Iterable[Any], /) -> Cursor:
        """Run a statement once for each of the values."""
        try:
            with self.in_use:
                return self.cursor(Cursor).executemany(statement, values)
        except sqlite3.DatabaseError as error:
            raise explanation(error, self.path) from error

    def close(self) -> None:
        """Close the file; what was committed is on the disk."""
        with explained(self.path), self.in_use:
            super().close()

    @contextmanager
    def transaction(self, kind: str = "IMMEDIATE") -> Iterator[None]:
        """Commit what the block did, or take all of it back when it raises."""
        try:  # a signal may come as soon as it has begun
            self._begin(kind)
            yield
            self.execute("COMMIT")
            self._leave_until = time.monotonic() + _LEAVE_SECONDS
        except BaseException:
            with explained(self.path):  # of a connection that another thread has closed
                # After a full disk SQLite has rolled back by itself.
                if self.in_transaction:
                    self.execute("ROLLBACK")
            raise

    def _begin(self, kind: str) -> None:
        """Begin a transaction as soon as no other program writes, or fail after a time.

        SQLite itself soon tries no more than ten times a second. That rarely meets the moment
        between two transactions of a program that writes one after the other, and a run of hours
        would end after some seconds of it: so each leaves a moment, and each tries often.
        """
        (milliseconds,) = self.execute("PRAGMA busy_timeout").fetchone()
        if kind == "DEFERRED" or not milliseconds:
            self.execute(f"BEGIN {kind}")
            return
        time.sleep(max(0.0, self._leave_until - time.monotonic()))
        deadline = time.monotonic() + milliseconds / 1000
        with self.setting("busy_timeout", 0):
            while True:
                try:
                    self.execute(f"BEGIN {kind}")
                    return
                except StoreError as error:
                    if sqlite_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                time.sleep(_TRY_AGAIN_SECONDS)

    @contextmanager
    def setting(self, pragma: str, value: int) -> Iterator[None]:
        """Give a pragma another value inside the block."""
        (before,) = self.execute(f"PRAGMA {pragma}").fetchone()
        self.execute(f"PRAGMA {pragma} = {value}")
        try:
            yield
        finally:
            self.execute(f"PRAGMA {pragma} = {before}")

    def execute_interruptibly(self, statement: str) -> list[Any]:
        """Return a statement's rows; what is raised meanwhile, by Ctrl-C say, breaks it off.

        SQLite then takes back what it did. Python's signal handlers wait for a call of SQLite to
        end, so it is made in a thread.
        """
        from concurrent.futures import ThreadPoolExecutor, wait  # only upkeep comes here

        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(lambda: self.execute(statement).fetchall())
            try:
                return work.result()
            except BaseException:
                while not work.done():
                    self.interrupt()
                    wait([work], _INTERRUPT_AGAIN_SECONDS)
                raise


def address_of(path: Path, options: str) -> str:
    """Return the file as an address that SQLite takes, with options such as `mode=ro`."""
    name = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    if os.name == "nt":
        name = "/" + name.replace("\\", "/")
    return f"file://{name}?{options}"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise an error of plain SQLite inside the block as a StoreError about `path`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise explanation(error, path) from error


def explanation(error: sqlite3.DatabaseError, path: Path) -> StoreError:
    """Return an error of SQLite as a sentence about `path`; Lockless where that is the reason."""
    unknown = f"{path}: the index cannot be used ({error})"
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return StoreError(unknown, Remedy.NAME_ANOTHER_INDEX)
    primary = code & _PRIMARY_CODE
    # SQLite tells a lack of locks like one that is held, like a disk that failed, or, where the
    # index was opened to be read, like a file that may not be written.
    if primary in _AS_WITHOUT_LOCKS and (reason := IndexLock(path).why_unshared()):
        return Lockless(path, reason)
    if primary in _AS_WHERE_FULL and is_full(path) and os.access(path.parent, os.W_OK):
        primary = sqlite3.SQLITE_FULL  # what SQLite says only of the file with the rows itself
    if primary not in _REFUSALS:
        return StoreError(unknown, "try again", Remedy.NAME_ANOTHER_INDEX)
    reason, *advice = _REFUSALS[primary]
    return StoreError(f"{path}: {reason.format(error=error)}", *advice)


def sqlite_code(error: StoreError) -> int | None:
    """Return the primary code of the error of SQLite behind this one, None where there is none."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY_CODE


def is_full(path: Path) -> bool:
    """Return whether the disk with the index has no room for a file of SQLite's beside it."""
    try:
        return shutil.disk_usage(path.parent).free < _LEAST_ROOM_BYTES
    except OSError:
        return False
