"""Signals during training: noted, so that a run stops between two steps."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from rclip_like.errors import Interrupted

_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
REPEATED_SECONDS = 1.0
"""Signals within this time count as one: `timeout` sends its signal twice, and a closing session
sends SIGTERM and SIGHUP."""


class Stopping:
    """Notes SIGINT, SIGTERM and SIGHUP while the block runs, if it runs in the main thread.

    `signal` is the first one, None until it comes. One that comes later than REPEATED_SECONDS after
    it raises KeyboardInterrupt where `is_breakable` returns true. A signal that was ignored before
    (nohup, a job in the background) stays ignored. After a signal, a block that ends by itself or
    in KeyboardInterrupt raises Interrupted.
    """

    def __init__(self, is_breakable: Callable[[], bool]) -> None:
        self.signal: signal.Signals | None = None
        self._is_breakable = is_breakable
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
        elif time.monotonic() - self._came_at >= REPEATED_SECONDS and self._is_breakable():
            raise KeyboardInterrupt
