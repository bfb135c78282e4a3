"""`clipfind index --watch`: index again whenever something changes, until a signal ends it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

from rclip_like.cli.remedies import said
from rclip_like.errors import ClipfindError, Interrupted, UsageError
from rclip_like.output.terminal import escaped_path

if TYPE_CHECKING:
    from rclip_like.cli.index import IndexOptions
    from rclip_like.library import Library
    from rclip_like.walk.watching import Changes

ENDED = 0
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def watch(
    library: Library, named: Sequence[bytes], options: IndexOptions, index: Callable[[], int]
) -> int:
    """Index once, then after every change below the folders; return 0 when a signal ends it.

    Between two runs nothing is locked, and the pause is as long as the run before took, so that
    others may index too. An error ends the first run, and is said of later ones. Raises UsageError
    for a path that is a file.
    """
    from rclip_like.walk.watching import LOOK_SECONDS, Changes

    talk = options.talk
    paths = [os.path.expanduser(path) for path in named] or [b"."]
    if file := next((path for path in paths if os.path.isfile(path)), None):
        raise UsageError(f"--watch takes folders, and {os.fsdecode(file)} is a file")
    folders = [os.path.realpath(path) for path in paths]
    changes = Changes(folders, options.settings.walk, library.database)
    is_first, failed, said_failure = True, False, ""
    with _stopped_by_signals() as stop:
        while not stop.is_set():
            with changes.begun() as wait:
                started = time.monotonic()
                failed = False
                try:
                    index()
                except Interrupted:
                    break
                except ClipfindError as error:
                    if is_first:
                        raise
                    talk.error(said(error))
                    failed = True
                if is_first:
                    _say_what_is_watched(changes, talk.note)
                elif changes.failure and changes.failure != said_failure:
                    talk.note(_about_failure(changes))
                is_first, said_failure = False, changes.failure
                wait(stop, LOOK_SECONDS if failed else time.monotonic() - started)
    talk.note("no longer watching; what was finished is kept")
    return ENDED


def _say_what_is_watched(changes: Changes, note: Callable[[str], None]) -> None:
    for mount in changes.remote:
        note(
            f"{escaped_path(mount.path)} is a network drive or the like ({mount.kind}), which does "
            "not report changes; looking every minute"
        )
    if changes.failure:
        note(_about_failure(changes))
    folders = ", ".join(map(escaped_path, changes.folders))
    note(f"watching {folders}; Ctrl-C ends it")


def _about_failure(changes: Changes) -> str:
    return f"the system does not report changes ({changes.failure}); looking every minute"


@contextmanager
def _stopped_by_signals() -> Iterator[Event]:
    """Give an event that Ctrl-C, SIGTERM and SIGHUP set while the block runs.

    A signal that was ignored before stays ignored.
    """
    stop = Event()

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {
        number: signal.signal(number, note)
        for number in numbers
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
