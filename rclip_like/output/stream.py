"""stdout: data, byte by byte, and what becomes of it when nobody reads on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rclip_like.errors import ClipfindError


class OutputClosed(Exception):
    """Whoever reads stdout has closed it, as `head` does: no reason to complain."""


class OutputError(ClipfindError):
    """stdout cannot be written."""


def write_out(pieces: Iterable[bytes]) -> None:
    """Write the pieces to stdout, now.

    Raises OutputClosed when the reader has left, OutputError when the disk is full, for instance.
    """
    if sys.stdout is None:
        raise OutputError("the output cannot be written: stdout is closed")
    try:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        _abandon()
        raise OutputClosed from None
    except OSError as error:
        _abandon()
        raise OutputError(f"the output cannot be written: {error.strerror}") from error


def write_lines(lines: Iterable[str]) -> None:
    """Write lines of text to stdout, now; raises as `write_out` does."""
    write_out(f"{line}\n".encode(errors="surrogateescape") for line in lines)


def _abandon() -> None:
    """Point stdout elsewhere, so that Python's own flush at exit stays silent, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
