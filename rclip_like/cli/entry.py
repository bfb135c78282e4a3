"""From an argument list to an exit status; errors become one sentence on stderr here alone."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from rclip_like.cli.commands import COMMANDS, Command
from rclip_like.cli.configuration import read_configuration, settle
from rclip_like.cli.declare import declared_in, help_text, split, typer_command
from rclip_like.cli.dispatch import Call, dispatch
from rclip_like.cli.options import Everywhere
from rclip_like.errors import ClipfindError, Interrupted

INTERRUPTED = 128 + signal.SIGINT


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one call and return its exit status, also where it ends in an error."""
    arguments = sys.argv[1:] if arguments is None else arguments
    signal.signal(signal.SIGTERM, _stop)
    try:
        status = _run(dispatch(arguments))
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in arguments:
            raise
        return _tell(error)
    return status


def _run(call: Call) -> int:
    if call.command is None:
        from rclip_like.cli.overview import overview, version

        print(version() if call.wants_version else overview(call.group))  # noqa: T201
        return 0
    command = call.command
    typer_made = typer_command(command.name, command.options, command.summary)
    raw = split(typer_made, call.arguments)
    if raw.get("help"):
        print(help_text(typer_made))  # noqa: T201
        return 0
    every_option = (each for one in COMMANDS.values() for each in declared_in(one.options))
    return _invoke(command, settle(command.options, raw, read_configuration(every_option)))


def _invoke(command: Command, options: Everywhere) -> int:
    if options.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    module = importlib.import_module(command.module)
    status: int = getattr(module, command.function)(options)
    return status


def _tell(error: BaseException) -> int:
    """Say on stderr what went wrong, in one sentence, and return the exit status."""
    if isinstance(error, KeyboardInterrupt):
        sentence, status = "interrupted", int(INTERRUPTED)
    elif isinstance(error, ClipfindError):
        sentence, status = str(error), error.exit_status
    else:
        kind = type(error).__name__
        sentence, status = f"unexpected {kind}: {error}; run again with --debug for the details", 2
    print(f"clipfind: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201
    return status


def _stop(number: int, frame: FrameType | None) -> None:
    raise Interrupted(number)


def _abandon_stdout() -> None:
    """Point stdout elsewhere, so that Python's own flush at exit stays silent, too."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
