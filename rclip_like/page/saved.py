"""Saved searches on the page: those of the command line, as addresses, and back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_from_bytes

from rclip_like.errors import RootError
from rclip_like.page.state import PageSearch
from rclip_like.query import Kind, Term

if TYPE_CHECKING:
    from rclip_like.library.browsing import Browsing


class SavedForms(NamedTuple):
    """How a search is kept: as the words that follow `search` on a command line, and back.

    search: None for what the page cannot show.
    """

    arguments: Callable[[PageSearch], list[str]] = lambda search: []
    search: Callable[[Sequence[str]], PageSearch | None] = lambda arguments: None


def address_of(search: PageSearch, browsing: Browsing, usual_words: str) -> str | None:
    """Return the query string that asks the page for a search.

    None for pictures that are not indexed and folders that are not shown here. usual_words: where
    the page looks for words unless its address says it.
    """
    folder = _folder_of(search, browsing)
    texts = [_text_of(term, browsing) for term in search.terms]
    if folder is None or None in texts:
        return None
    typed_first = [term.kind is Kind.TEXT and term.weight > 0 for term in search.terms]
    fields = []
    for number, (term, text) in enumerate(zip(search.terms, texts, strict=True)):
        is_first = typed_first[number] and not any(typed_first[:number])
        name = "q" if is_first else "add" if term.weight > 0 else "subtract"
        fields.append((name, quote(text or "", safe="")))
    fields += [("folder", quote_from_bytes(folder))] if folder else []
    fields += [(name, quote(value, safe="")) for name, value in search.filters]
    fields += [("sort", search.sort)] if search.sort != "score" else []
    fields += [("words", search.words)] if search.words != usual_words else []
    fields += [("likely", "1")] if search.only_likely else []
    fields += [("dates", "off")] if not search.reads_dates else []
    fields += [("hidden", "1")] if search.all_hidden else []
    return "&".join(f"{name}={value}" for name, value in fields)


def _text_of(term: Term, browsing: Browsing) -> str | None:
    """Return a term as it stands in an address."""
    if term.kind in (Kind.TEXT, Kind.NAMED):
        return term.typed
    digest = browsing.digest_at(os.fsencode(term.value))
    if digest is None or not browsing.files([digest]):
        return None
    weight = "" if abs(term.weight) == 1 else f"{abs(term.weight):g}:"
    return f"{weight}picture:{digest.hex()}"


def _folder_of(search: PageSearch, browsing: Browsing) -> bytes | None:
    """Return the folder that is searched, empty for all that is shown; None for any other."""
    served = [root.path for root in browsing.roots or ()]
    if search.roots is None or sorted(search.roots) == sorted(served):
        return None if search.roots == () else b""
    if len(search.roots) != 1:
        return None
    try:
        browsing.within(search.roots[0])
    except RootError:
        return None
    return search.roots[0]
