"""What identifies a file: its inode, where the file system keeps it; its device; its content."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Mapping

from rclip_like.files import lies_in, open_at_once
from rclip_like.values import FileFacts
from rclip_like.walk.missing import folder_device

_RUNS_THAT_TELL = 2
_FILES_THAT_TELL = 16
"""Fewer files may have been restored one by one, and reading them again costs little."""
_CHUNK_BYTES = 1 << 20


class Inodes:
    """Learns whether the file systems under the roots keep the inodes of their files.

    Some network file systems give every file another inode at each mount. If several runs in a row
    saw this of all files, only size and mtime show what has changed.
    """

    def __init__(self, before: Mapping[bytes, int], setting: str = "auto") -> None:
        """before: by folder, in how many runs in a row all inodes were new."""
        self._before = before
        self._setting = setting
        self._kept: set[bytes] = set()
        self._changed: Counter[bytes] = Counter()

    def are_stable(self, path: bytes) -> bool:
        """Return whether a new inode means another file here."""
        if self._setting != "auto":
            return self._setting == "stable"
        return not any(
            number >= _RUNS_THAT_TELL and lies_in(path, folder)
            for folder, number in self._before.items()
        )

    def note(self, root: bytes, *, is_same: bool) -> None:
        """Note a file below a root, of the same size and mtime, under the same inode or another."""
        if is_same:
            self._kept.add(root)
        else:
            self._changed[root] += 1

    def note_replaced(self, path: bytes) -> None:
        """Note a file whose content changed while its size and mtime did not.

        Its new inode meant something, and so may all others below the root. Any thread may call
        this.
        """
        roots = list(self._changed)
        self._kept.update(root for root in roots if lies_in(path, root))

    def now(self, roots: Iterable[bytes]) -> dict[bytes, int]:
        """Return what the index is to store of these folders, where it differs from before."""
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


class Devices:
    """Learns from unchanged files which devices were mounted anew under another number."""

    def __init__(self) -> None:
        self.same: set[int] = set()
        self._now: dict[tuple[int, int], int | None] = {}

    def compare(self, device: int, found: FileFacts) -> None:
        """Take in a file that is where and as it was, and the device it was on."""
        if device == found.device:
            self.same.add(device)
        elif (device, found.device) not in self._now:
            # Once for each pair of numbers: overlay file systems give a file another device
            # than its folder, and the index stores the folder's.
            self._now[device, found.device] = folder_device(found.path)

    def moved(self) -> dict[int, int]:
        """Return old number -> new, where all files of a device went to one and the same."""
        targets: dict[int, set[int | None]] = {}
        for (old, _), now in self._now.items():
            targets.setdefault(old, set()).add(now)
        return {
            old: now
            for old, among in targets.items()
            for now in among
            if len(among) == 1 and now not in (None, old) and old not in self.same
        }


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
