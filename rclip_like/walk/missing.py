"""Whether a file that a walk did not meet is really gone; in doubt it is not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from rclip_like.values import signed


class Missing(NamedTuple):
    """The paths of files that were looked for in vain; all others are there."""

    gone: set[bytes]
    in_doubt: list[bytes]
    """Not there, but perhaps not gone: their disk may be elsewhere."""
    out_of_reach: list[bytes]
    """In folders that cannot be entered."""


def look_for(files: Iterable[tuple[bytes, int]]) -> Missing:
    """Look for files by path and the device on which their folders were; see `is_gone`."""
    missing = Missing(set(), [], [])
    can_enter: dict[bytes, bool] = {}
    for path, device in files:
        if is_missing(path):
            if _device_above(path, b"") == device:
                missing.gone.add(path)
            else:
                missing.in_doubt.append(path)
            continue
        folder = os.path.dirname(path)
        if folder not in can_enter:
            can_enter[folder] = os.path.lexists(os.path.join(folder, b"."))
        if not can_enter[folder]:
            missing.out_of_reach.append(path)
    return missing


def is_gone(path: bytes, device: int, root: bytes) -> bool:
    """Return whether a file that was on `device` certainly no longer exists.

    Its name must be missing, and the nearest folder above it, no higher than `root`, must be on
    the device where the file was: an unmounted disk leaves an empty folder on another device. A
    folder that cannot be read proves nothing. With an empty `root` any folder above will do, so
    that a root which was deleted as a whole is gone, too.
    """
    # The folder's device is looked up each time: the disk may be unmounted between two files.
    return is_missing(path) and _device_above(path, root) == device


def is_folder_gone(path: bytes, device: int) -> bool:
    """Return whether a folder that was on `device` certainly no longer exists.

    The nearest existing folder above it must be on the same device: a mount point may have been
    removed after its disk.
    """
    return _kind(path) == 0 and _device_above(path, b"") == device


def nearest_folder(path: bytes) -> bytes:
    """Return the lowest folder above `path` that is there, as far as one may look."""
    folder = os.path.dirname(path)
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def is_unmounted(folder: bytes, device: int) -> bool:
    """Return whether a folder that was on `device` is empty now and on another one.

    A mount point looks like this without its disk. Raises OSError when the folder cannot be listed.
    """
    with os.scandir(folder) as entries:
        return device_of(folder) != device and next(entries, None) is None


def is_missing(path: bytes) -> bool:
    """Return whether no file has this name; not whether that proves much.

    A link counts as a file, wherever it leads: its target may lie on a disk that is not mounted.
    """
    return _kind(path) not in (stat.S_IFREG, stat.S_IFLNK, None)


def _kind(path: bytes) -> int | None:
    """Return the kind of what has this name, 0 for nothing, None if the system does not say."""
    try:
        return stat.S_IFMT(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def device_of(path: bytes) -> int:
    """Return the device that a file or folder lies on, as an index holds it. Raises OSError."""
    return signed(os.stat(path).st_dev)


def folder_device(path: bytes) -> int | None:
    """Return the device of the folder that holds `path`, None if the system does not say.

    Not the file's own: overlay file systems give files the device of the layer they come from.
    """
    try:
        return device_of(os.path.dirname(path))
    except (OSError, ValueError):
        return None


def _device_above(path: bytes, root: bytes) -> int | None:
    folder = os.path.dirname(path)
    highest = min(len(root), len(folder))  # a root that is a file lies below its folder
    while len(folder) >= highest:
        try:
            return device_of(folder)
        except (FileNotFoundError, NotADirectoryError):
            above = os.path.dirname(folder)
            if above == folder:  # a drive that is gone
                return None
            folder = above
        except (OSError, ValueError):
            return None
    return None
