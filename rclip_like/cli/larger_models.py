"""When a search says that there are larger models than the built-in one."""

from __future__ import annotations

from rclip_like.errors import counted
from rclip_like.library import Library
from rclip_like.models.names import BUILTIN
from rclip_like.output.stream import Talk
from rclip_like.query import Kind, Query, is_path_like
from rclip_like.settings import num_processors
from rclip_like.values import SearchReport

WEAK_SCORE = 0.35
FEWEST_PICTURES = 300
"""If the best score of words is below WEAK_SCORE, the built-in model has mostly found nothing.

Measured with the names of the starter set's validation photos, 447 of them among 1,200: the first
match was right for 0 of the 17 names below 0.35, for 24 % from there to 0.40, 48 % to 0.50 and 88 %
above. Among 600 photos it was right for 5 % below 0.35, among 300 for 17 %. The best of few photos
scores lower: among 100 it was right for 26 %, among 50 for 46 %, so of such albums nothing is said.
"""

_PICTURES_A_SECOND = 4
"""What the recommended model does on one processor; two cores do 8.6 without bf16, 29 with it."""


def introduce_larger_models(library: Library, report: SearchReport, query: Query) -> None:
    """Say that there are larger models: once an index, and once where it matters."""
    if report.best is None or library.specification.name != BUILTIN:
        return
    # Of words alone: sums have other scores, and so have pictures and names.
    may_be_words = "@" not in query.text and not is_path_like(query.text)
    is_words = query.kind is Kind.TEXT or (query.kind is None and may_be_words)
    is_weak = report.best < WEAK_SCORE and is_words and not query.add and not query.subtract
    if is_weak and (sentence := _where_it_matters(library, report.best)):
        Talk().note(sentence)
    elif report.matches and library.is_first_time("larger-models-hint"):
        from rclip_like.models.names import RECOMMENDED

        Talk().note(
            f"searched with the small built-in model; 'clipfind models use {RECOMMENDED}' gets a "
            "larger one (605 MB)"
        )


def _where_it_matters(library: Library, best: float) -> str | None:
    """Return a sentence for the first weak score of an index, if it has enough pictures."""
    from rclip_like.models.hub.registry import downloaded
    from rclip_like.models.names import RECOMMENDED

    pictures = library.num_pictures()
    if pictures < FEWEST_PICTURES or downloaded() or not library.is_first_time("weak-score-hint"):
        return None
    library.is_first_time("larger-models-hint")  # this says as much
    seconds = pictures / (_PICTURES_A_SECOND * num_processors())
    return (
        f"the best score, {best:.2f}, is weak for the small built-in model; 'clipfind models use "
        f"{RECOMMENDED}' gets a larger one (605 MB), which takes about {_lasting(seconds)} here to "
        f"index {counted(pictures, 'picture')}"
    )


def _lasting(seconds: float) -> str:
    """Return a rough time in words: `2 minutes`, `3 hours`."""
    for size, unit in ((3600, "hour"), (60, "minute")):
        if seconds >= 1.5 * size:
            return counted(round(seconds / size), unit)
    return "a minute"
