"""`clipfind duplicates`: equal and nearly equal pictures, and which to keep; it changes none."""

import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli import updating
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    Offline,
    Paths,
    open_library,
    refuse_alone,
    refuse_without_effect,
)
from rclip_like.cli.paths import Sources
from rclip_like.cli.remedies import said
from rclip_like.cli.sheet import SheetOptions, check_sheet, write_sheet
from rclip_like.cli.updating import (
    Update,
    index_settings,
    searched_paths,
    tell_of_indexing,
    tell_of_left_out,
)
from rclip_like.duplicates.settings import DuplicatesSettings
from rclip_like.errors import UsageError, counted
from rclip_like.output.matches import Form, Layout
from rclip_like.output.progress import index_bar, progress_bar
from rclip_like.output.reports import trouble_sentence
from rclip_like.output.stream import OutputError, Talk, stdout, write_out
from rclip_like.output.terminal import screen_of
from rclip_like.settings import EncoderSettings, LibraryChoice, Option, ReadSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rclip_like.duplicates.values import DuplicatesReport, Group
    from rclip_like.page.sheet import Group as SheetGroup

FOUND, NOTHING_FOUND = 0, 1
_SCRIPT_MODE = 0o700
_WITHOUT_EFFECT = (
    ("--files", "--json"),
    ("--json", "--null"),
    *(("--html", other) for other in ("--files", "--json", "--null")),
    *updating.WITHOUT_EFFECT,
)
"""Pairs of options; the second has no effect beside the first."""


class DuplicatesOptions(NamedTuple):
    """What `duplicates` takes."""

    paths: Paths = ()
    reference: Annotated[
        tuple[str, ...],
        Option(
            "--reference",
            metavar="DIR",
            help="Keep the pictures in DIR and find copies of them among the PATHs; those in DIR "
            "are not compared with each other. Repeatable.",
        ),
    ] = ()
    settings: DuplicatesSettings = DuplicatesSettings()
    script: Annotated[
        Path | None,
        Option(
            "--script",
            metavar="FILE",
            help="Write a shell script that moves the copies into a folder; FILE must not exist. "
            "Nothing is moved before you run it.",
        ),
    ] = None
    html: Annotated[
        Path | None,
        Option(
            "--html",
            metavar="FILE",
            help="Write the groups as a contact sheet, one HTML file with thumbnails inside, "
            "instead of printing them; -: to stdout. It replaces an earlier sheet, no other file.",
        ),
    ] = None
    files: Annotated[
        bool,
        Option("--files -f", help="Print only the paths of the copies, without those to keep."),
    ] = False
    null: Annotated[
        bool, Option("--null -0", help="With --files: end each path with a NUL, not a new line.")
    ] = False
    json: Annotated[bool, Option("--json", help="Print one JSON object per group.")] = False
    update: Update = Update()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    sources: Annotated[Sources, "Paths"] = Sources()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: DuplicatesOptions) -> int:
    """Print or write the groups; return 0 if there are copies, else 1."""
    from rclip_like.output.duplicates import render_duplicates, summary_of

    refuse_without_effect(options.given, _WITHOUT_EFFECT)
    refuse_alone(options.given, ("--null", "--files"))
    sheet = SheetOptions(options.html, options.settings.cache_megabytes)
    check_sheet(sheet)
    if options.script is not None and os.path.lexists(options.script):
        raise UsageError(f"{options.script} exists; name another file for the script")
    report = _find(options)
    groups = report.groups
    if options.script is not None:
        _write_script(groups, options.script, options.talk)
    if options.html is not None:
        from rclip_like.page.sheet import Heading

        paths = ", ".join((*options.paths, *options.reference)) or "the current folder"
        made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        heading = Heading(summary_of(groups), (("compared", paths), ("made", made)))
        write_sheet([*_shown(groups)], heading, sheet, options.read, options.talk)
    else:
        for piece in render_duplicates(groups, _layout_of(options)):
            write_out([piece])
    _tell(report, options)
    options.talk.note(summary_of(groups))
    return FOUND if report.copies else NOTHING_FOUND


def _find(options: DuplicatesOptions) -> "DuplicatesReport":
    talk = options.talk
    paths = searched_paths(options.paths, options.sources, talk)
    with (
        open_library(options.library, options.encoder, options.read) as library,
        index_bar(quiet=talk.quiet) as on_progress,
        progress_bar("comparing", "steps", quiet=talk.quiet) as show,
    ):

        def on_stage(stage: str, done: int, total: int) -> None:
            if show is not None:
                show(done, total, stage)

        return library.duplicates(
            paths,
            options.settings,
            reference=options.reference,
            update=index_settings(options.update, options.settings.walk) or False,
            on_progress=on_progress,
            on_stage=on_stage,
        )


def _layout_of(options: DuplicatesOptions) -> Layout:
    return Layout(
        form=Form.PATHS if options.files else Form.JSON if options.json else Form.LINES,
        end=b"\0" if options.null else b"\n",
        screen=screen_of(stdout(), options.color),
    )


def _write_script(groups: "Sequence[Group]", path: Path, talk: Talk) -> None:
    """Write the script under a name that nobody has. Raises OutputError."""
    from rclip_like.output.duplicates import script_of

    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(path, flags, _SCRIPT_MODE), "wb") as file:
            try:
                file.writelines(script_of(groups))
                file.flush()
            except BaseException:
                path.unlink()  # a part of the script would look like all of it
                raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    typed = f"./{path}" if str(path).startswith("-") else str(path)
    talk.note(f"look through {path}, then move the copies with: sh {shlex.quote(typed)} FOLDER")


def _shown(groups: "Sequence[Group]") -> "Iterator[SheetGroup]":
    from rclip_like.output.duplicates import role_of
    from rclip_like.page.sheet import Entry
    from rclip_like.page.sheet import Group as SheetGroup

    for number, group in enumerate(groups, 1):
        first = "burst" if group.is_burst else "keep"
        roles = [(group.first, first)] + [
            (member.picture, role_of(member)) for member in group.members
        ]
        entries = [
            Entry(
                picture.path_bytes,
                picture.absolute_bytes,
                picture.version.digest if picture.version else b"",
                role,
                "proposal",
                picture.facts.taken_at,
                picture.facts,
            )
            for picture, role in roles
        ]
        if group.is_burst:
            yield SheetGroup(f"{number}: burst", entries, "Several shots; no copies.")
        else:
            yield SheetGroup(f"{number}: copies", entries, f"The first is kept: {group.reason}.")


def _tell(report: "DuplicatesReport", options: DuplicatesOptions) -> None:
    """Print notes on the run to stderr."""
    talk = options.talk
    for note in report.notes:
        talk.note(said(note))
    tell_of_left_out(talk, stale=report.stale, damaged=report.damaged)
    if report.missing:
        talk.note(f"{counted(report.missing, 'picture')} not indexed yet, so not compared")
    if report.index is not None:
        tell_of_indexing(report.index, options.settings.walk, options.given, talk)
    for trouble in report.troubles:
        talk.note(said(trouble_sentence(trouble)))
