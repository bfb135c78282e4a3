"""Work for the page in a process of its own, so that it never holds up an answer."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Protocol

from rclip_like.errors import ClipfindError, Interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from rclip_like.library.library import Library
    from rclip_like.settings import LibrarySettings

_PROGRAM = """\
import sys
sys.path[:] = sys.argv[3:]
from rclip_like.page.worker import work
work(*sys.argv[1:3])
"""
_NICENESS = 5
_REPORT_SECONDS = 0.3
_END_SECONDS = 10.0


class Report(Protocol):
    """Sends a report to the process that waits for it; with `seldom` a few a second, others not."""

    def __call__(self, what: dict[str, Any], *, seldom: bool = False) -> None:
        """Send what can be pickled."""


class Worker:
    """A function at work in a process of its own, which ends with this object's process.

    The process has a lower priority. SIGTERM ends it as the function has it, by default at once;
    so does, with the next report, the end of the process that started it.
    """

    def __init__(self, function: Callable[[Any, Report], None], task: object) -> None:
        """Start it. function: of a module, so that it is found by its name; task: for it."""
        command = [sys.executable, "-c", _PROGRAM, function.__module__, function.__name__]
        self._process = subprocess.Popen(
            [*command, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._last: dict[str, Any] = {}
        self._lock = Lock()
        self._following = Thread(target=self._follow, args=(pickle.dumps(task),), daemon=True)
        self._following.start()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def stop(self) -> None:
        """End the process with SIGTERM, or by force, and wait until it has ended."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._following.join()

    def is_running(self) -> bool:
        """Return whether there may be another report."""
        return self._following.is_alive()

    def last(self) -> dict[str, Any]:
        """Return the last report, {} if there is none; `error` in it is a ClipfindError."""
        with self._lock:
            return dict(self._last)

    def has_failed(self) -> bool:
        """Return whether the process has ended by itself, as when its memory did not suffice."""
        return not self.is_running() and self._process.returncode != 0

    def _follow(self, task: bytes) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):  # it has ended
            self._process.stdin.write(task)
            self._process.stdin.close()
        with self._process.stdout as reports, suppress(EOFError, pickle.UnpicklingError):
            while True:
                report = pickle.load(reports)
                with self._lock:
                    self._last = report
        self._process.wait()


def work(module: str, name: str) -> None:
    """Run a function with the task that stdin has, and report on stdout: all that a worker does."""
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)
    task = pickle.load(sys.stdin.buffer)
    # What anything else prints, in this process or in those that it starts, is no report.
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    reported_at = -_REPORT_SECONDS

    def report(what: dict[str, Any], *, seldom: bool = False) -> None:
        nonlocal reported_at
        if seldom and time.monotonic() - reported_at < _REPORT_SECONDS:
            return
        reported_at = time.monotonic()
        try:
            pickle.dump(what, reports)
            reports.flush()
        except OSError:  # who started this has ended
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        getattr(import_module(module), name)(task, report)
    except Interrupted:
        pass
    except ClipfindError as error:
        # Errors of some kinds cannot be pickled; what is said of them can.
        report({"error": ClipfindError(error.reason, *error.remedies)})
    os._exit(0)  # Python takes what was loaded down for seconds


def library_of(settings: LibrarySettings, database: Path) -> Library:
    """Return the library of the process that gave a task, by its settings and its index."""
    from rclip_like.library.library import Library

    chosen = settings.library._replace(database=database)
    return Library.of(settings._replace(library=chosen))
