"""`clipfind prune`: drop the rows of what is gone."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.upkeep import Dropping, PruneOptions
from rclip_like.cli.remedies import said
from rclip_like.errors import IndexLocked, UsageError
from rclip_like.output.stream import write_lines
from rclip_like.output.talk import Talk
from rclip_like.output.upkeep import folder_lines, upkeep_notes, upkeep_object, upkeep_sentence
from rclip_like.reports import UpkeepReport
from rclip_like.settings import PruneSettings

DONE, NOTHING_THERE = 0, 1
WAITING = "another run writes to the index; waiting for it to finish"


def run(options: PruneOptions) -> int:
    """Prune and say what it came to; return 0, also where another run is left to go on.

    1 if nothing was indexed under any of the paths.
    """
    if options.keep and not options.models:
        raise UsageError("--keep has no effect without --models")
    talk = talk_of(options)
    settings = PruneSettings(
        models=options.models,
        keep=options.keep,
        texts=options.texts,
        dry_run=options.dry_run,
        wait=not options.no_wait,
    )
    try:
        with open_library(options) as library:
            report = library.prune(
                options.paths,
                settings,
                on_wait=lambda: talk.note(WAITING),
                on_drop=lambda path: talk.detail(os.fsdecode(path)),
            )
    except IndexLocked as error:
        if not options.no_wait:
            raise
        talk.note(f"{said(error)}; nothing was pruned")
        return DONE
    show(report, options, talk)
    return status_of(report.unknown, options.paths)


def status_of(unknown: Sequence[bytes], paths: Sequence[str]) -> int:
    """Return 1 if paths were named and nothing was indexed under any of them, else 0."""
    return NOTHING_THERE if paths and len(unknown) == len(paths) else DONE


def show(report: UpkeepReport, options: Dropping, talk: Talk) -> None:
    """Print the object or, of a dry run, the folders; say the rest."""
    if options.json:
        write_lines([upkeep_object(report)])
    elif report.is_dry_run:
        write_lines(folder_lines(report.folders))
    for note in upkeep_notes(report):
        talk.note(note)
    talk.note(upkeep_sentence(report))
