"""`clipfind status`: what is indexed."""

from __future__ import annotations

from rclip_like.cli.gathering import open_library
from rclip_like.cli.options.status import StatusOptions
from rclip_like.output.reports import status_lines, status_object
from rclip_like.output.stream import write_lines


def run(options: StatusOptions) -> int:
    """Print what is indexed under the paths, or in all; return 0."""
    with open_library(options) as library:
        report = library.status(options.paths)
    lines = status_lines(report, verbose=options.verbose)
    write_lines([status_object(report)] if options.json else lines)
    return 0
