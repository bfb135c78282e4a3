"""`clipfind index`: bring the index up to date, without searching."""

import os
import shlex
import time
from collections.abc import Collection, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    Paths,
    open_library,
    refuse_alone,
    refuse_without_effect,
)
from rclip_like.cli.paths import (
    Sources,
    is_usable,
    named_paths,
    standing_patterns,
    without_unmatched,
)
from rclip_like.cli.remedies import said
from rclip_like.errors import IndexLocked, UsageError
from rclip_like.output.progress import index_bar, progress_bar
from rclip_like.output.reports import (
    index_sentence,
    left_out_sentences,
    trouble_sentence,
    unreadable_sentence,
    video_sentences,
)
from rclip_like.output.stream import Talk
from rclip_like.settings import EncoderSettings, IndexSettings, LibraryChoice, Option

if TYPE_CHECKING:
    from rclip_like.library import Library
    from rclip_like.values import IndexReport, Trouble

WITHOUT_EFFECT = (
    ("--all", "[PATH]..."),
    ("--all", "--files-from"),
    ("--all", "--files0-from"),
    ("--watch", "--files-from"),
    ("--watch", "--files0-from"),
    ("--watch", "--max-time"),
    ("--watch", "--no-wait"),
    ("--watch", "--retry"),
    ("--watch", "--verify"),
    ("--watch", "--strict"),
)
"""Pairs of options; the second has no effect beside the first."""

UP_TO_DATE, UNFINISHED, FAILED = 0, 1, 2


class IndexOptions(NamedTuple):
    """What `index` takes."""

    paths: Paths = ()
    everywhere: Annotated[
        bool, Option("--all", help="Update every folder that was indexed before.")
    ] = False
    watch: Annotated[
        bool,
        Option(
            "--watch",
            help="Then wait for changes below the folders and index them, until Ctrl-C or SIGTERM "
            "ends it. On network drives look every minute instead.",
        ),
    ] = False
    settings: IndexSettings = IndexSettings()
    strict: Annotated[
        bool, Option("--strict", help="Exit with status 2 if anything cannot be read.")
    ] = False
    sources: Annotated[Sources, "Paths"] = Sources()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: IndexOptions) -> int:
    """Index and say what it came to; return 0, 1 if time was up, or 2 if a path failed.

    With --watch return only when a signal ends it, which is 0.
    """
    refuse_without_effect(options.given, WITHOUT_EFFECT)
    refuse_alone(options.given, ("--thumbnail-cache", "--thumbnails"))
    settings = options.settings._replace(max_seconds=options.settings.max_seconds or None)
    if settings.text:
        from rclip_like.library.texts import installed_text_models

        installed_text_models()  # rather now than after hours of indexing
    options = options._replace(settings=settings)
    with open_library(options.library, options.encoder) as library:
        if options.watch:
            from rclip_like.cli.watching import watch

            named = _named(library, options)
            return watch(library, named, options, lambda: bring_up_to_date(library, named, options))
        return bring_up_to_date(library, _named(library, options), options)


def bring_up_to_date(library: "Library", named: Sequence[bytes], options: IndexOptions) -> int:
    """Index these paths once and say what it came to; return what `run` does."""
    talk, settings = options.talk, options.settings
    paths = [path for path in named if is_usable(path)]
    try:
        with index_bar(quiet=talk.quiet) as on_progress:
            report = library.index(
                paths or named,  # where nothing is there, the library says so
                settings,
                on_progress=on_progress,
                on_wait=lambda: talk.note("another run is indexing; waiting for it to finish"),
            )
    except IndexLocked as error:
        if settings.wait:
            raise
        talk.note(f"{said(error)}; this run ends")
        return UP_TO_DATE
    if talk.verbose and report.failed_before:
        _name_failures(library.status(paths or [b"."]).unreadable, report, talk)
    roots = {os.path.realpath(os.path.expanduser(path)) for path in paths or [b"."]}
    report = without_unmatched(report, standing_patterns(settings.walk, options.given))
    _tell(report, roots, talk, strict=options.strict)
    is_finished = report.finished and _finish(paths or list(named), report.seconds, options)
    there = set(paths)
    unusable = [path for path in named if path not in there]
    for path in unusable:
        name = os.fsdecode(path)
        if os.path.lexists(os.path.expanduser(path)):
            why = "neither a folder nor a regular file that can be reached; leave it out"
        elif options.everywhere:
            why = f"not there; if it is gone for good: clipfind prune {shlex.quote(name)}"
        else:
            why = "not there; anything indexed under it is kept"
        talk.error(f"{name}: {why}")
    if options.strict and (unreadable := report.failed + report.failed_before):
        talk.error(unreadable_sentence(unreadable))
        return FAILED
    is_short = options.strict and report.out_of_reach
    if is_short or unusable or any(trouble.path in roots for trouble in report.troubles):
        return FAILED
    return UP_TO_DATE if is_finished else UNFINISHED


def _finish(paths: Sequence[bytes], seconds: float, options: IndexOptions) -> bool:
    """Make what is wanted of indexed pictures beside embeddings; return whether nothing is left.

    seconds: how long the run took up to now.
    """
    settings, started = options.settings, time.monotonic() - seconds

    def with_time_left() -> IndexSettings:
        if not settings.max_seconds:
            return settings._replace(max_seconds=None)
        left = started + settings.max_seconds - time.monotonic()
        return settings._replace(max_seconds=max(0.001, left))

    if settings.thumbnails:
        _make_thumbnails(paths, with_time_left(), options)
    return not settings.text or _read_texts(paths, with_time_left(), options)


def _make_thumbnails(
    paths: Sequence[bytes], settings: IndexSettings, options: IndexOptions
) -> None:
    """Make the thumbnails that the run has not made, and say so."""
    from rclip_like.output.reports import thumbnail_sentences

    talk = options.talk
    with (
        open_library(options.library, options.encoder) as library,
        progress_bar("making thumbnails", "pictures", quiet=talk.quiet) as show,
    ):
        report = library.make_thumbnails(paths, settings, on_progress=show)
    for trouble in report.failures:
        talk.note(f"no thumbnail: {said(trouble_sentence(trouble))}")
    for sentence in thumbnail_sentences(report, settings.thumbnail_megabytes):
        talk.note(sentence)


def _read_texts(paths: Sequence[bytes], settings: IndexSettings, options: IndexOptions) -> bool:
    """Read the text in pictures that has not been read yet, say so, and return if that is all."""
    from rclip_like.output.reports import text_sentences

    talk = options.talk
    with (
        open_library(options.library, options.encoder) as library,
        progress_bar("reading text", "pictures", quiet=talk.quiet) as show,
    ):
        report = library.read_texts(
            paths,
            settings,
            on_progress=show,
            on_wait=lambda: talk.note("another run is indexing; waiting for it to finish"),
        )
    for trouble in report.failures:
        talk.note(f"no text read: {said(trouble_sentence(trouble))}")
    for sentence in text_sentences(report):
        talk.note(sentence)
    return not report.left


def _named(library: "Library", options: IndexOptions) -> list[bytes]:
    if not options.everywhere:
        return named_paths(options.paths, options.sources, options.talk)
    folders = library.walked_folders()
    if not folders:
        raise UsageError("nothing is indexed yet, so --all means no folder; name one")
    return folders


def _name_failures(unreadable: "Collection[Trouble]", report: "IndexReport", talk: Talk) -> None:
    """Name the files that earlier runs could not read, which this one did not try again."""
    reported = {failure.path for failure in report.failures}
    for trouble in unreadable:
        if trouble.path not in reported:
            talk.detail(said(trouble_sentence(trouble)))


def _tell(report: "IndexReport", roots: Collection[bytes], talk: Talk, *, strict: bool) -> None:
    minded = set(report.out_of_reach) if strict else set()
    for trouble in (*report.troubles, *report.altered, *report.failures):
        say = talk.error if trouble.path in roots or trouble in minded else talk.note
        say(said(trouble_sentence(trouble)))
    for sentence in chain(left_out_sentences(report), video_sentences(report)):
        talk.note(sentence)
    talk.note(index_sentence(report))
    if not report.finished:
        talk.note("stopped at --max-time; the next run continues from here")
