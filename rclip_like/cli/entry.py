"""From an argument list to an exit status; errors become one sentence on stderr here alone."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from rclip_like.cli import INTERRUPTED, PROGRAM
from rclip_like.cli.commands import COMMANDS, VERSION, overview
from rclip_like.cli.dispatch import Call, dispatch
from rclip_like.cli.remedies import said
from rclip_like.cli.typed import options_of
from rclip_like.errors import ClipfindError, ModelError, Remedy, UsageError
from rclip_like.output.stream import OutputClosed, Talk, kept_for_data, write_lines

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "bad allocation", "bad_alloc")
"""How libraries that raise no MemoryError say it."""

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Terminated(KeyboardInterrupt):
    """A signal came: as Ctrl-C does, it passes by all that takes an Exception for a bad file."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_status = 128 + number


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one call and return its exit status, even if it ends in an error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup wants it
            signal.signal(number, _stop)
    try:
        with kept_for_data():
            return _run(dispatch(arguments))
    except OutputClosed:
        return 0
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - said in one sentence; Rust's panics too
        if "--debug" in arguments:
            import traceback

            traceback.print_exc()
        # Python makes a RuntimeError of what comes while it makes a class.
        cause = error.__cause__
        return _tell(cause if isinstance(cause, KeyboardInterrupt) else error)


def _run(call: Call) -> int:
    if call.command is None:
        write_lines([VERSION if call.wants_version else overview(call.group)])
        return 0
    from rclip_like.cli.parsing import Parser  # half of what `--help` on everything takes

    parser = Parser(call.command)
    try:
        typed = parser.split(call.arguments)
    except UsageError as error:
        raise _with_search_proposed(error, call) from error
    if "--help" in typed:
        write_lines([parser.help_text()])
        return 0
    options = options_of(call.command, typed)
    try:
        return call.command.load()(options)
    except ModelError as error:
        if "--model" in typed:  # another default of the index would not help
            error.remedies = tuple(
                "name another with --model"
                if isinstance(each, tuple) and each[0] is Remedy.USE_ANOTHER_MODEL
                else each
                for each in error.remedies
            )
        raise


def _with_search_proposed(error: UsageError, call: Call) -> UsageError:
    """Return the error with a remedy where the command's name is a word to look for.

    That it is one shows in arguments that search would take.
    """
    assert call.command is not None
    words = (*call.command.name.split(), *call.arguments)
    from rclip_like.cli.parsing import Parser

    try:
        Parser(COMMANDS["search"]).split(words)
    except UsageError:
        return error
    return UsageError(
        f"{said(error)}; to search for the word: {PROGRAM} search {shlex.join(words)}"
    )


def _tell(error: BaseException) -> int:
    """Say on stderr what went wrong, in one sentence, and return the exit status."""
    status = ClipfindError.exit_status
    is_memory = isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _OUT_OF_MEMORY)
    )
    if isinstance(error, ClipfindError):
        sentence, status = said(error), error.exit_status
    elif isinstance(error, KeyboardInterrupt):
        sentence = "interrupted; what was finished is kept"
        status = error.exit_status if isinstance(error, Terminated) else INTERRUPTED
    elif is_memory:
        sentence = "not enough memory; close other programs, or try --threads 1"
    elif isinstance(error, OSError):
        path = os.fsdecode(error.filename) if error.filename else "the system refuses"
        sentence = f"{path}: {error.strerror or error}"
    elif isinstance(error, ImportError):
        missing = error.name or "a part of this installation"
        sentence = (
            f"{missing} cannot be loaded ({error}); run clipfind doctor, or reinstall clipfind"
        )
    else:
        sentence = (
            f"unexpected {type(error).__name__}: {error}; this is a fault of clipfind; please "
            "report it with what --debug shows"
        )
    Talk().error(sentence)
    return status


def _stop(number: int, frame: FrameType | None) -> None:
    raise Terminated(number)
