"""How a terminal shows pictures: what its variables say, and what it answers when asked.

A terminal is asked only where it is ours: it controls this process, which runs in its foreground,
and is both stdin and stdout. Nobody else then reads the answer.
"""

from __future__ import annotations

import atexit
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Literal, NamedTuple

from rclip_like.output.terminal import is_terminal

Protocol = Literal["kitty", "sixel", "blocks"]

_PATIENCE_SECONDS = 1.0
"""For one answer; over a slow line it takes as long as an echoed letter."""
_QUESTIONS = b"\x1b[16t\x1b[c"
"""The size of a cell, which not all terminals tell, and what it is, which all do."""
_CELL = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_ATTRIBUTES = re.compile(rb"\x1b\[\?([\d;]*)c")
_SIXEL = b"4"
_KITTY_TERMS = ("xterm-kitty", "xterm-ghostty")
_SIXEL_TERMS = ("foot", "contour", "mlterm", "yaft", "wezterm")
_KITTY_PROGRAMS = ("ghostty",)
_SIXEL_PROGRAMS = ("WezTerm", "iTerm.app", "mintty", "contour")
_NESTED_TERMS = ("tmux", "screen")
_NESTING = ("STY", "INSIDE_EMACS", "NVIM")
"""Variables of programs that show a terminal inside another and draw no pictures in it."""
_TRUE_COLOUR_TERMS = (*_KITTY_TERMS, "foot", "contour", "wezterm", "alacritty")
_FIRST_TMUX_WITH_SIXEL = (3, 4)


class CellSize(NamedTuple):
    """Width and height of one cell of a terminal, in pixels."""

    width: int
    height: int


SMALL_CELL = CellSize(8, 16)
"""Where nothing tells the size: with larger cells a picture is smaller than it could be, while with
smaller ones than assumed it would run into the next."""


class Graphics(NamedTuple):
    """How pictures are shown: the protocol, the size of a cell, and for blocks which colours.

    has_true_colours: 24 bits, else the 256 of xterm.
    """

    protocol: Protocol = "blocks"
    cell: CellSize = SMALL_CELL
    has_true_colours: bool = True


class Answer(NamedTuple):
    """What a terminal says of itself."""

    has_sixel: bool = False
    cell: CellSize | None = None


def graphics_of(stream: IO[str] | None, asked_for: str = "auto") -> Graphics:
    """Return how pictures are shown on a stream; `asked_for` is a protocol, or auto.

    In a pipe auto means blocks. The terminal is asked where its variables do not tell enough, which
    takes a second at most.
    """
    protocol: Protocol | None = None
    if asked_for != "auto":
        protocol = asked_for  # type: ignore[assignment]
    else:
        protocol = protocol_of(os.environ) if is_terminal(stream) else "blocks"
    cell = cell_of(stream)
    if protocol is None or (protocol == "sixel" and cell is None):
        answer = ask_terminal(stream)
        protocol = protocol or ("sixel" if answer.has_sixel else "blocks")
        cell = cell or answer.cell
    return Graphics(protocol, cell or SMALL_CELL, has_true_colours(os.environ))


def protocol_of(environment: Mapping[str, str]) -> Protocol | None:
    """Return the protocol that a terminal's variables tell of, None where they tell nothing."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM")
    if environment.get("TMUX"):
        return "sixel" if _tmux_has_sixel() else "blocks"
    # From another machine it cannot be known what the terminal around tmux or screen shows.
    if term.startswith(_NESTED_TERMS) or any(name in environment for name in _NESTING):
        return "blocks"
    if "ZELLIJ" in environment:  # which answers for itself, and inherits the variables around it
        return None
    is_kitty = "KITTY_WINDOW_ID" in environment and program is None
    if is_kitty or term in _KITTY_TERMS or program in _KITTY_PROGRAMS:
        return "kitty"
    if term.startswith(_SIXEL_TERMS) or program in _SIXEL_PROGRAMS:
        return "sixel"
    return "blocks" if program == "Apple_Terminal" or term in ("linux", "dumb", "") else None


def has_true_colours(environment: Mapping[str, str]) -> bool:
    """Return whether the terminal shows 24 bits of colour, as far as its variables tell."""
    term = environment.get("TERM", "")
    return environment.get("COLORTERM") in ("truecolor", "24bit") or (
        term.startswith(_TRUE_COLOUR_TERMS) or term.endswith("-direct")
    )


def _tmux_has_sixel() -> bool:
    """Return whether this tmux and the terminal around it show sixels; tmux knows both."""
    command = ["tmux", "display-message", "-p", "#{version} #{client_termfeatures}"]
    try:
        finished = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return False
    version, _, features = finished.stdout.decode(errors="replace").strip().partition(" ")
    found = re.match(r"(?:next-)?(\d+)\.(\d+)", version)
    is_new = found is not None and (int(found[1]), int(found[2])) >= _FIRST_TMUX_WITH_SIXEL
    return is_new and "sixel" in features.split(",")


def cell_of(stream: IO[str] | None) -> CellSize | None:
    """Return the size of a cell as the system knows it, None where it does not."""
    if stream is None:
        return None
    with suppress(ImportError, OSError, ValueError):
        import fcntl
        import termios

        empty = bytes(8)
        size = fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, empty)
        rows, columns, width, height = struct.unpack("HHHH", size)
        if rows and columns and width >= columns and height >= rows:
            return CellSize(width // columns, height // rows)
    return None


def ask_terminal(stream: IO[str] | None) -> Answer:
    """Ask the terminal what it shows, if it is ours, and wait a second at most.

    What was typed ahead stays there: then nothing is asked.
    """
    if not (is_terminal(sys.stdin) and is_terminal(stream)):
        return Answer()
    with suppress(ImportError, OSError):
        import termios

        assert stream is not None
        with suppress(termios.error):
            # Raises OSError where the terminal does not control this process.
            if os.tcgetpgrp(stream.fileno()) != os.getpgrp():
                return Answer()
            terminal = os.open(os.ctermid(), os.O_RDWR | os.O_NOCTTY)
            try:
                return _answer_in(_asked(terminal))
            finally:
                os.close(terminal)
    return Answer()


def _asked(terminal: int) -> bytes:
    """Return all that the terminal answers until it has said what it is, or time is up."""
    import select
    import termios

    before = termios.tcgetattr(terminal)
    *flags, local, speed_in, speed_out, _ = before
    keys = before[6].copy()
    keys[termios.VMIN], keys[termios.VTIME] = 0, 0
    silent = [*flags, local & ~(termios.ICANON | termios.ECHO), speed_in, speed_out, keys]
    answer, when_restored = b"", termios.TCSADRAIN
    end = time.monotonic() + _PATIENCE_SECONDS
    try:
        termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
        if select.select([terminal], [], [], 0)[0]:
            return b""
        when_restored = termios.TCSAFLUSH
        os.write(terminal, _QUESTIONS)
        while not _ATTRIBUTES.search(answer) and (left := end - time.monotonic()) > 0:
            if select.select([terminal], [], [], left)[0]:
                answer += os.read(terminal, 1024)
    finally:
        termios.tcsetattr(terminal, when_restored, before)
    if not _ATTRIBUTES.search(answer):
        atexit.register(_drop_late_answer)
    return answer


def _drop_late_answer() -> None:
    """Throw away what a slow terminal has answered meanwhile, before the shell reads it."""
    import termios

    with suppress(OSError, termios.error):
        termios.tcflush(sys.__stdin__, termios.TCIFLUSH)  # type: ignore[arg-type]


def _answer_in(content: bytes) -> Answer:
    attributes, cell = _ATTRIBUTES.search(content), _CELL.search(content)
    size = CellSize(int(cell[2]), int(cell[1])) if cell else None
    return Answer(
        attributes is not None and _SIXEL in attributes[1].split(b";"),
        size if size and min(size) > 0 else None,
    )
