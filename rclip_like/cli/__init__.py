"""The command line: options to settings, the library's work, output, and an exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

PROGRAM = "clipfind"
INTERRUPTED = 130

_SLOW_TO_END = ("torch", "onnxruntime", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (default: `sys.argv`) and return its exit status."""
    gc.disable()  # modules are never freed, and looking costs a twentieth of a start
    try:
        from rclip_like.cli.entry import run
    except KeyboardInterrupt:  # most of a short call's time is this import
        if arguments is None:
            _ignore_signals()
        return INTERRUPTED
    finally:
        gc.enable()
    if arguments is not None:
        return run(arguments)
    try:
        status = run()
        _ignore_signals()
    except KeyboardInterrupt as error:  # one more, while the first was being answered
        _ignore_signals()
        status = getattr(error, "exit_status", INTERRUPTED)
    if sys.modules.keys().isdisjoint(_SLOW_TO_END):
        return status
    # Python takes up to two seconds to tear torch down, and threads may encode what nobody waits
    # for after a Ctrl-C. All that must be kept is on the disk; only the streams hold something.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, now or from the start
            stream.flush()
    os._exit(status)


def _ignore_signals() -> None:
    """Let no signal change an exit status that is settled, not even one that comes meanwhile."""
    while True:
        try:
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                if number := getattr(signal, name, None):
                    signal.signal(number, signal.SIG_IGN)
        except KeyboardInterrupt:
            continue
        return
