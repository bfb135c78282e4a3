"""`clipfind status`: what is indexed."""

from __future__ import annotations

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.status import StatusOptions
from rclip_like.cli.prune import status_of
from rclip_like.output.reports import status_lines, status_object
from rclip_like.output.stream import write_lines
from rclip_like.output.upkeep import unknown_notes


def run(options: StatusOptions) -> int:
    """Print what is indexed under the paths, or in all; return 0, or 1 if that is under no path."""
    with open_library(options) as library:
        report = library.status(options.paths)
    lines = status_lines(report, verbose=options.verbose)
    write_lines([status_object(report)] if options.json else lines)
    for note in unknown_notes(report.unknown):
        talk_of(options).note(note)
    return status_of(report.unknown, options.paths)
