"""Files: those of others, opened and decoded; our own, for their owner alone, written whole.

What is indexed is its owner's business, so that modes are set whatever the umask.
"""

from __future__ import annotations

import errno
import os
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_OTHERS = 0o077
_MOST_OF_NAME = 200
"""Bytes of a file's name that its draft has, which itself may have 255."""


def lies_in(path: bytes, folder: bytes) -> bool:
    """Return whether a path is that of a folder, or of something in it; both absolute."""
    return path == folder or path.startswith(os.path.join(folder, b""))


def open_at_once(path: str | bytes, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe, as an `opener` for `open`.

    Under a name that others gave there may be a pipe or a device.
    """
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_limited(path: Path, most_bytes: int = 1 << 20) -> bytes:
    """Return what a file or a pipe holds. Raises OSError, also for more than `most_bytes`."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise OSError(errno.EFBIG, f"has more than {most_bytes:,} bytes", str(path))
    return content


def decoded(content: bytes, *, keep_bytes: bool = False) -> str:
    """Return text in UTF-8, with or without its mark, or in UTF-16 with its mark; no mark is left.

    Nothing is guessed: raises UnicodeError for anything else. With `keep_bytes`, what is marked as
    nothing else keeps bytes that are not UTF-8, as names on Linux may be any, for `os.fsencode`.
    """
    # UTF-32 begins with the mark of UTF-16, and a NUL that no text begins with.
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and not content.startswith(BOM_UTF32_LE):
        return content.decode("utf-16")
    errors = "surrogateescape" if keep_bytes else "strict"
    return content.removeprefix(BOM_UTF8).decode("utf-8", errors)


def make_folder(folder: Path, mode: int = FOLDER_MODE) -> list[Path]:
    """Make a folder and those missing above it, and return the ones made, outermost first.

    One that is there stays as it is. The mode is what the umask may leave. Raises OSError.
    """
    if folder.is_dir():
        return []
    if folder.is_symlink():
        raise OSError(errno.ENOTDIR, "a link that leads to no folder", str(folder))
    made = make_folder(folder.parent, mode)
    folder.mkdir(mode=mode, exist_ok=True)
    return [*made, folder]


def close_folders(folders: Iterable[Path]) -> None:
    """Close folders to others, where they are there, ours and open.

    Links in their place are left alone: who links to another folder says who may look in.
    """
    if os.name == "nt":  # there a user's folders are closed by what they inherit
        return
    for folder in folders:
        with suppress(OSError):  # it is not there, or on a read-only medium
            status = folder.lstat()
            is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
            if is_own and status.st_mode & _OTHERS:
                folder.chmod(FOLDER_MODE)


def close_tree(folder: Path) -> None:
    """Close a folder and all in it to others, where another library wrote it. Raises OSError.

    Links are left alone, hard ones too: what they share with another folder is not ours to close.
    """
    folder.chmod(FOLDER_MODE)
    for inner, folders, files in os.walk(folder):
        for names, mode in ((folders, FOLDER_MODE), (files, FILE_MODE)):
            for path in (Path(inner, name) for name in names):
                status = path.lstat()
                is_ours = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
                if is_ours or stat.S_ISDIR(status.st_mode):
                    path.chmod(mode)


@contextmanager
def write_whole(
    path: Path, mode: int = FILE_MODE, *, draft: str | None = None, is_synced: bool = True
) -> Iterator[Path]:
    """Give an empty draft that takes the path, synced, when the block ends; else nothing changes.

    Folders above that are missing are made. The draft lies in the same folder, under the name
    `draft` or a hidden one of this process; what has its name is removed, never written through.
    The mode is what the umask may leave. is_synced: False for what has a checksum and can be made
    again. Raises OSError.
    """
    make_folder(path.parent)
    kept = os.fsdecode(os.fsencode(path.name)[:_MOST_OF_NAME])
    written = path.with_name(draft or f".{kept}.{os.getpid()}")
    written.unlink(missing_ok=True)  # of a process of that number that was killed
    os.close(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    mode = stat.S_IMODE(written.stat().st_mode)
    try:
        yield written
        if stat.S_IMODE(written.stat().st_mode) != mode:
            written.chmod(mode)  # safetensors, for one, makes it anew, for its owner alone
        if is_synced:
            with written.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(written, path)
    except BaseException:
        with suppress(OSError):
            written.unlink()
        raise
