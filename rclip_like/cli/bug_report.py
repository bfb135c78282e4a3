"""`clipfind doctor --report`: what a report of a fault needs, with nothing private in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.errors import ClipfindError, UsageError
from rclip_like.files import open_at_once, write_whole
from rclip_like.output.stream import Talk, write_lines
from rclip_like.settings.configuration import effective
from rclip_like.settings.declared import Declared

if TYPE_CHECKING:
    from rclip_like.library import Library
    from rclip_like.reports import DoctorReport, StatusReport

_FIRST_LINE = "## Installation"


def check_target(target: str) -> None:
    """Raise UsageError if no report can be written there. Called before the checks."""
    if target == "-":
        return
    path = Path(target).expanduser()
    if path.is_dir():
        raise UsageError(f"{target} is a folder; name a file for the report")
    if os.path.lexists(path):
        first_line = b""
        with suppress(OSError), open(path, "rb", opener=open_at_once) as file:
            if path.is_file():
                first_line = file.read(len(_FIRST_LINE) + 1)
        if first_line != f"{_FIRST_LINE}\n".encode():
            raise UsageError(f"{target} exists and is not such a report; name another file")


def write_report(library: Library, report: DoctorReport, target: str, talk: Talk) -> None:
    """Write the report into a file, or to stdout for "-". Raises UsageError."""
    lines = list(_lines(library, report))
    if target == "-":
        write_lines(lines)
        return
    try:
        with write_whole(Path(target).expanduser()) as draft:
            draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from error
    talk.note(f"written to {target}, without names, paths and queries; read it before you send it")


def _lines(library: Library, report: DoctorReport) -> Iterator[str]:
    from rclip_like.upkeep.bug_report import finding_lines, index_lines, machine_lines

    status: StatusReport | None = None
    try:
        if library.database.exists():
            status = library.status()
    except ClipfindError:
        pass
    yield _FIRST_LINE
    yield from machine_lines()
    yield "\n## Index"
    yield from index_lines(library.database, status)
    yield "\n## Checks"
    yield from finding_lines(report)
    yield "\n## Settings that are not the default"
    yield from _setting_lines()


def _setting_lines() -> Iterator[str]:
    settable = {each.key: each for each in accepted_by_any(COMMANDS["doctor"]) if each.key}
    for key, declared in sorted(settable.items()):
        try:
            setting = effective(declared, {})
        except ClipfindError as error:
            yield f"{key}: {type(error).__name__}"
            continue
        if setting.source != "default":
            is_variable = setting.source == declared.variable
            origin = setting.source if is_variable else f"configuration, line {setting.line}"
            yield f"{key}: {_shown(declared, setting.value)} ({origin})"


def _shown(declared: Declared, value: object) -> str:
    """Return a value that is a number, a switch or one of our own words; of others how many."""
    if isinstance(value, tuple):
        return f"{len(value)} values"
    if isinstance(value, bool | int | float) or value in (*declared.choices, *declared.words):
        return str(value)
    return "a path" if isinstance(value, os.PathLike) else "a name"
