"""Stopping: signals and the time limit of one run, so that it ends soon and in order."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rclip_like.errors import Interrupted

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_REMIND_SECONDS = 0.2


class Stopped(BaseException):
    """A signal came inside a breakable block; no `except Exception` holds this up."""


class Stopping:
    """Takes SIGINT, SIGTERM and SIGHUP while the block runs, if it runs in the main thread.

    A signal is only noted, so that transactions end whole; a `breakable` block it breaks off at
    once. A signal that was ignored before (nohup, a job in the background) stays ignored.
    """

    def __init__(self) -> None:
        self.remaining: int | None = None
        """How many pictures an interrupted run has left to do, once that is known."""
        self._signal: signal.Signals | None = None
        self._is_breakable = False
        self._is_over = False
        self._before: dict[int, Any] = {}
        self._came = threading.Event()
        self._reminder = threading.Thread(target=self._remind, daemon=True)

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._reminder.start()
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.settle()
        self._came.set()
        if self._reminder.is_alive():
            self._reminder.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._signal is not None and (kind is None or kind is Stopped):
            raise Interrupted(self._signal, self.remaining)

    @contextmanager
    def breakable(self) -> Iterator[None]:
        """Let a signal break off the block with Stopped, even a signal that came before it."""
        before, self._is_breakable = self._is_breakable, True
        try:
            if self._signal is not None:
                raise Stopped
            yield
        except Exception as error:
            if self._signal is not None:
                # The signal broke it; the error is not one of its own.
                raise Stopped from error
            raise
        finally:
            self._is_breakable = before

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let a signal that comes in this block, inside a breakable one, wait for its end."""
        before, self._is_breakable = self._is_breakable, False
        yield
        self._is_breakable = before
        if before and self._signal is not None and not self._is_over:
            raise Stopped

    def settle(self) -> None:
        """Let no signal break off anything from now on: what follows Stopped has to be done."""
        self._is_breakable = False
        self._is_over = True

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = self._signal or signal.Signals(number)
        self._came.set()
        if self._is_breakable and not self._is_over:
            raise Stopped

    def _remind(self) -> None:
        """Raise the signal again until the run ends: an import may swallow what is raised in it."""
        self._came.wait()
        while not self._is_over:
            time.sleep(_REMIND_SECONDS)
            if not self._is_breakable or self._signal is None:
                continue
            if sys.platform == "win32":
                _thread.interrupt_main(self._signal)
            else:  # which ends a sleep or a read, too
                signal.pthread_kill(threading.main_thread().ident or 0, self._signal)


@contextmanager
def time_limit(seconds: float | None, on_end: Callable[[], None]) -> Iterator[None]:
    """Call `on_end` from another thread when the block still runs after `seconds`."""
    if seconds is None:
        yield
        return
    timer = threading.Timer(max(0.0, seconds), on_end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
