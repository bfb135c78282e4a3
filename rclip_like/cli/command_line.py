"""A search on the page, as the command line that shows the same, and back."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from rclip_like.duplicates.settings import DuplicatesSettings
from rclip_like.errors import ClipfindError, UsageError
from rclip_like.page.state import FILTERS, PASTED, PageSearch
from rclip_like.query import Kind, Query, Term, is_path_like, parse
from rclip_like.settings import LibraryChoice, SearchSettings, WalkSettings
from rclip_like.settings.declared import Declared, changed

_NOTHING = "0:picture"
"""A query that weighs nothing, for a search that only subtracts."""
_FILTERS = tuple(f"--{name}" for name in FILTERS)
_ON_PAGE = {
    *("QUERY", "[PATH]...", "--add", "--subtract", "--text", "--sort", "--words", "--min-score"),
    *("--all", "--all-hidden", "--dates", "--top", "--collapse"),
}
"""What the page can show of a search, beside its filters, or need not."""


def command_line(
    search: PageSearch, library: LibraryChoice, settings: SearchSettings, *, updates: bool
) -> str:
    """Return a command for a shell, whatever its current folder.

    settings: how the page searches. updates: whether the command may index first. "" for what no
    command can say: a picture beside words that can only be read as a path.
    """
    settings = settings._replace(top=search.most, collapse=True)
    options = [each for declared, value in changed(library) for each in _spelled(declared, value)]
    words = _words_of(search, settings)
    if words is None:
        return ""
    updating = [] if updates else [b"--no-index"]
    return " ".join(["clipfind search", *map(_quoted_option, [*options, *updating, *words])])


def copies_script(
    paths: Sequence[bytes] | None, library: LibraryChoice, walk: WalkSettings, *, updates: bool
) -> str:
    """Return the command that writes a script for the copies below the paths (None: all)."""
    settings = DuplicatesSettings(everywhere=paths is None, walk=walk)
    words = [each for declared, value in changed(library) for each in _spelled(declared, value)]
    words += [] if updates else [b"--no-index"]
    words += [each for declared, value in changed(settings) for each in _spelled(declared, value)]
    words += [b"--script=move-copies.sh", *(paths or ())]
    return " ".join(["clipfind duplicates", *map(_quoted_option, words)])


def saved_arguments(search: PageSearch) -> list[str]:
    """Return a search as `clipfind save` keeps it: the words that follow `search`.

    Raises UsageError for one that cannot be typed again.
    """
    if any(term.kind is Kind.PIXELS for term in search.terms):
        raise UsageError("a search with a picture that was pasted or dropped cannot be saved")
    words = _words_of(search, SearchSettings(), always_dashes=True)
    if words is None:
        raise UsageError("a search with a picture cannot be saved if its words look like a path")
    # A terminal searches for words anyway; elsewhere whoever runs the search decides.
    return [os.fsdecode(word) for word in words if word != b"--words=on"]


def page_search(arguments: Sequence[str]) -> PageSearch | None:
    """Return what the words that follow `search` ask for; None if the page cannot show it."""
    from rclip_like.cli.commands import COMMANDS
    from rclip_like.cli.parsing import Parser

    try:
        given = Parser(COMMANDS["search"]).split(arguments)
        kind = Kind.TEXT if given.get("--text") else None
        added, subtracted = given.get("--add", ()), given.get("--subtract", ())
        terms = parse(Query(given.get("QUERY", ""), added, subtracted, kind))
    except ClipfindError:  # of a later version, tampered with, or with a picture that is gone
        return None
    filters = {name: given[name] for name in _FILTERS if name in given}
    for name, value in filters.items():
        if not isinstance(value, str) and len(value) == 1:  # an option that may be repeated
            filters[name] = value[0]
    if (
        given.keys() - filters.keys() - _ON_PAGE
        or not all(isinstance(each, str) for each in filters.values())
        or any(term.kind is Kind.URL for term in terms)
        or given.get("--min-score", "auto") != "auto"
    ):
        return None
    paths = [os.fsencode(os.path.abspath(path)) for path in given.get("[PATH]...", ())]
    return PageSearch(
        tuple(term for term in terms if term.weight),
        None if given.get("--all") else tuple(paths),
        bool(given.get("--all-hidden")),
        most=0,
        filters=tuple((name.removeprefix("--"), value) for name, value in filters.items()),
        reads_dates=given.get("--dates") != "off",
        sort=given.get("--sort", "score"),
        words=given.get("--words", "on"),
        only_likely="--min-score" in given,
    )


def _words_of(
    search: PageSearch, settings: SearchSettings, *, always_dashes: bool = False
) -> list[bytes] | None:
    """Return the words behind `search`: options, `--` where needed, the query and the paths.

    None for what no command can say. always_dashes: write `--` even if it is not needed.
    """
    are_words = all(term.kind is Kind.TEXT for term in search.terms)
    terms = [_typed(term, are_words=are_words) for term in search.terms]
    if None in terms:
        return None
    signed = [
        (term.weight < 0, each or b"") for term, each in zip(search.terms, terms, strict=True)
    ]
    added = [each for is_subtracted, each in signed if not is_subtracted] or [_NOTHING.encode()]
    subtracted = [each for is_subtracted, each in signed if is_subtracted]
    has_words = any(term.kind is Kind.TEXT and term.weight > 0 for term in search.terms)
    settings = settings._replace(
        everywhere=search.roots is None,
        all_hidden=search.all_hidden,
        sort=search.sort,
        words=search.words if has_words or search.words == "only" else None,
        min_score=_min_score(settings, only_likely=search.only_likely),
    )
    words = [each for declared, value in changed(settings) for each in _spelled(declared, value)]
    words += [os.fsencode(f"--{name}={value}") for name, value in search.filters]
    words += [] if search.reads_dates else [b"--dates=off"]
    words += [b"--text"] if are_words else []
    words += [b"--add=" + each for each in added[1:]]
    words += [b"--subtract=" + each for each in subtracted]
    words += [b"--"] if always_dashes or added[0].startswith(b"-") else []
    return [*words, added[0], *(search.roots or ())]


def _min_score(settings: SearchSettings, *, only_likely: bool) -> float | Literal["auto"] | None:
    """Return the least score of a search on the page, where the setting `auto` has no effect."""
    if only_likely:
        return "auto"
    return -1.0 if settings.min_score == "auto" else settings.min_score


def _quoted_option(word: bytes) -> str:
    """Return a word for a shell, of an option only the value in quotes, as people write it."""
    name, equals, value = word.partition(b"=")
    if equals and name.startswith(b"--"):
        return f"{name.decode()}={quoted(value)}"
    return quoted(word)


def quoted(text: bytes) -> str:
    """Return bytes as a word for a shell; those that are not text, and controls, as its escapes."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        decoded = "\0"
    if decoded.isprintable():
        return shlex.quote(decoded)
    return f"$'{''.join(map(_escaped, text))}'"


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and byte not in b"'\\"
    return chr(byte) if is_plain else f"\\{byte:03o}"


def _typed(term: Term, *, are_words: bool) -> bytes | None:
    """Return a term so that a command line reads it as what it is; None if none can."""
    if term.kind is Kind.PIXELS:
        weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
        return f"{weight}{PASTED}".encode()
    if term.kind is Kind.TEXT and not are_words and is_path_like(term.value):
        # A space at the end makes words of it, and nothing else of these words.
        return None if is_path_like(f"{term.value} ") else f"{term.typed} ".encode()
    return os.fsencode(term.typed)


def _spelled(declared: Declared, value: Any) -> Iterator[bytes]:
    """Yield the words that give a declared field this value."""
    name = declared.long_name
    if not declared.takes_value:
        negative = next((each for each in declared.names if each.startswith("--no-")), name)
        yield (name if value or declared.is_inverse else negative).encode()
        return
    for each in value if declared.is_many else [value]:
        text = os.path.abspath(each) if isinstance(each, os.PathLike) else str(each)
        yield os.fsencode(f"{name}={text}")
