"""A search on the page in words, for its notes and its contact sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rclip_like.page.state import PictureTerm, State
from rclip_like.query import Term

if TYPE_CHECKING:
    from rclip_like.search.browsing import MatchPage


def about_absence(state: State, found: MatchPage) -> list[str]:
    """Say that nothing seems to show what the words say, unless it was found by words alone."""
    if found.presence is None or found.best is None or found.matches or state.start:
        return []
    if state.look_for_words == "only":  # a note says where they were looked for
        return []
    query = quoted(", ".join(_typed(term) for term in state.terms))
    return [f"nothing here seems to show {query} (best {found.best:.2f})"]


def quoted(words: str) -> str:
    """Return words in quotation marks."""
    return f"\N{LEFT DOUBLE QUOTATION MARK}{words.strip()}\N{RIGHT DOUBLE QUOTATION MARK}"


def in_words(state: State) -> str:
    """Return what is searched for, as in: red car + a picture, with a minus before the unwanted."""
    minus = "\N{MINUS SIGN} "
    signed = [(minus if term.weight < 0 else "+ ") + _typed(term) for term in state.terms]
    return " ".join(signed).removeprefix("+ ")


def _typed(term: Term | PictureTerm) -> str:
    return term.typed if isinstance(term, Term) else f"{term.typed_weight}a picture"
