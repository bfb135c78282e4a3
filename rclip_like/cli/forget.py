"""`clipfind forget`: drop all that is indexed under some paths."""

from __future__ import annotations

import os

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.upkeep import ForgetOptions
from rclip_like.cli.prune import WAITING, show, status_of


def run(options: ForgetOptions) -> int:
    """Forget and say what it came to; return 0, or 1 if nothing was indexed under any path."""
    talk = talk_of(options)
    with open_library(options) as library:
        report = library.forget(
            options.paths,
            dry_run=options.dry_run,
            wait=not options.no_wait,
            on_wait=lambda: talk.note(WAITING),
            on_drop=lambda path: talk.detail(os.fsdecode(path)),
        )
    show(report, options, talk)
    return status_of(report.unknown, options.paths)
