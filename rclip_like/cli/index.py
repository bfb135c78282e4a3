"""`clipfind index`: bring the index up to date, without searching."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Sequence

from rclip_like.cli.gathering import (
    is_usable,
    named_paths,
    open_library,
    refuse_without_effect,
    talk_of,
    walk_settings,
)
from rclip_like.cli.options.index import IndexOptions
from rclip_like.cli.progress import index_bar
from rclip_like.cli.remedies import said
from rclip_like.errors import IndexLocked, UsageError
from rclip_like.library import Library
from rclip_like.output.reports import (
    index_sentence,
    left_out_sentences,
    trouble_sentence,
    unreadable_sentence,
)
from rclip_like.output.talk import Talk
from rclip_like.settings import IndexSettings
from rclip_like.values import IndexReport

WITHOUT_EFFECT = (
    ("everywhere", "paths"),
    ("everywhere", "files_from"),
    ("everywhere", "files0_from"),
)
"""Pairs of which the second does nothing beside the first."""

UP_TO_DATE, UNFINISHED, FAILED = 0, 1, 2


def run(options: IndexOptions) -> int:
    """Index and say what it came to; return 0, 1 if time was up, or 2 if a path failed."""
    refuse_without_effect(options, WITHOUT_EFFECT)
    talk = talk_of(options)
    try:
        with open_library(options) as library:
            named = _named(library, options, talk)
            paths = [path for path in named if is_usable(path)]
            # Where nothing is there, the library says so; else what is there is indexed.
            report = _index(library, paths or named, options, talk)
    except IndexLocked as error:
        if not options.no_wait:
            raise
        talk.note(f"{said(error)}; left it to that run")
        return UP_TO_DATE
    roots = {os.path.realpath(os.path.expanduser(path)) for path in paths or [b"."]}
    _tell(report, roots, talk, strict=options.strict)
    there = set(paths)
    unusable = [path for path in named if path not in there]
    for path in unusable:
        talk.error(f"{os.fsdecode(path)}: {_why_unusable(path, options)}")
    if options.strict and (unreadable := report.failed + report.failed_before):
        talk.error(unreadable_sentence(unreadable))
        return FAILED
    if options.strict and report.out_of_reach:
        return FAILED
    failed = unusable or any(trouble.path in roots for trouble in report.troubles)
    if failed:
        return FAILED
    return UP_TO_DATE if report.finished else UNFINISHED


def _why_unusable(path: bytes, options: IndexOptions) -> str:
    if os.path.lexists(os.path.expanduser(path)):
        return "neither a folder nor a regular file that can be reached; leave it out"
    if options.everywhere:
        return f"not there; if it is gone for good: clipfind prune {shlex.quote(os.fsdecode(path))}"
    return "not there; anything indexed under it is kept"


def _named(library: Library, options: IndexOptions, talk: Talk) -> list[bytes]:
    if not options.everywhere:
        return named_paths(options.paths, options, talk)
    folders = library.walked_folders()
    if not folders:
        raise UsageError("nothing is indexed yet, so --all means no folder; name one")
    return folders


def _index(
    library: Library, paths: Sequence[bytes], options: IndexOptions, talk: Talk
) -> IndexReport:
    settings = IndexSettings(
        walk=walk_settings(options),
        max_seconds=options.max_time or None,
        wait=not options.no_wait,
        retry=options.retry,
        verify=options.verify,
    )
    with index_bar(quiet=options.quiet) as on_progress:
        return library.index(
            paths,
            settings,
            on_progress=on_progress,
            on_wait=lambda: talk.note("another run is indexing; waiting for it to finish"),
        )


def _tell(report: IndexReport, roots: Collection[bytes], talk: Talk, *, strict: bool) -> None:
    minded = set(report.out_of_reach) if strict else set()
    for trouble in (*report.troubles, *report.altered, *report.failures):
        say = talk.error if trouble.path in roots or trouble in minded else talk.note
        say(said(trouble_sentence(trouble)))
    for sentence in left_out_sentences(report):
        talk.note(sentence)
    talk.note(index_sentence(report))
    if not report.finished:
        talk.note("stopped at --max-time; the next run goes on from here")
