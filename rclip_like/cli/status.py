"""`clipfind status`: what is indexed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.status import StatusOptions
from rclip_like.cli.prune import status_of
from rclip_like.cli.remedies import said
from rclip_like.output.reports import status_lines, status_object
from rclip_like.output.stream import write_lines
from rclip_like.output.upkeep import unknown_notes
from rclip_like.reports import StatusReport


def run(options: StatusOptions) -> int:
    """Print what is indexed under the paths, or in all; return 0, or 1 if that is under no path."""
    with open_library(options) as library:
        report = _in_words(library.status(options.paths))
    lines = status_lines(report, verbose=options.verbose)
    write_lines([status_object(report)] if options.json else lines)
    for note in unknown_notes(report.unknown):
        talk_of(options).note(note)
    return status_of(report.unknown, options.paths)


def _in_words(report: StatusReport) -> StatusReport:
    """Return the report with the reasons of failures in the command line's words."""
    return replace(
        report,
        failures=_counted(report.failures),
        unreadable=tuple(each._replace(reason=said(each.reason)) for each in report.unreadable),
        unreadable_folders={
            folder: _counted(reasons) for folder, reasons in report.unreadable_folders.items()
        },
    )


def _counted(reasons: Mapping[str, int]) -> dict[str, int]:
    """Return how often each reason is said: one may be kept in the words of earlier versions."""
    counts: dict[str, int] = {}
    for reason, number in reasons.items():
        counts[said(reason)] = counts.get(said(reason), 0) + number
    return counts
