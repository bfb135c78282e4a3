"""Whether a file that a walk did not meet is really gone; in doubt it is not."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping

from rclip_like.files import open_at_once

_RUNS_THAT_TELL = 2
_FILES_THAT_TELL = 16
"""Fewer may have been restored from a copy one by one, and to read them again costs little."""
_CHUNK_BYTES = 1 << 20


def is_gone(path: bytes, device: int, root: bytes) -> bool:
    """Return whether a file that lay on `device` is known to exist no more.

    Its name must be missing, and the nearest folder above it, no higher than `root`, must lie
    on the device where the file was: a mount that is gone leaves an empty folder on another
    one. A folder that cannot be read proves nothing. An empty `root` sets no limit: then a root
    that was deleted as a whole is gone, too.
    """
    # Where the folder lies is asked now and not remembered: the mount may vanish between two files.
    return is_missing(path) and _device_above(path, root) == device


def is_folder_gone(path: bytes, device: int) -> bool:
    """Return whether a folder that lay on `device` is known to exist no more.

    The nearest folder above that is there must lie on the same device: the place of a mount may
    have been removed with it.
    """
    return _is_nothing(path) and _device_above(path, b"") == device


def nearest_folder(path: bytes) -> bytes:
    """Return the lowest folder above `path` that is there, as far as one may look."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def is_unmounted(folder: bytes, device: int) -> bool:
    """Return whether a folder that was on `device` is empty now and on another one.

    So looks the place of a mount that is gone. Raises OSError when the folder cannot be listed.
    """
    with os.scandir(folder) as entries:
        return os.stat(folder).st_dev != device and next(entries, None) is None


class Inodes:
    """Learns whether the file systems under the roots keep their files' inodes.

    Some network file systems give every file another inode at each mount. Where that was seen of
    all files in several runs in a row, size and mtime alone tell what has changed.
    """

    def __init__(self, before: Mapping[bytes, int], setting: str = "auto") -> None:
        """Begin with what runs before have seen: by folder, in how many all inodes were new."""
        self._before = before
        self._setting = setting
        self._kept: set[bytes] = set()
        self._changed: Counter[bytes] = Counter()

    def are_stable(self, path: bytes) -> bool:
        """Return whether the inode of this file tells anything."""
        if self._setting != "auto":
            return self._setting == "stable"
        return not any(
            number >= _RUNS_THAT_TELL and path.startswith(os.path.join(folder, b""))
            for folder, number in self._before.items()
        )

    def keep(self, root: bytes) -> None:
        """Note a file below a root that has its inode still."""
        self._kept.add(root)

    def replace(self, path: bytes) -> None:
        """Note a file of the same size and mtime but with another content: it has its inode for a
        reason, and so may all others below the root. Any thread may call this.
        """
        roots = list(self._changed)
        self._kept.update(root for root in roots if path.startswith(os.path.join(root, b"")))

    def change(self, root: bytes) -> None:
        """Note a file of the same size and mtime under another inode."""
        self._changed[root] += 1

    def now(self, roots: Iterable[bytes]) -> dict[bytes, int]:
        """Return what is to be remembered of these folders, where it differs from before."""
        found = {}
        for root in roots:
            before = self._before.get(root, 0)
            number = before
            if root in self._kept:
                number = 0
            elif self._changed[root] >= _FILES_THAT_TELL:
                number = min(before + 1, _RUNS_THAT_TELL)
            if number != before:
                found[root] = number
        return found


def content_digest(path: bytes, size_bytes: int) -> bytes | None:
    """Return the BLAKE3 of a regular file of this size, None where it cannot be had."""
    from blake3 import blake3

    digest = blake3()
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size != size_bytes:
                return None
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return None
    return digest.digest()


def is_missing(path: bytes) -> bool:
    """Return whether no file has this name; not whether that proves much.

    A link is one, wherever it leads: what it led to may lie on a disk that is not mounted.
    """
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def _is_nothing(path: bytes) -> bool:
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return False
    return False


def folder_device(path: bytes) -> int | None:
    """Return the device of the folder that holds `path`, None where that cannot be told.

    Not the file's own: overlay file systems give files the device of the layer they come from.
    """
    try:
        return os.stat(os.path.dirname(path)).st_dev
    except (OSError, ValueError):
        return None


def _device_above(path: bytes, root: bytes) -> int | None:
    folder = os.path.dirname(path)
    highest = min(len(root), len(folder))  # a root that is a file lies below its folder
    while len(folder) >= highest:
        try:
            return os.stat(folder).st_dev
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(folder)
            if above == folder:  # a drive that is gone
                return None
            folder = above
        except (OSError, ValueError):
            return None
    return None
