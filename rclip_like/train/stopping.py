"""Signals during training: a run stops between two steps, or at once where it takes none."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from rclip_like.errors import Interrupted

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
REPEATED_SECONDS = 1.0
"""Signals within this time count as one: `timeout` sends its signal twice, and a closing session
sends SIGTERM and SIGHUP."""


@contextmanager
def stopped_at_once(output: Path) -> Iterator[None]:
    """Raise Interrupted, which says whether the folder holds anything, when a signal stops a block.

    Signals are those of `Stopping`, with which parts of the block may note them instead. What the
    block does because of the first signal, the signals that come with it do not stop.
    """
    stopping = Stopping(lambda: True, is_at_once=True)
    try:
        with stopping:
            yield
    except BaseException as error:
        # Libraries make other errors of a KeyboardInterrupt.
        if stopping.signal is None:
            raise
        if output.is_dir() and any(output.iterdir()):
            raise Interrupted(stopping.signal) from error
        raise Interrupted(stopping.signal, kept="nothing was kept") from error


class Stopping:
    """Notes SIGINT, SIGTERM and SIGHUP while the block runs, if it runs in the main thread.

    `signal` is the first one, None until it comes. One that comes later than REPEATED_SECONDS after
    it raises KeyboardInterrupt where `is_breakable` returns true; with is_at_once, the first one
    does so, too. A signal that was ignored before (nohup, a job in the background) stays ignored.
    After a signal, a block that ends by itself or in KeyboardInterrupt raises Interrupted.
    """

    def __init__(self, is_breakable: Callable[[], bool], *, is_at_once: bool = False) -> None:
        self.signal: signal.Signals | None = None
        self._is_breakable, self._is_at_once = is_breakable, is_at_once
        self._came_at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self.signal is not None and kind in (None, KeyboardInterrupt):
            raise Interrupted(self.signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._came_at = signal.Signals(number), time.monotonic()
            if self._is_at_once:
                raise KeyboardInterrupt
        elif time.monotonic() - self._came_at >= REPEATED_SECONDS and self._is_breakable():
            raise KeyboardInterrupt
