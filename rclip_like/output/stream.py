"""stdout: data, byte by byte; stderr: talk, one line a sentence, safe to show on a terminal."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, NamedTuple, TextIO

from rclip_like.errors import ClipfindError
from rclip_like.output.terminal import escaped
from rclip_like.settings import EVERYWHERE, Setting

_kept: list[TextIO | None] = []
"""Holds stdout while other libraries print to stderr instead."""


class OutputClosed(Exception):
    """The reader of stdout has closed it, as `head` does; that is not an error."""


class OutputError(ClipfindError):
    """stdout cannot be written."""


@contextmanager
def kept_for_data() -> Iterator[None]:
    """Keep stdout for what `write_out` writes: what others print there meanwhile is talk.

    torch, open_clip and transformers print now and then, and ask.
    """
    _kept.append(sys.stdout)
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = _kept.pop()


def stdout() -> TextIO | None:
    """Return the stream that data goes to, or None when it was closed from the start."""
    return _kept[-1] if _kept else sys.stdout


def write_out(pieces: Iterable[bytes]) -> None:
    """Write the pieces to stdout, now.

    Raises OutputClosed when the reader has left, OutputError when the disk is full, for instance.
    """
    output = stdout()
    if output is None:
        raise OutputError("the output cannot be written: stdout is closed")
    try:
        for piece in pieces:
            output.buffer.write(piece)
        output.buffer.flush()
    except BrokenPipeError:
        _abandon(output)
        raise OutputClosed from None
    except OSError as error:
        _abandon(output)
        raise OutputError(f"the output cannot be written: {error.strerror}") from error


def write_lines(lines: Iterable[str]) -> None:
    """Write lines of text to stdout, now; raises as `write_out` does."""
    write_out(f"{line}\n".encode(errors="surrogateescape") for line in lines)


def _abandon(output: TextIO) -> None:
    """Point stdout elsewhere, so that Python's own flush at exit stays silent, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())


class Talk(NamedTuple):
    """How much the user wants to hear; errors are always said."""

    quiet: Annotated[
        bool, Setting("--quiet -q", help="Say nothing on stderr but errors."), EVERYWHERE
    ] = False
    verbose: Annotated[
        bool,
        Setting("--verbose -v", help="Say more: the model, what is unreadable or dropped."),
        EVERYWHERE,
    ] = False

    def error(self, sentence: str) -> None:
        """Say what went wrong."""
        _say(sentence)

    def note(self, sentence: str) -> None:
        """Say what the user should know beside the results."""
        if not self.quiet:
            _say(sentence)

    def detail(self, sentence: str) -> None:
        """Say what only --verbose asks for."""
        if self.verbose and not self.quiet:
            _say(sentence)


def _say(sentence: str) -> None:
    if sys.stderr is None:  # closed by whoever started us, as some schedulers do
        return
    with suppress(OSError, ValueError):  # nobody listens, the disk is full: the work goes on
        sys.stderr.write(f"clipfind: {escaped(sentence)}\n")
        sys.stderr.flush()
