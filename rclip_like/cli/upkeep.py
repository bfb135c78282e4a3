"""`clipfind status`, `prune`, `forget` and `doctor`: what is indexed, and keeping it sound."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple

from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    WAITING,
    Given,
    IndexedPaths,
    JsonObject,
    open_library,
    refuse_without_effect,
)
from rclip_like.cli.remedies import advised, said
from rclip_like.errors import ConfigError, IndexLocked, UsageError
from rclip_like.output.reports import status_lines, status_object
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.upkeep import (
    doctor_lines,
    doctor_object,
    folder_lines,
    unknown_notes,
    upkeep_notes,
    upkeep_object,
    upkeep_sentence,
)
from rclip_like.reports import Finding, UpkeepReport
from rclip_like.settings import (
    Argument,
    Database,
    DryRun,
    LibraryChoice,
    Option,
    PruneSettings,
    Wait,
    config_file,
)
from rclip_like.settings.configuration import read_configuration
from rclip_like.settings.folders import ENVIRONMENT_PREFIX, VARIABLES

DONE, NOTHING_THERE = 0, 1
WELL, WARNED, ILL = 0, 1, 2
_LIKENESS = 0.9
"""Of the names of variables, prefix included: one letter more, less or other."""


class StatusOptions(NamedTuple):
    """What `status` takes."""

    paths: IndexedPaths = ()
    json: JsonObject = False
    database: Database = None
    talk: Talk = Talk()


class PruneOptions(NamedTuple):
    """What `prune` takes."""

    paths: IndexedPaths = ()
    settings: PruneSettings = PruneSettings()
    json: Annotated[JsonObject, "Upkeep"] = False
    library: LibraryChoice = LibraryChoice()
    talk: Talk = Talk()


class ForgetOptions(NamedTuple):
    """What `forget` takes."""

    paths: Annotated[
        tuple[str, ...], Argument("PATH...", help="Folders or pictures, there or not.")
    ]
    dry_run: DryRun = False
    wait: Wait = True
    json: Annotated[JsonObject, "Upkeep"] = False
    database: Database = None
    talk: Talk = Talk()


class DoctorOptions(NamedTuple):
    """What `doctor` takes."""

    repair: Annotated[
        bool,
        Option("--repair", help="Mend what can be mended safely, after a copy of the index."),
    ] = False
    report: Annotated[
        str | None,
        Option(
            "--report",
            metavar="FILE",
            help="Write what a bug report needs into FILE, - for stdout: versions, kinds, "
            "numbers and settings, without any name, path or query. It replaces an earlier report, "
            "no other file.",
        ),
    ] = None
    json: JsonObject = False
    library: LibraryChoice = LibraryChoice()
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def show_status(options: StatusOptions) -> int:
    """Print what is indexed under the paths, or in all; return 0, or 1 if that is under no path."""
    with open_library(LibraryChoice(database=options.database)) as library:
        report = library.status(options.paths)
    by_folder = report.unreadable_folders.items()
    report = replace(  # reasons in the command line's words
        report,
        failures=_counted(report.failures),
        unreadable=tuple(each._replace(reason=said(each.reason)) for each in report.unreadable),
        unreadable_folders={folder: _counted(reasons) for folder, reasons in by_folder},
    )
    lines = status_lines(report, verbose=options.talk.verbose)
    write_lines([status_object(report)] if options.json else lines)
    for note in unknown_notes(report.unknown):
        options.talk.note(note)
    return _status_of(report.unknown, options.paths)


def _counted(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return how often each reason is said: one may be kept in the words of earlier versions."""
    counts: dict[str, int] = {}
    for reason, number in reasons.items():
        counts[said(reason)] = counts.get(said(reason), 0) + number
    return counts


def prune(options: PruneOptions) -> int:
    """Prune and say what it came to; return 0, or 1 if nothing was indexed under any of the paths.

    Another run that writes is left to go on, which is 0 as well.
    """
    talk = options.talk
    if options.settings.keep and not options.settings.models:
        raise UsageError("--keep has no effect without --models")
    try:
        with open_library(options.library) as library:
            report = library.prune(
                options.paths,
                options.settings,
                on_wait=lambda: talk.note(WAITING),
                on_drop=lambda path: talk.detail(os.fsdecode(path)),
            )
    except IndexLocked as error:
        if options.settings.wait:
            raise
        talk.note(f"{said(error)}; nothing was pruned")
        return DONE
    return _show(report, options)


def forget(options: ForgetOptions) -> int:
    """Forget and say what it came to; return 0, or 1 if nothing was indexed under any path."""
    talk = options.talk
    with open_library(LibraryChoice(database=options.database)) as library:
        report = library.forget(
            options.paths,
            dry_run=options.dry_run,
            wait=options.wait,
            on_wait=lambda: talk.note(WAITING),
            on_drop=lambda path: talk.detail(os.fsdecode(path)),
        )
    return _show(report, options)


def doctor(options: DoctorOptions) -> int:
    """Print what was found; return 0 if all is well, 1 for warnings, 2 for a problem."""
    refuse_without_effect(options.given, (("--report", "--json"),))
    if options.report is not None:
        from rclip_like.cli.bug_report import check_target, write_report

        check_target(options.report)
    with open_library(options.library) as library:
        report = library.doctor(repair=options.repair, on_wait=lambda: options.talk.note(WAITING))
    try:
        values = read_configuration(accepted_by_any(COMMANDS["doctor"]))
        there = f"{len(values)} settings" if config_file().exists() else "none"
        settings = Finding("settings", f"{config_file()}: {there}")
    except ConfigError as error:
        left_out = ("its settings were left out here",)
        settings = Finding("settings", said(error), "problem", left_out)
    report = replace(
        report,
        findings=(*report.findings, settings, *_mistyped_variables(os.environ)),
        repaired=tuple(map(said, report.repaired)),
    )
    if options.report is not None:
        with open_library(options.library) as library:
            write_report(library, report, options.report, options.talk)
    else:
        lines = doctor_lines(report, advised, mended=options.repair)
        write_lines([doctor_object(report, advised)] if options.json else lines)
    if report.has("problem"):
        return ILL
    return WARNED if report.has("warning") else WELL


def _mistyped_variables(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a warning for each variable that sets nothing, but looks like one that would."""
    from difflib import get_close_matches

    declared = accepted_by_any(COMMANDS["doctor"])
    settable = {each.variable for each in declared if each.variable}
    settable |= {f"{ENVIRONMENT_PREFIX}{name}" for name in VARIABLES}
    own = sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX))
    for name in own:
        close = get_close_matches(name, settable, n=1, cutoff=_LIKENESS)
        if name not in settable and close:
            meant = f"unset it, or set {close[0]}"
            yield Finding("settings", f"{name} sets nothing", "warning", (meant,))


def _show(report: UpkeepReport, options: PruneOptions | ForgetOptions) -> int:
    """Print the object or, of a dry run, the folders; say the rest and return the exit status."""
    if options.json:
        write_lines([upkeep_object(report)])
    elif report.is_dry_run:
        write_lines(folder_lines(report.folders))
    for note in (*upkeep_notes(report), upkeep_sentence(report)):
        options.talk.note(note)
    return _status_of(report.unknown, options.paths)


def _status_of(unknown: Sequence[bytes], paths: Sequence[str]) -> int:
    return NOTHING_THERE if paths and len(unknown) == len(paths) else DONE
