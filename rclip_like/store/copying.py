"""A whole copy of an index, taken while others may write to it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import IndexLocked, Remedy, StoreError
from rclip_like.store.connection import explained, sqlite_code
from rclip_like.store.lock import IndexLock
from rclip_like.store.opening import sync_folder, version_of
from rclip_like.store.side_files import make_own, side_file, sqlite_files

if TYPE_CHECKING:
    from rclip_like.store.store import Store

_DRAFT = ".copy"
_PAGES_AT_ONCE = 4096
"""After so many, Ctrl-C is heard."""


def copy_index(store: Store, path: Path, *, replace: bool = False) -> int:
    """Write a whole copy of an index to `path`, and return its size in bytes.

    It has every row that was committed when this began, whoever writes meanwhile, and the mode of
    the original. It is checked before it gets its name, and a kill leaves no more than a draft
    beside it, which the next copy removes. Raises StoreError when something is there already,
    unless it is an index and `replace` is set; IndexLocked when a process writes to that.
    """
    path = Path(os.path.abspath(path))
    _refuse_what_is_there(store, path, replace=replace)
    draft = side_file(path, _DRAFT)
    try:
        with IndexLock(path).held(wait=False):
            try:
                _write(store, draft)
                _refuse_what_is_there(store, path, replace=replace)
                # The log of an index that was there would be played into this one.
                for side in sqlite_files(path)[1:]:
                    side.unlink(missing_ok=True)
                os.replace(draft, path)
                sync_folder(path.parent)
            finally:
                for left in sqlite_files(draft):
                    with suppress(OSError):
                        left.unlink()
    except IndexLocked as error:
        raise IndexLocked(
            f"{path}: another process is writing this file",
            "wait until it is done, or name another file",
        ) from error
    except StoreError as error:
        if sqlite_code(error) != sqlite3.SQLITE_FULL:
            raise
        raise StoreError(f"{path}: the disk has no room for the copy", "make room") from error
    except OSError as error:
        raise StoreError(
            f"{path}: the copy cannot be written ({error.strerror})",
            "check the permissions of the folder and the free space",
        ) from error
    return path.stat().st_size


def _refuse_what_is_there(store: Store, path: Path, *, replace: bool) -> None:
    if not path.parent.is_dir():
        raise StoreError(f"{path}: there is no such folder for the copy")
    if not os.path.lexists(path):
        return
    if path.exists() and path.samefile(store.path):
        raise StoreError(f"{path}: this is the index itself; name another file for the copy")
    if not replace:
        raise StoreError(f"{path} exists already", Remedy.REPLACE)
    if path.is_symlink():
        raise StoreError(f"{path}: this is a link, which a copy does not replace")
    version_of(path)


def _write(store: Store, draft: Path) -> None:
    """Write the copy under the draft's name, synced and checked."""
    for left in sqlite_files(draft):
        left.unlink(missing_ok=True)
    descriptor = make_own(draft)
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy, explained(draft):
            with store.snapshot(), explained(store.path):
                # The first question begins the snapshot: what others write does not disturb it.
                store.connection.execute("SELECT count(*) FROM models").fetchone()
                store.connection.backup(copy, pages=_PAGES_AT_ONCE, progress=lambda *_: None)
            # In the log's mode the copy would have side files; the next run turns it on again.
            copy.execute("PRAGMA synchronous = FULL")
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("DELETE FROM matrices")  # their files stay beside the original
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
            copy.execute("PRAGMA journal_mode = WAL")
        if found != "ok":
            raise StoreError(f"{store.path}: the index is damaged ({found})", Remedy.REPAIR)
        if os.name != "nt":
            with suppress(OSError):  # FAT keeps no modes
                os.fchmod(descriptor, stat.S_IMODE(store.path.stat().st_mode))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
