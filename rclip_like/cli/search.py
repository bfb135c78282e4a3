"""`clipfind search`: bring the index up to date, rank, print."""

from __future__ import annotations

from rclip_like.cli.dispatch import near_miss
from rclip_like.cli.gathering import (
    named_paths,
    open_library,
    refuse_without_effect,
    still_there,
    talk_of,
    walk_settings,
)
from rclip_like.cli.larger_models import introduce_larger_models
from rclip_like.cli.options.search import SearchOptions
from rclip_like.cli.progress import index_bar
from rclip_like.cli.proposals import (
    command_meant,
    index_command,
    refuse_folder_first,
    with_quotes_proposed,
)
from rclip_like.cli.remedies import said
from rclip_like.errors import RootError
from rclip_like.library import Library
from rclip_like.output.matches import Form, Layout, render
from rclip_like.output.reports import (
    counted,
    index_sentence,
    left_out_sentences,
    trouble_sentence,
    unreadable_sentence,
)
from rclip_like.output.stream import stdout, write_out
from rclip_like.output.talk import Talk
from rclip_like.output.template import parse_template
from rclip_like.output.terminal import screen_of
from rclip_like.query import Kind, Query
from rclip_like.settings import IndexSettings, SearchSettings, WebSettings
from rclip_like.values import IndexReport, SearchReport

FOUND, NOTHING_FOUND = 0, 1
WITHOUT_EFFECT = (
    ("files", "json"),
    ("files", "format"),
    ("files", "explain"),
    ("json", "format"),
    ("json", "null"),
    ("format", "explain"),
    ("text", "image"),
    ("text", "allow_private"),
    ("image", "template"),
    ("image", "no_cache"),
    ("no_index", "max_time"),
    ("no_index", "one_file_system"),
    ("everywhere", "paths"),
    ("everywhere", "files_from"),
    ("everywhere", "files0_from"),
    ("everywhere", "no_index"),
    ("everywhere", "max_time"),
    ("everywhere", "follow"),
    ("everywhere", "one_file_system"),
    ("everywhere", "no_ignore"),
    ("everywhere", "hidden"),
)
"""Pairs of which the second does nothing beside the first, or the two contradict each other."""


def run(options: SearchOptions) -> int:
    """Search and print the matches; return 0 if there are any, else 1."""
    refuse_without_effect(options, WITHOUT_EFFECT)
    layout = layout_of(options)
    talk = talk_of(options)
    paths = named_paths(options.paths, options, talk)
    if options.files_from or options.files0_from:
        typed = len(options.paths)
        paths[typed:] = still_there(paths[typed:], talk)
    command = command_meant(options)
    if command:
        talk.note(f"searching for {options.query!r}; is the command 'clipfind {command}' meant?")
    with open_library(options, WebSettings(allow_private=options.allow_private)) as library:
        report = _search(library, paths, options, layout)
        write_out(render(report.matches, layout))
        _tell(report, talk, options)
        introduce_larger_models(library, report, options)
    return FOUND if report.matches else NOTHING_FOUND


def layout_of(options: SearchOptions) -> Layout:
    """Return how the matches are to be written; raises UsageError for a bad template."""
    return Layout(
        form=_form(options),
        end=b"\0" if options.null else b"\n",
        screen=screen_of(stdout(), options.color),
        template=None if options.format is None else parse_template(options.format),
    )


def _form(options: SearchOptions) -> Form:
    if options.files:
        return Form.PATHS
    if options.json:
        return Form.JSON
    return Form.LINES if options.format is None else Form.TEMPLATE


def _search(
    library: Library, paths: list[bytes], options: SearchOptions, layout: Layout
) -> SearchReport:
    refuse_folder_first(options)
    try:
        with index_bar(quiet=options.quiet) as on_progress:
            return library.search(
                _query(options),
                paths,
                search_settings(options, layout),
                update=None if options.no_index else index_settings(options),
                on_progress=on_progress,
            )
    except RootError as error:
        raise with_quotes_proposed(error, options) from error


def _query(options: SearchOptions) -> Query:
    kind = Kind.TEXT if options.text else Kind.PICTURE if options.image else None
    return Query(options.query, options.add, options.subtract, kind)


def search_settings(options: SearchOptions, layout: Layout) -> SearchSettings:
    """Return what is to be ranked and kept; copies are shown once in a table unless told."""
    collapse = layout.is_table if options.collapse is None else options.collapse
    return SearchSettings(
        top=options.top,
        min_score=options.min_score,
        within=options.within,
        sort=options.sort,
        collapse=collapse,
        explain=options.explain,
        everywhere=options.everywhere,
        template=options.template,
        cache_texts=not options.no_cache,
        walk=walk_settings(options),
    )


def index_settings(options: SearchOptions) -> IndexSettings:
    """Return how the index is brought up to date before the search."""
    return IndexSettings(
        walk=walk_settings(options), max_seconds=options.max_time or None, wait=False
    )


def _tell(report: SearchReport, talk: Talk, options: SearchOptions) -> None:
    """Say on stderr what the user should know beside the matches."""
    for note in report.notes:
        talk.note(said(note))
    if report.stale:
        gone = counted(report.stale, "picture")
        talk.note(f"{gone} left out: gone, changed or out of reach since indexing")
    if report.copies:
        talk.note(f"{_copies(report.copies)} left out; --no-collapse shows all")
    if report.damaged:
        talk.note(
            f"{counted(report.damaged, 'picture')} left out: damaged in the index; mend it with: "
            "clipfind doctor --repair, then clipfind index"
        )
    if report.missing:
        talk.note(f"{counted(report.missing, 'picture')} not indexed yet, so not searched")
    if report.index is not None:
        _tell_of_indexing(report.index, talk)
        if not report.index.finished:
            talk.note(f"to index the rest: {index_command(options)}")
    if report.matches:
        talk.detail(f"searched with {report.matches[0].model}")
    else:
        _tell_of_nothing(report, talk, options)


def _tell_of_nothing(report: SearchReport, talk: Talk, options: SearchOptions) -> None:
    """Say what may be the reason that nothing was found."""
    if report.index is not None and report.index.failed_before:
        talk.note(unreadable_sentence(report.index.failed_before))
    if options.min_score is not None and report.best is not None:
        talk.note(
            f"nothing scores {options.min_score:g} or more; the best score is {report.best:.4f}"
        )
    if not command_meant(options):  # else that was said before
        _tell_of_near_miss(talk, options)


def _copies(number: int) -> str:
    return "1 copy" if number == 1 else f"{number:,} copies"


def _tell_of_indexing(report: IndexReport, talk: Talk) -> None:
    for trouble in report.troubles:
        talk.note(said(trouble_sentence(trouble)))
    for sentence in left_out_sentences(report):
        talk.note(sentence)
    if report.failures and not talk.verbose:
        talk.note(unreadable_sentence(len(report.failures)))
    for failure in report.failures:
        talk.detail(said(trouble_sentence(failure)))
    talk.detail(index_sentence(report))


def _tell_of_near_miss(talk: Talk, options: SearchOptions) -> None:
    command = near_miss(options.query)
    if command:
        talk.note(
            f"nothing found for {options.query!r}; is the command 'clipfind {command}' meant?"
        )
