"""The paths that a command is about: those typed, and those read from lists."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.errors import UsageError, counted
from rclip_like.files import decoded
from rclip_like.output.stream import Talk
from rclip_like.settings import Option, WalkSettings

if TYPE_CHECKING:
    from rclip_like.values import IndexReport


class Sources(NamedTuple):
    """Lists of paths, read after those on the command line."""

    files_from: Annotated[
        str | None,
        Option(
            "--files-from", metavar="FILE", help="Read more PATHs from FILE, one a line; -: stdin."
        ),
    ] = None
    files0_from: Annotated[
        str | None,
        Option("--files0-from", metavar="FILE", help="The same, each PATH ended by a NUL."),
    ] = None


def named_paths(typed: tuple[str, ...], sources: Sources, talk: Talk) -> list[bytes]:
    """Return the paths typed and those read from --files-from and --files0-from, in this order.

    What is not there as typed but in the other form of its letters is taken in that one. Raises
    UsageError for a list that cannot be read or names nothing.
    """
    paths = [os.fsencode(path) for path in typed]
    for source, end in ((sources.files_from, b"\n"), (sources.files0_from, b"\0")):
        if source is not None:
            paths += _read_list(source, end)
    from rclip_like.spelling import as_on_disk  # help and completion do without

    written, note = as_on_disk([os.path.expanduser(path) for path in paths])
    if note:
        talk.note(note)
    return written


def without_unmatched(report: "IndexReport", patterns: tuple[str, ...]) -> "IndexReport":
    """Return the report without the troubles that these patterns matched nothing."""
    from rclip_like.values import UNMATCHED_PATTERN

    unmatched = {UNMATCHED_PATTERN.format(pattern) for pattern in patterns}
    troubles = (trouble for trouble in report.troubles if trouble.reason not in unmatched)
    return report._replace(troubles=tuple(troubles))


def standing_patterns(walk: WalkSettings, given: Given) -> tuple[str, ...]:
    """Return the patterns of the environment and the configuration, which are for all folders."""
    return () if "--exclude" in given else walk.exclude


def still_there(paths: list[bytes], talk: Talk) -> list[bytes]:
    """Return the listed paths without those that cannot be searched: a list is soon out of date.

    All of them where none is left, so that the library says what is wrong with the first.
    """
    there = [path for path in paths if is_usable(path)]
    if there and len(there) < len(paths):
        talk.note(
            f"{counted(len(paths) - len(there), 'listed path')} left out: not there, or not a file"
        )
    return there or paths


def is_usable(path: bytes) -> bool:
    """Return whether a path is a folder or a regular file, or is for the library to refuse.

    One with a NUL is: it shows that the wrong option reads the list.
    """
    expanded = os.path.expanduser(path)
    return b"\0" in path or os.path.isfile(expanded) or os.path.isdir(expanded)


def _read_list(source: str, end: bytes) -> list[bytes]:
    """Return the paths of a list; their bytes are kept, as names may be any."""
    if source == "-" and sys.stdin is None:  # closed by whoever started us
        raise UsageError("stdin: is closed, so no list can be read from it")
    shown = "stdin" if source == "-" else source
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        if end == b"\n":
            content = decoded(content, keep_bytes=True).encode("utf-8", "surrogateescape")
            content = content.replace(b"\r\n", end).removesuffix(b"\r")
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise UsageError(
            f"{shown}: begins as UTF-16 does and is not that; save it as UTF-8"
        ) from error
    paths = [path for path in content.split(end) if path]
    if not paths:
        raise UsageError(f"{shown}: names no files")
    return paths
