"""`clipfind save`, `run` and `saved`: searches under names, and the new pictures they find."""

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from rclip_like.cli import PROGRAM, search
from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.dated import Dates
from rclip_like.cli.filing import CopyOptions
from rclip_like.cli.filters import FilterOptions
from rclip_like.cli.opening import OpenSettings
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    JsonLines,
    Offline,
    open_library,
    refuse_without_effect,
    with_database,
)
from rclip_like.cli.paths import named_paths
from rclip_like.cli.preview import PreviewSettings
from rclip_like.cli.proposals import with_quotes_proposed
from rclip_like.cli.remedies import said
from rclip_like.cli.search import SearchOptions
from rclip_like.cli.sheet import SheetOptions
from rclip_like.cli.typed import options_of, words_of
from rclip_like.cli.updating import Update
from rclip_like.errors import RootError, UsageError
from rclip_like.output.stream import Talk, write_lines
from rclip_like.settings import (
    Argument,
    Database,
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
    SearchSettings,
    path_of,
)
from rclip_like.spelling import composed

if TYPE_CHECKING:
    from rclip_like.library import Library
    from rclip_like.query import Query
    from rclip_like.store.saved import SavedSearch

_PATHS = "[PATH]..."
_OF_SAVING = ("NAME", "--replace", "--db", "--debug", "--help")
"""What is typed with `save` and does not belong to the search."""
_WITHOUT_EFFECT = (
    *(("--new", each) for each in ("--all-hidden", "--open", "--open-rank")),
    *search.WITHOUT_EFFECT,
)
"""Pairs of options of `run`; the second has no effect beside the first, or contradicts it."""

Name = Annotated[str, Argument("NAME", help="The name of a saved search; 'saved list' has them.")]


class SaveOptions(NamedTuple):
    """What `save` takes."""

    name: Annotated[
        str, Argument("NAME", help="A word: letters, digits, dots, dashes and underscores.")
    ]
    search: SearchOptions
    replace: Annotated[
        bool, Option("--replace", help="Replace the search that was saved under this name.")
    ] = False
    given: Given = NOTHING_GIVEN


class RunOptions(NamedTuple):
    """What `run` takes: what `search` does, but for the query and where to look for it."""

    name: Name
    new: Annotated[
        bool,
        Option(
            "--new",
            help="Only pictures that no earlier run with --new has shown, by content; the first "
            "shows all. Exit status 1 if there are none. Nothing counts as shown before it is "
            "printed or filed.",
        ),
    ] = False
    settings: SearchSettings = SearchSettings()
    filters: Annotated[FilterOptions, "Which pictures"] = FilterOptions()
    dates: Dates = "auto"
    files: search.Files = False
    null: search.Null = False
    json: JsonLines = False
    format: search.Template = None
    preview: PreviewSettings = PreviewSettings()
    open: OpenSettings = OpenSettings()
    sheet: SheetOptions = SheetOptions()
    copies: Annotated[CopyOptions, "Copying"] = CopyOptions()
    update: Update = Update()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


class ListOptions(NamedTuple):
    """What `saved list` takes."""

    json: JsonLines = False
    database: Database = None


class NamedOptions(NamedTuple):
    """What `saved show` and `saved remove` take."""

    name: Name
    database: Database = None


_ACTING = ("--copy-to", "--link-to", "--html", "--open", "--open-rank")
"""What a run does beside printing, which whoever runs the search types, not who made the index."""


def save(options: SaveOptions) -> int:
    """Save a search under a name; return 0. Raises UsageError where the name is taken."""
    given = {name: value for name, value in options.given.items() if name not in _OF_SAVING}
    asked = options.search._replace(given=given)
    for option in _acting(given):
        raise UsageError(f"{option} is not saved; type it with {PROGRAM} run {options.name}")
    name = _plain(options.name, [asked.query, *asked.paths])
    from rclip_like.query import parse

    _, settings, query = search.checked(asked)
    paths = named_paths(asked.paths, asked.sources, asked.talk)
    arguments = [*words_of(COMMANDS["search"], _anywhere(asked, query, paths))]
    with open_library(LibraryChoice(database=asked.library.database)) as library:
        library.refuse_unknown_names(parse(query))
        try:
            saved = library.save_search(
                name, arguments, None if settings.everywhere else paths, replace=options.replace
            )
        except RootError as error:
            command = f"{PROGRAM} save {name}"
            raise with_quotes_proposed(error, asked.query, asked.paths, command) from error
    if not saved:
        raise UsageError(f"a search is saved as {name} already; --replace replaces it")
    from rclip_like.library.dated import date_in

    if asked.dates == "auto" and date_in(query, settings.filters, datetime.now()):
        asked.talk.note(
            "the date in it selects pictures for a table on a terminal only; with --dates on it "
            "does so everywhere"
        )
    where = with_database(options.given, asked.library.database)
    asked.talk.note(f"saved; run it with: {PROGRAM} run {name}{where}")
    return 0


def run(options: RunOptions) -> int:
    """Run a saved search with what was typed beside it; return as `search` does.

    With --new the status is 1 if nothing is new.
    """
    from rclip_like.cli.parsing import Parser

    refuse_without_effect(options.given, _WITHOUT_EFFECT)
    with open_library(LibraryChoice(database=options.library.database)) as library:
        saved = _found(library, options.name)
        if options.new:
            library.refuse_unwritable()  # before anything is shown that would be shown again
    command = COMMANDS["search"]
    typed = {name: value for name, value in options.given.items() if name != "NAME"}
    try:
        before = Parser(command).split(saved.arguments)
    except UsageError as error:  # of a later version, or tampered with
        raise UsageError(f"{saved.name} cannot be run: {said(error)}") from error
    for option in _acting(before):
        raise UsageError(
            f"{saved.name} is not run: its entry in the index has {option}, which clipfind does "
            f"not save; remove it with: {PROGRAM} saved remove {saved.name}"
        )
    given = _merged(before, typed)
    given.pop("--new", None)
    asked: SearchOptions = options_of(command, given)
    if not options.new:
        return search.answer(asked, None)
    # On a terminal as in scripts, else what is new in one was shown in the other.
    settings = asked.settings._replace(words=asked.settings.words or "off")
    dates: Dates = "off" if asked.dates == "auto" else asked.dates
    return search.answer(asked._replace(settings=settings, dates=dates), saved)


def list_saved(options: ListOptions) -> int:
    """Print the saved searches, each with the command line that it stands for; return 0."""
    from rclip_like.output.reports import table

    with open_library(LibraryChoice(database=options.database)) as library:
        library.refuse_missing_beside()
        searches = library.saved_searches()
    if options.json:
        from rclip_like.output.matches import json_text

        write_lines(
            json_text(
                {
                    "name": each.name,
                    "command": _command(each),
                    "saved_at": each.saved_at,
                    "num_seen": each.num_seen,
                }
            )
            for each in searches
        )
    else:
        write_lines(table([{"name": each.name, "search": _command(each)} for each in searches]))
    return 0


def show(options: NamedOptions) -> int:
    """Print the command line that a saved search stands for; return 0."""
    with open_library(LibraryChoice(database=options.database)) as library:
        write_lines([_command(_found(library, options.name))])
    return 0


def remove(options: NamedOptions) -> int:
    """Remove a saved search; return 0. Raises UsageError where there is none of this name."""
    with open_library(LibraryChoice(database=options.database)) as library:
        library.refuse_missing_beside()
        if not library.remove_search(composed(options.name)):
            raise _unknown(library, options.name)
    return 0


def _acting(given: Given) -> list[str]:
    return [option for option in _ACTING if option in given]


def _plain(name: str, others: list[str]) -> str:
    """Return a name in the form in which it is saved. Raises UsageError if it is not a word."""
    from rclip_like.library.saved import saved_name

    try:
        return saved_name(name)
    except UsageError as error:
        import shlex

        words = shlex.join(["save", name, *others])
        raise UsageError(
            f"{error.reason}; to search for the word: {PROGRAM} search {words}"
        ) from error


def _anywhere(options: SearchOptions, query: "Query", paths: list[bytes]) -> dict[str, Any]:
    """Return what was typed so that it means the same in any folder: paths are absolute.

    Words are marked as such, since in another folder there may be a file of that name. Raises
    UsageError for a query that makes no sense, and for paths from stdin.
    """
    from rclip_like.query import Kind, parse
    from rclip_like.query.terms import with_absolute_path

    terms = parse(query)
    texts = (query.text, *options.add, *options.subtract)
    typed = [with_absolute_path(text, query.kind) for text in texts]
    num_added = 1 + len(options.add)
    given: dict[str, Any] = {**options.given, "QUERY": typed[0]}
    for name, words in (("--add", typed[1:num_added]), ("--subtract", typed[num_added:])):
        if words:
            given[name] = words
    if all(term.kind is Kind.TEXT for term in terms):
        given["--text"] = True
        given.pop("--allow-private", None)
    if any(options.sources):
        for name in ("--files-from", "--files0-from"):
            if given.get(name) == "-":
                raise UsageError(f"{name} -: stdin is gone when the search is run; name a file")
            if name in given:
                given[name] = os.path.abspath(given[name])
        paths = paths[: len(options.paths)]
    elif not paths and not options.settings.everywhere:
        paths = [os.getcwdb()]
    if paths:
        given[_PATHS] = [os.fsdecode(os.path.abspath(path)) for path in paths]
    return given | _absolute_values(given)


def _absolute_values(given: Given) -> dict[str, str]:
    """Return the absolute paths of the files and folders among the values of options."""
    from pathlib import Path

    from rclip_like.models.names import is_folder_name

    absolute = {}
    for declared in COMMANDS["search"].accepted:
        value = given.get(declared.long_name)
        is_path = declared.kind is Path and value != "-"
        if isinstance(value, str) and (
            is_path or (declared.long_name == "--model" and is_folder_name(value))
        ):
            absolute[declared.long_name] = os.path.abspath(path_of(value))
    return absolute


def _merged(saved: Given, typed: Given) -> dict[str, Any]:
    """Return the typed options, and the saved ones that do not contradict them or need another."""
    pairs = {*_WITHOUT_EFFECT, *(pair[::-1] for pair in _WITHOUT_EFFECT)}
    kept = {
        name: value
        for name, value in saved.items()
        if not any((name, other) in pairs for other in typed)
    }
    given = kept | dict(typed)
    lone = {name for name, *needed in search.NEEDS if given.keys().isdisjoint(needed)} - {*typed}
    return {name: value for name, value in given.items() if name not in lone}


def _found(library: "Library", name: str) -> "SavedSearch":
    """Return the search of this name. Raises UsageError where there is none."""
    library.refuse_missing_beside()
    found = library.saved_search(composed(name))
    if found is None:
        raise _unknown(library, name)
    return found


def _unknown(library: "Library", name: str) -> UsageError:
    """Return the error for a name that no search has, with the name that may be meant."""
    import shlex
    from difflib import get_close_matches

    close = get_close_matches(name, [each.name for each in library.saved_searches()], n=1)
    meant = "".join(f" (did you mean {each}?)" for each in close)
    return UsageError(
        f"no search is saved as {name!r}{meant}; see {PROGRAM} saved list; to search for the word: "
        f"{PROGRAM} search {shlex.join(['run', name])}"
    )


def _command(saved: "SavedSearch") -> str:
    """Return the command line that a saved search stands for, for a shell."""
    from rclip_like.cli.command_line import quoted

    return " ".join([PROGRAM, "search", *(quoted(os.fsencode(each)) for each in saved.arguments)])
