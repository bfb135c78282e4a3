"""From options to what the library takes: paths, settings, and the library itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from rclip_like.cli.declare import declared_in
from rclip_like.cli.options.everywhere import Everywhere
from rclip_like.cli.options.pictures import Reading, Sources, Walking
from rclip_like.errors import UsageError
from rclip_like.files import decoded
from rclip_like.library import Library
from rclip_like.output.reports import counted
from rclip_like.output.talk import Talk
from rclip_like.settings import (
    EncoderSettings,
    ReadSettings,
    WalkSettings,
    WebSettings,
    place_of,
)
from rclip_like.spelling import Spelling, other_form_note


def open_library(options: Everywhere, web: WebSettings | None = None) -> Library:
    """Return the library that the options name; nothing is opened yet."""
    return Library(
        place_of(options.db) if options.db else None,
        model=options.model,
        weights=place_of(options.weights) if options.weights else None,
        encoder=encoder_settings(options),
        read=read_settings(options),
        web=web,
    )


def talk_of(options: Everywhere) -> Talk:
    """Return how much is to be said."""
    return Talk(quiet=options.quiet, verbose=options.verbose)


def encoder_settings(options: Everywhere) -> EncoderSettings:
    """Return where and how exactly the model is to run."""
    return EncoderSettings(
        device=options.device, precision=options.precision, threads=options.threads
    )


def read_settings(options: Everywhere) -> ReadSettings:
    """Return the limits within which pictures are read."""
    if not isinstance(options, Reading):
        return ReadSettings(workers=options.threads)
    return ReadSettings(
        max_megapixels=options.max_megapixels,
        workers=options.threads,
        accept_truncated=options.accept_truncated,
    )


def walk_settings(options: Walking) -> WalkSettings:
    """Return which files are meant."""
    return WalkSettings(
        hidden=options.hidden,
        ignore_files=not options.no_ignore,
        follow=options.follow,
        one_file_system=options.one_file_system,
        raw_pairs=options.raw_pairs,
        exclude=options.exclude,
        glob=options.glob,
        inodes=options.inodes,
    )


def refuse_without_effect(options: Everywhere, pairs: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError if both options of a pair were typed: the second does nothing then."""
    names = {each.field: each.long_name for each in declared_in(type(options))}
    for first, second in pairs:
        if {first, second} <= options.given:
            raise UsageError(f"{names[second]} has no effect together with {names[first]}")


def named_paths(typed: tuple[str, ...], sources: Sources, talk: Talk) -> list[bytes]:
    """Return the paths typed and those read from --files-from and --files0-from, in this order.

    What is not there as typed but in the other form of its letters is taken in that one. Raises
    UsageError for a list that cannot be read or names nothing.
    """
    paths = [os.fsencode(path) for path in typed]
    for source, end in ((sources.files_from, b"\n"), (sources.files0_from, b"\0")):
        if source is not None:
            paths += _read_list(source, end)
    return _as_written(paths, talk)


def _as_written(paths: list[bytes], talk: Talk) -> list[bytes]:
    spelling = Spelling()
    there = [spelling.on_disk(os.path.expanduser(path)) for path in paths]
    if others := [path for path, other in zip(paths, there, strict=True) if other is not None]:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        talk.note(other_form_note(os.fsdecode(others[0]) + more))
    return [other or path for path, other in zip(paths, there, strict=True)]


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
    place = os.path.expanduser(path)
    return b"\0" in path or os.path.isfile(place) or os.path.isdir(place)


def _read_list(source: str, end: bytes) -> list[bytes]:
    if source == "-" and sys.stdin is None:  # closed by whoever started us
        raise UsageError("stdin: is closed, so no list can be read from it")
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror}") from error
    shown = "stdin" if source == "-" else source
    paths = content.split(end) if end == b"\0" else _lines(content, shown)
    paths = [path for path in paths if path]
    if not paths:
        raise UsageError(f"{shown}: names no files")
    return paths


def _lines(content: bytes, shown: str) -> list[bytes]:
    """Return a list's lines; their bytes are kept, as names may be any."""
    try:
        text = decoded(content, keep_bytes=True)
    except UnicodeError as error:
        raise UsageError(
            f"{shown}: begins as UTF-16 does and is not that; save it as UTF-8"
        ) from error
    lines = text.encode("utf-8", "surrogateescape").split(b"\n")
    return [line.removesuffix(b"\r") for line in lines]
