"""A terminal that controls a process, and answers what it is asked, as real ones do."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass

from processes import COMMAND, Word

QUESTION = b"\x1b[c"
_SECONDS = 60


@dataclass(frozen=True)
class Talked:
    """What was shown on the terminal, whether it was asked, and what is left of its input."""

    shown: bytes
    was_asked: bool
    left: bytes
    seconds: float
    status: int


def talk_with(
    *arguments: Word,
    answer: bytes = b"",
    typed_ahead: bytes = b"",
    pixels: tuple[int, int] = (0, 0),
    stdin: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Talked:
    """Run clipfind on a terminal of 80 by 24 which says `answer` when it is asked what it is.

    pixels: width and height that the system knows the terminal to have. stdin: another one than the
    terminal.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, *pixels))
    os.write(ours, typed_ahead)
    program = "import fcntl, os, sys, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0);"
    program += "os.execv(sys.argv[1], sys.argv[1:])"
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", program, *COMMAND, *arguments],
        stdin=theirs if stdin is None else stdin,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    shown, was_asked = b"", False
    while process.poll() is None and time.monotonic() < start + _SECONDS:
        shown += _read(ours, 0.05)
        if QUESTION in shown and not was_asked:
            was_asked = True
            os.write(ours, answer)
    seconds = time.monotonic() - start
    process.kill()
    shown += _read(ours, 0.1)
    termios.tcsetattr(theirs, termios.TCSADRAIN, _without_lines(termios.tcgetattr(theirs)))
    left = _read(theirs, 0.1)
    os.close(ours)
    os.close(theirs)
    return Talked(shown, was_asked, left, seconds, process.wait())


def _read(terminal: int, seconds: float) -> bytes:
    """Return what can be read until nothing comes for so long."""
    content = b""
    while select.select([terminal], [], [], seconds)[0]:
        content += os.read(terminal, 65536)
    return content


def _without_lines(attributes: list) -> list:  # type: ignore[type-arg]
    attributes[3] &= ~(termios.ICANON | termios.ECHO)
    return attributes
