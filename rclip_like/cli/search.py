"""`clipfind search`: bring the index up to date, rank, print."""

import sys
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli import filing, filters, opening, preview, updating
from rclip_like.cli.dated import Dates
from rclip_like.cli.dispatch import near_miss
from rclip_like.cli.filing import CopyOptions
from rclip_like.cli.filters import FilterOptions, filters_of
from rclip_like.cli.opening import OpenSettings, open_result
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    JsonLines,
    Offline,
    Paths,
    open_library,
    refuse_alone,
    refuse_without_effect,
)
from rclip_like.cli.paths import Sources
from rclip_like.cli.preview import PreviewSettings, can_draw, show_matches
from rclip_like.cli.proposals import command_meant, refuse_folder_first, with_quotes_proposed
from rclip_like.cli.remedies import said
from rclip_like.cli.sheet import (
    ALONE,
    SheetOptions,
    check_sheet,
    group_of_matches,
    heading_of_search,
    write_sheet,
)
from rclip_like.cli.updating import (
    Update,
    index_settings,
    searched_paths,
    tell_of_indexing,
    tell_of_left_out,
)
from rclip_like.errors import RootError, counted
from rclip_like.output.matches import Form, Layout, render
from rclip_like.output.progress import index_bar
from rclip_like.output.reports import unreadable_sentence
from rclip_like.output.stream import Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal, screen_of
from rclip_like.settings import (
    Argument,
    EncoderSettings,
    Filters,
    LibraryChoice,
    Option,
    ReadSettings,
    SearchSettings,
    WebSettings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rclip_like.library import Library
    from rclip_like.query import Query
    from rclip_like.store.saved import SavedSearch
    from rclip_like.values import SearchReport

FOUND, NOTHING_FOUND = 0, 1
WITHOUT_EFFECT = (
    ("--files", "--json"),
    ("--files", "--format"),
    ("--files", "--explain"),
    ("--json", "--format"),
    ("--json", "--null"),
    ("--format", "--explain"),
    ("--text", "--image"),
    ("--text", "--allow-private"),
    ("--image", "--template"),
    ("--image", "--words"),
    ("--image", "--no-cache"),
    *(("--html", each) for each in ALONE),
    *preview.WITHOUT_EFFECT,
    *opening.WITHOUT_EFFECT,
    *filing.WITHOUT_EFFECT_IN_SEARCH,
    *filters.WITHOUT_EFFECT,
    *updating.WITHOUT_EFFECT,
)
"""Pairs of options; the second has no effect beside the first, or contradicts it."""
NEEDS = (
    ("--dry-run", "--copy-to", "--link-to"),
    ("--within-km", "--near"),
    ("--preview-protocol", "--preview"),
    ("--thumbnail-cache", "--html", "--preview"),
)
"""Options that do nothing without one of those behind them."""

Files = Annotated[bool, Option("--files -f", help="Print paths only.")]
Null = Annotated[bool, Option("--null -0", help="End each result with a NUL, not with a new line.")]
Template = Annotated[
    str | None,
    Option(
        "--format",
        metavar="TEMPLATE",
        help="Print each result as TEMPLATE says: {path} {score} {rank} {model} {date} "
        "{camera} {place} {words} {width} {height}, \\t \\n \\0.",
    ),
]


class SearchOptions(NamedTuple):
    """What `search` takes."""

    query: Annotated[
        str,
        Argument(
            "QUERY",
            help="Words, or a picture: a path that begins with /, ./, ../, ~/ or file:, or ends "
            "as pictures do (x.jpg), or an address on the web (https).",
        ),
    ]
    paths: Paths = ()
    add: Annotated[
        tuple[str, ...],
        Option("--add -a", metavar="QUERY", help="Add words or a picture. Repeatable."),
    ] = ()
    subtract: Annotated[
        tuple[str, ...],
        Option("--subtract -s", metavar="QUERY", help="Subtract words or a picture. Repeatable."),
    ] = ()
    text: Annotated[
        bool, Option("--text", help="Read every query as words, even one that looks like a path.")
    ] = False
    image: Annotated[bool, Option("--image", help="Read every query as a picture's path.")] = False
    web: WebSettings = WebSettings()
    settings: SearchSettings = SearchSettings()
    filters: Annotated[FilterOptions, "Which pictures"] = FilterOptions()
    dates: Dates = "auto"
    files: Files = False
    null: Null = False
    json: JsonLines = False
    format: Template = None
    preview: PreviewSettings = PreviewSettings()
    open: OpenSettings = OpenSettings()
    sheet: SheetOptions = SheetOptions()
    copies: Annotated[CopyOptions, "Copying"] = CopyOptions()
    update: Update = Update()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    sources: Annotated[Sources, "Paths"] = Sources()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: SearchOptions) -> int:
    """Search and print or file the matches; return 0 if there are any, else 1."""
    return answer(options)


def answer(options: SearchOptions, saved: "SavedSearch | None" = None) -> int:
    """Do as `run`; of a saved search show what it has not shown, and then remember that it did."""
    layout, settings, query = checked(options)
    talk = options.talk
    paths = searched_paths(options.paths, options.sources, talk)
    command = command_meant(options.query, options.paths)
    if command:
        talk.note(f"searching for {options.query!r}; is the command 'clipfind {command}' meant?")
    with open_library(options.library, options.encoder, options.read, options.web) as library:
        try:
            report = _searched(library, query, paths, settings, options, layout)
        except RootError as error:
            raise with_quotes_proposed(error, options.query, options.paths) from error
        shown = report if saved is None else library.unseen(saved, report)
        if shown.matches or not report.matches:
            status = _deliver(shown, query, options, layout)
        else:
            status = NOTHING_FOUND
            if is_terminal(sys.stderr):  # elsewhere, as in cron's mail, the exit status says it
                talk.note(f"nothing new; {counted(len(report.matches), 'picture')} shown before")
        if saved is not None and status == FOUND and not options.copies.dry_run:
            library.remember_seen(saved, report.matches)
        _tell(report, options, command)
        if not talk.quiet and is_terminal(sys.stderr):
            from rclip_like.cli.larger_models import introduce_larger_models

            introduce_larger_models(library, report, query)
    open_result(shown.matches, options.open)
    return status


def _deliver(report: "SearchReport", query: "Query", options: SearchOptions, layout: Layout) -> int:
    """Print or file the matches; return 0 if there are any, else 1, or 2 for failures of filing."""
    if options.copies.folder is not None:
        is_json = options.json
        return filing.file_matches(report.matches, options.copies, options.talk, is_json=is_json)
    if options.sheet.html is not None:
        heading = heading_of_search(query, options.paths, options.given, report.matches)
        groups = [group_of_matches(report.matches)]
        write_sheet(groups, heading, options.sheet, options.read, options.talk)
    elif options.preview.preview and layout.is_table and can_draw():
        show_matches(
            report.matches,
            layout.screen,
            options.preview.protocol,
            options.sheet.cache_megabytes,
            options.read,
        )
    else:
        write_out(render(report.matches, layout))
    return FOUND if report.matches else NOTHING_FOUND


def checked(options: SearchOptions) -> "tuple[Layout, SearchSettings, Query]":
    """Return what the options come to. Raises UsageError where they make no sense."""
    refuse_without_effect(options.given, WITHOUT_EFFECT)
    refuse_alone(options.given, *NEEDS)
    check_sheet(options.sheet)
    layout = _layout_of(options)
    settings = search_settings(options, layout)
    if not options.text:
        refuse_folder_first(options.query, options.paths)
    from rclip_like.query import Kind, Query  # help and completion do without

    kind = Kind.TEXT if options.text else Kind.PICTURE if options.image else None
    return layout, settings, Query(options.query, options.add, options.subtract, kind)


def _searched(
    library: "Library",
    query: "Query",
    paths: "Sequence[bytes]",
    settings: SearchSettings,
    options: SearchOptions,
    layout: Layout,
) -> "SearchReport":
    """Search with the date in the query as a filter, if dates are to be read, else as words.

    Says what became of the date. A date that leaves no picture is searched for as words.
    """
    talk, dated = options.talk, None
    if options.dates == "on" or (options.dates == "auto" and layout.is_table):
        from rclip_like.library.dated import date_in

        dated = date_in(query, settings.filters, datetime.now())
    with index_bar(quiet=talk.quiet) as on_progress:
        report = library.search(
            dated.query if dated else query,
            paths,
            settings._replace(filters=dated.filters) if dated else settings,
            update=index_settings(options.update, settings.walk),
            on_progress=on_progress,
        )
    asked_of = None if settings.everywhere else paths
    if dated is None:
        if is_terminal(sys.stderr) and not talk.quiet:
            left_out = _left_out(library, asked_of, settings.filters)
            if left_out:
                talk.note(left_out)
        return report
    if report.best is None and not report.hidden:
        talk.note(f"there are no {dated.pictures()} here, so {query.text!r} was searched as words")
        words = library.search(query, paths, settings, update=None)
        return replace(words, index=report.index, missing=report.missing)
    searched = f"searched for {dated.query.text!r} in {dated.pictures()}"
    left_out = _left_out(library, asked_of, dated.filters)
    talk.note("; ".join(filter(None, (searched, left_out))))
    return report


def _left_out(library: "Library", paths: "Sequence[bytes] | None", filters: Filters) -> str:
    """Say how many pictures do not give the date or the position that the filters ask for."""
    numbers = {}
    if filters.taken_from is not None or filters.taken_before is not None:
        numbers["date"] = library.count_undated(paths)
    if filters.near is not None or filters.place is not None:
        numbers["position"] = library.count_without_position(paths)
    sentences = [
        f"{counted(number, 'picture')} without a {fact}"
        for fact, number in numbers.items()
        if number
    ]
    return f"{' and '.join(sentences)} left out" if sentences else ""


def _layout_of(options: SearchOptions) -> Layout:
    """Return how the matches are to be written; raises UsageError for a bad template."""
    form, template = Form.LINES, None
    if options.format is not None:
        from rclip_like.output.template import parse_template

        form, template = Form.TEMPLATE, parse_template(options.format)
    return Layout(
        form=Form.PATHS if options.files else Form.JSON if options.json else form,
        end=b"\0" if options.null else b"\n",
        screen=screen_of(stdout(), options.color),
        template=template,
    )


def search_settings(options: SearchOptions, layout: Layout) -> SearchSettings:
    """Return what is ranked and kept; people get copies once and words, unless typed otherwise."""
    found = filters_of(options.filters, options.settings.filters, datetime.now())
    settings = options.settings._replace(filters=found)
    if settings.collapse is None:
        is_shown = layout.is_table or options.sheet.html is not None
        is_for_people = is_shown or options.copies.folder is not None
        settings = settings._replace(collapse=is_for_people)
    if settings.words is None:
        settings = settings._replace(words="on" if layout.is_table else "off")
    return settings


def _tell(report: "SearchReport", options: SearchOptions, command: str | None) -> None:
    """Say on stderr what the user should know beside the matches.

    command: the one that the query was said to be a near miss of, if any.
    """
    talk = options.talk
    for note in report.notes:
        talk.note(said(note))
    tell_of_left_out(talk, stale=report.stale, damaged=report.damaged)
    if report.copies:
        copies = "1 copy" if report.copies == 1 else f"{report.copies:,} copies"
        talk.note(f"{copies} left out; --no-collapse shows all")
    if report.hidden:
        them = "it" if report.hidden == 1 else "them"
        number = counted(report.hidden, "hidden picture")
        talk.note(f"{number} left out; --all-hidden shows {them}")
    if report.missing:
        talk.note(f"{counted(report.missing, 'picture')} not indexed yet, so not searched")
    if report.index is not None:
        tell_of_indexing(report.index, options.settings.walk, options.given, talk)
    if report.matches:
        talk.detail(f"searched with {report.matches[0].model}")
    else:
        _tell_of_nothing(report, options)
        if command is None and (command := near_miss(options.query)):
            talk.note(
                f"nothing found for {options.query!r}; is the command 'clipfind {command}' meant?"
            )


def _tell_of_nothing(report: "SearchReport", options: SearchOptions) -> None:
    """Say why nothing may have been found."""
    talk, min_score = options.talk, options.settings.min_score
    if report.index is not None and report.index.failed_before:
        talk.note(unreadable_sentence(report.index.failed_before))
    if report.best is None:
        is_explained = report.notes or report.hidden or report.stale
        if not is_explained and (typed := filters.typed_in(options.given, datetime.now())):
            talk.note(f"no picture here passes {' '.join(typed)}")
        return
    if options.settings.words == "only":  # thresholds are for scores; a note says what is so
        return
    if report.presence is not None:
        query = ", ".join((options.query, *options.add))
        talk.note(f"nothing here seems to show {query!r} (best {report.best:.2f})")
    elif isinstance(min_score, float):
        talk.note(f"nothing scores {min_score:g} or more; the best score is {report.best:.4f}")
