"""A search on the page, as the command line that shows the same."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import Any, Literal

from rclip_like.page.state import PASTED, PageSearch
from rclip_like.query import Kind, Term, is_path_like
from rclip_like.settings import LibraryChoice, SearchSettings
from rclip_like.settings.declared import Declared, changed

_NOTHING = "0:picture"
"""A query that weighs nothing, for a search that only subtracts."""


def command_line(
    search: PageSearch, library: LibraryChoice, settings: SearchSettings, *, updates: bool
) -> str:
    """Return a command for a shell, whatever its current folder.

    settings: how the page searches. updates: whether the command may index first. "" for what no
    command can say: a picture beside words that can only be read as a path.
    """
    are_words = all(term.kind is Kind.TEXT for term in search.terms)
    terms = [_typed(term, are_words=are_words) for term in search.terms]
    if None in terms:
        return ""
    signed = [
        (term.weight < 0, each or b"") for term, each in zip(search.terms, terms, strict=True)
    ]
    added = [each for is_subtracted, each in signed if not is_subtracted] or [_NOTHING.encode()]
    subtracted = [each for is_subtracted, each in signed if is_subtracted]
    settings = settings._replace(
        top=search.most,
        collapse=True,
        everywhere=search.roots is None,
        all_hidden=search.all_hidden,
        sort=search.sort,
        words=search.words if any(_is_looked_for(term) for term in search.terms) else None,
        min_score=_min_score(settings, only_likely=search.only_likely),
    )
    options = [each for one in (*changed(library), *changed(settings)) for each in _spelled(*one)]
    options += [f"--{name}={quoted(os.fsencode(value))}" for name, value in search.filters]
    options += [] if search.reads_dates else ["--dates=off"]
    options += ["--text"] if are_words else []
    options += [] if updates else ["--no-index"]
    words = ["clipfind", "search", *options]
    words += [f"--add={quoted(each)}" for each in added[1:]]
    words += [f"--subtract={quoted(each)}" for each in subtracted]
    words += ["--"] if added[0].startswith(b"-") else []
    return " ".join([*words, quoted(added[0]), *map(quoted, search.roots or ())])


def _is_looked_for(term: Term) -> bool:
    return term.kind is Kind.TEXT and term.weight > 0


def _min_score(settings: SearchSettings, *, only_likely: bool) -> float | Literal["auto"] | None:
    """Return the least score of a search on the page, where the setting `auto` has no effect."""
    if only_likely:
        return "auto"
    return -1.0 if settings.min_score == "auto" else settings.min_score


def quoted(text: bytes) -> str:
    """Return bytes as a word for a shell; those that are no text, or controls, in its escapes."""
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


def _spelled(declared: Declared, value: Any) -> Iterator[str]:
    """Yield the words that give a declared field this value."""
    name = declared.long_name
    if not declared.takes_value:
        negative = next((each for each in declared.names if each.startswith("--no-")), name)
        yield name if value or declared.is_inverse else negative
        return
    for each in value if declared.is_many else [value]:
        text = os.path.abspath(each) if isinstance(each, os.PathLike) else str(each)
        yield f"{name}={quoted(os.fsencode(text))}"
