"""The files of an index, by names that anyone can guess: nothing planted there is opened.

In a folder that others may write to, such a name can hold a link, a pipe or a file with further
names, so that a run would write elsewhere or wait for ever.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from rclip_like.errors import Remedy, StoreError
from rclip_like.files import FILE_MODE, FOLDER_MODE
from rclip_like.settings.beside import is_beside

LOG, SHARED = "-wal", "-shm"
SQLITE_SUFFIXES = (LOG, SHARED, "-journal")
"""What SQLite keeps beside a database, and leaves there after a kill."""

_NEVER_ELSEWHERE = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class Planted(StoreError, ValueError):
    """Something else lies where a file of the index belongs."""


def side_file(database: Path, suffix: str) -> Path:
    """Return the path of a file beside the index."""
    return database.with_name(database.name + suffix)


def sqlite_files(database: Path) -> list[Path]:
    """Return the paths of the index and of what SQLite keeps beside it, there or not."""
    return [database, *(side_file(database, suffix) for suffix in SQLITE_SUFFIXES)]


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 where nothing is."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def real_path(path: Path) -> Path:
    """Return where the index lies: at `path`, or where a link of that name leads to.

    So one index has one lock, one log and one matrix, by whatever name it is called. A link that
    leads to nothing is returned as it is. Raises Planted for another user's link.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return path
    if not stat.S_ISLNK(status.st_mode):
        return path
    if not _is_ours(status.st_uid, path.parent):
        raise Planted(f"{path}: this is another user's link", Remedy.NAME_ANOTHER_INDEX)
    return Path(os.path.realpath(path)) if path.exists() else path


def folder_mode(database: Path) -> int:
    """Return the mode for the folder of a new index: beside pictures that of their folder.

    Raises StoreError if the pictures' folder is not there.
    """
    if not is_beside(database):
        return FOLDER_MODE
    try:
        return stat.S_IMODE(database.parent.parent.stat().st_mode) & 0o777
    except OSError as error:
        raise StoreError(
            f"{database.parent.parent}: {error.strerror}, so no index can be made beside it"
        ) from error


def file_mode(path: Path) -> int:
    """Return the mode for a file of an index: beside pictures as far as the folder is open."""
    if not is_beside(path):
        return FILE_MODE
    try:
        return stat.S_IMODE(path.parent.stat().st_mode) & 0o666
    except OSError:
        return FILE_MODE


def open_own(path: Path, database: Path, flags: int) -> int:
    """Open a file of the index at `database` and return its descriptor.

    Raises Planted for anything but a regular file of the user's, of root's or of whom the folder
    or the index belongs to, and for one to be written to that has further names. Raises
    OSError as `os.open` does.
    """
    is_written = bool(flags & (os.O_WRONLY | os.O_RDWR))
    # Before, as opening a device does things; and after, as it may be another file by then.
    _refuse_planted(path, database, os.lstat(path), is_written=is_written)
    descriptor = os.open(path, flags | _NEVER_ELSEWHERE)
    try:
        _refuse_planted(path, database, os.fstat(descriptor), is_written=is_written)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_own(path: Path) -> int:
    """Make a file that its owner alone may read and write, and return its descriptor.

    A file beside pictures is as open to others as their folder. Raises FileExistsError
    where anything has that name, a link that leads to nothing, too.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NEVER_ELSEWHERE
    descriptor = os.open(path, flags, FILE_MODE)
    set_mode(descriptor, file_mode(path))
    return descriptor


def set_mode(descriptor: int, mode: int) -> None:
    """Give a file that was just made its mode, whatever the umask."""
    if os.name != "nt":
        with suppress(OSError):  # FAT keeps no modes
            os.fchmod(descriptor, mode)


def refuse_planted_logs(database: Path) -> None:
    """Raise Planted if SQLite would write its log elsewhere, or wait for it.

    It follows no links there by itself, but opens pipes and files with further names.
    """
    for suffix in SQLITE_SUFFIXES:
        path = f"{database}{suffix}"
        try:
            status = os.lstat(path)
        except OSError:
            continue
        _refuse_planted(Path(path), database, status, is_written=True)


def _refuse_planted(
    path: Path, database: Path, status: os.stat_result, *, is_written: bool
) -> None:
    if stat.S_ISLNK(status.st_mode):
        found = "a link"
    elif not stat.S_ISREG(status.st_mode):
        found = "not a regular file"
    elif is_written and status.st_nlink > 1:
        found = "a file with another name, too (a hard link),"
    elif not _is_ours(status.st_uid, database.parent, database):
        found = "another user's file"
    else:
        return
    raise Planted(
        f"{path}: this is {found} where a file of the index belongs, and was left as it is",
        "see what it is and remove it",
        Remedy.NAME_ANOTHER_INDEX,
    )


def _is_ours(owner: int, *paths: Path) -> bool:
    """Return whether the owner is the user, root, or the owner of one of the paths.

    On a disk of the network the server may give all files to one owner of its own.
    """
    if owner == 0 or owner == os.geteuid():  # on Windows all are 0
        return True
    for path in paths:
        with suppress(OSError):
            if path.stat().st_uid == owner:
                return True
    return False
