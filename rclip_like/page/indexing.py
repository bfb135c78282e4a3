"""The index run behind the page: a process of its own, so that it never holds up an answer."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.errors import ClipfindError, Interrupted, counted
from rclip_like.store.lock import Lockless

if TYPE_CHECKING:
    from rclip_like.index import Progress as IndexProgress
    from rclip_like.library.library import Library
    from rclip_like.settings import IndexSettings
    from rclip_like.values import Root

_PROGRAM = """\
import sys
sys.path[:] = sys.argv[1:]
from rclip_like.page.indexing import index_for_page
index_for_page()
"""
_NICENESS = 5
_REPORT_SECONDS = 0.3
_END_SECONDS = 10.0


class Progress(NamedTuple):
    """How far an index run is: `done` of `total` files that are read, None while that is unknown.

    indexed: how many pictures are in the index under the served folders. sentence: for people; ""
    where there is nothing to say.
    """

    running: bool
    done: int
    total: int | None
    indexed: int
    sentence: str


class BackgroundRun:
    """Brings the index up to date in a process of its own, which ends with this object.

    The process has a lower priority. Signals end it in order, with what was done kept; so does the
    end of the process that started it.
    """

    def __init__(
        self, library: Library, roots: Sequence[Root] | None, say: Callable[[ClipfindError], str]
    ) -> None:
        """say: puts an error into words."""
        self._library, self._roots, self._say = library, roots, say
        self._process: subprocess.Popen[bytes] | None = None
        self._reported: dict[str, Any] = {}
        self._lock = Lock()

    def start(self, settings: IndexSettings) -> None:
        """Start the run, if there is anything to index."""
        paths = [root.path for root in self._roots or ()]
        if self._roots is None:
            paths = [each for each in self._library.walked_folders() if os.path.isdir(each)]
        if not paths:
            return
        task = pickle.dumps((self._library.settings, self._library.database, paths, settings))
        command = [sys.executable, "-c", _PROGRAM, *sys.path]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._process = process
        self._following = Thread(target=self._follow, args=(process, task), daemon=True)
        self._following.start()

    def stop(self) -> None:
        """End the run as Ctrl-C does, and wait until it has ended."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._following.join()

    def is_running(self) -> bool:
        """Return whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def progress(self, indexed: int) -> Progress:
        """Return how far the run is, or one of another process; indexed: as in Progress."""
        with self._lock:
            last = dict(self._reported)
        done, total = last.get("done", 0), last.get("total")
        if self.is_running():
            if last.get("waiting"):
                sentence = "waiting for another run that is indexing"
            elif total is None:
                sentence = f"looking for new pictures: {counted(last.get('seen', 0), 'file')} seen"
            else:
                sentence = f"indexing: {done:,} of {counted(total, 'picture')}"
            return Progress(True, done, total, indexed, sentence)
        if self._is_indexed_by_others():
            sentence = f"another run is indexing: {counted(indexed, 'picture')} so far"
            return Progress(True, indexed, None, indexed, sentence)
        sentence = ""
        if "error" in last:
            error = pickle.loads(bytes.fromhex(last["error"]))
            sentence = f"the index could not be brought up to date: {self._say(error)}"
        elif self._process is not None and self._process.returncode:
            sentence = "the index could not be brought up to date: the run ended by itself"
        return Progress(False, indexed, indexed, indexed, sentence)

    def _is_indexed_by_others(self) -> bool:
        try:
            return self._library.is_indexing()
        except Lockless:  # where nothing can be locked, nobody indexes
            return False

    def _follow(self, process: subprocess.Popen[bytes], task: bytes) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # it has ended
            process.stdin.write(task)
            process.stdin.close()
        with process.stdout:
            for line in process.stdout:
                with self._lock:
                    self._reported = json.loads(line)
        process.wait()


def index_for_page() -> None:
    """Index as stdin says, and say on stdout how far that is: the whole life of the process."""
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    settings, database, paths, indexing = pickle.load(sys.stdin.buffer)
    from rclip_like.library.library import Library

    chosen = settings.library._replace(database=database)
    library = Library.of(settings._replace(library=chosen))
    reported_at = -_REPORT_SECONDS

    def report(progress: IndexProgress) -> None:
        nonlocal reported_at
        if time.monotonic() - reported_at >= _REPORT_SECONDS:
            reported_at = time.monotonic()
            _report(progress._asdict())

    try:
        library.index(
            paths, indexing, on_progress=report, on_wait=lambda: _report({"waiting": True})
        )
    except Interrupted:
        pass
    except ClipfindError as error:
        # Errors of some kinds cannot be pickled; what is said of them can.
        error = ClipfindError(error.reason, *error.remedies)
        _report({"error": pickle.dumps(error).hex()})
    sys.stdout.flush()
    os._exit(0)  # Python takes what was loaded down for seconds


def _report(what: dict[str, Any]) -> None:
    try:
        sys.stdout.write(f"{json.dumps(what)}\n")
        sys.stdout.flush()
    except OSError:  # who started this has ended
        os.kill(os.getpid(), signal.SIGTERM)
