"""Waiting until something changes below folders, so that another walk would find it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from rclip_like.settings import WalkSettings, cache_folder, data_folder
from rclip_like.values import opened_extensions
from rclip_like.walk.mounts import Mount, read_mounts, remote_mounts
from rclip_like.walk.patterns import IGNORE_FILES, extension, is_hidden

QUIET_SECONDS = 1.0
"""So long nothing must change before a wait ends: a copy of many files is taken as one change."""
MOST_SECONDS = 10.0
"""A wait ends after so long of changes without a pause."""
LOOK_SECONDS = 60.0
"""How often to look where nothing reports changes."""
SAFETY_SECONDS = 3600.0
"""A wait ends after so long even if no change was reported."""

_MANY = 1000
"""So many changes at once end a wait: the kernel may have dropped those that matter."""
_OTHER_FILES = frozenset((*IGNORE_FILES, b".nomedia"))
_SIDECAR = b".xmp"


class Changes:
    """What has changed below folders since the block was entered.

    A new block for each walk: what changes before the walk is found by it, what changes afterwards
    ends the wait. So it does not matter if the kernel drops messages because there are too many
    (16,384 on Linux): as many as it kept end the wait, whatever they are of, and the next block
    looks at all folders anew. folders: real paths. database: the index, whose own files are left
    out. remote: the mounts that report no changes; with any, a wait takes `LOOK_SECONDS`.
    """

    def __init__(self, folders: Sequence[bytes], settings: WalkSettings, database: Path) -> None:
        self.folders = folders
        self.remote: list[Mount] = remote_mounts(folders, read_mounts())
        self.failure = ""
        """Why the system does not report changes, though no mount is remote."""
        own = (cache_folder(), data_folder())
        self._own_folders = tuple(os.fsencode(os.path.realpath(each)) + b"/" for each in own)
        self._database = os.fsencode(os.path.realpath(database))
        self._takes_hidden = settings.hidden

    @contextmanager
    def begun(self) -> Iterator[Callable[[Event, float], None]]:
        """Give a function that waits until something has changed since this block was entered.

        It takes an event that ends the wait, and for how many seconds to wait at least.
        """
        if self.remote:
            yield self._wait_and_look
            return
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        try:
            paths = [os.fsdecode(each) for each in self.folders]
            notify = RustNotify(paths, False, False, 0, True, True)
        except (OSError, UnicodeError, WatchfilesRustInternalError) as error:
            # A folder is gone for now, or there are more folders than the system lets be watched.
            self.failure = getattr(error, "strerror", None) or str(error)
            yield self._wait_and_look
            return
        self.failure = ""

        def wait(stop: Event, least_seconds: float) -> None:
            stop.wait(least_seconds)
            until = time.monotonic() + SAFETY_SECONDS
            while not stop.is_set() and time.monotonic() < until:
                quiet, most = int(QUIET_SECONDS * 1000), int(MOST_SECONDS * 1000)
                try:
                    changes = notify.watch(most, quiet, int(LOOK_SECONDS * 1000), stop)
                except WatchfilesRustInternalError:  # for instance, a name that is not text
                    return
                if isinstance(changes, set) and (
                    len(changes) >= _MANY
                    or any(self._is_wanted(kind, os.fsencode(path)) for kind, path in changes)
                ):
                    return

        try:
            yield wait
        finally:
            notify.close()

    def _wait_and_look(self, stop: Event, least_seconds: float) -> None:
        stop.wait(max(LOOK_SECONDS, least_seconds))

    def _is_wanted(self, kind: int, path: bytes) -> bool:
        """Return whether a walk may find something else for this change.

        kind: 1 for added, 2 for modified, 3 for deleted, as watchfiles numbers them.
        """
        if path.startswith((self._database, *self._own_folders)):
            return False
        name = os.path.basename(path)
        if name in _OTHER_FILES:
            return True
        root = max((each for each in self.folders if path.startswith(each)), key=len, default=b"")
        parts = path[len(root) :].strip(b"/").split(b"/")
        if not self._takes_hidden and any(map(is_hidden, parts)):
            return False
        # What is deleted may have been a folder of any name, such as 2024.06.
        is_picture = extension(name) in opened_extensions() or extension(name) == _SIDECAR
        return is_picture or kind == 3 or os.path.isdir(path)
