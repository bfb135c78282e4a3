"""What the window shows, as its address says it: words, pictures, a folder."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias, cast, get_args
from urllib.parse import unquote_to_bytes

from rclip_like.errors import UsageError
from rclip_like.facts.dates import between
from rclip_like.facts.typed import coordinates, endings_of, with_least_size
from rclip_like.library.dated import Dated, date_in
from rclip_like.query import Kind, Query, Term
from rclip_like.query.terms import parse_terms
from rclip_like.settings import Filters
from rclip_like.settings.filters import USUAL_KILOMETRES, Orientation

PASTED = "./PASTED.jpg"
"""What stands in a command line for a picture that was pasted."""
_PICTURE = re.compile(
    r"(?P<weight>(?:\d+(?:\.\d*)?|\.\d+):)?(?P<kind>picture|pasted):(?P<id>[0-9a-f]{64})"
)
_SIDES = ("on", "after", "before")
FILTERS = (
    *(*_SIDES, "camera", "type", "min-size", "orientation", "place"),
    *("near", "within-km"),
)
Sort: TypeAlias = Literal["score", "date", "-date", "path"]
Words: TypeAlias = Literal["off", "on", "only"]
_MOST_BYTES = 16_000
_MOST_TERMS = 64


class PageSearch(NamedTuple):
    """A search, to be put as a command line.

    Pictures among the terms are absolute paths; one that was pasted is Kind.PIXELS. roots: absolute
    paths, None for all that is indexed. most: how many results are on the screen. filters: as
    typed, by the names of their options. reads_dates: whether a date among the words may select.
    words: whether they are looked for in texts and names; only_likely: whether the least score is
    found by what the words say.
    """

    terms: tuple[Term, ...]
    roots: tuple[bytes, ...] | None
    all_hidden: bool
    most: int
    filters: tuple[tuple[str, str], ...] = ()
    reads_dates: bool = True
    sort: Sort = "score"
    words: Words = "off"
    only_likely: bool = False


class PictureTerm(NamedTuple):
    """A picture of the index, or one that was pasted, and its signed weight.

    id: the digest of its content in hex. typed_weight: as in front of a term, with the colon.
    """

    weight: float
    id: str
    is_pasted: bool
    typed_weight: str


class State(NamedTuple):
    """What is asked for: terms in the order of the address, the words typed first, and where.

    folder: the bytes of an absolute path; None for all that is served. typed_filters:
    their names and values as in the address. words: as typed first. reads_dates: whether a date
    among them selects pictures. look_for_words: whether the words are looked for in texts and
    names, None for what is usual. only_likely: whether pictures are left out that do not seem to
    show what the words say.
    """

    terms: tuple[Term | PictureTerm, ...] = ()
    folder: bytes | None = None
    all_hidden: bool = False
    start: int = 0
    most: int = 100
    filters: Filters = Filters()
    typed_filters: tuple[tuple[str, str], ...] = ()
    words: str = ""
    reads_dates: bool = True
    sort: Sort = "score"
    look_for_words: Words | None = None
    only_likely: bool = False


def parse_state(query: bytes) -> State:
    """Return what a query string asks for. Raises UsageError for what makes no sense.

    Percent-encoded bytes are kept in a folder, whose name may be any; words are UTF-8. Nothing is
    looked up: words are words, even if they read like a path, but names of one's own are read.
    """
    if len(query) > _MOST_BYTES:
        raise UsageError("the search is too long")
    fields: dict[bytes, list[bytes]] = {}
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        fields.setdefault(name, []).append(unquote_to_bytes(value.replace(b"+", b" ")))

    def last(name: bytes, otherwise: bytes = b"") -> bytes:
        return fields.get(name, [otherwise])[-1]

    def texts(name: bytes) -> list[str]:
        return [each.decode("utf-8", "replace") for each in fields.get(name, ()) if each.strip()]

    terms = (
        *(term for text in texts(b"q") for term in _words(text.strip())),
        *(term for text in texts(b"add") for term in _terms(text, 1)),
        *(term for text in texts(b"subtract") for term in _terms(text, -1)),
    )
    if len(terms) > _MOST_TERMS:
        raise UsageError(f"a search has at most {_MOST_TERMS} terms")
    filters, typed_filters = _filters({name: texts(name.encode()) for name in FILTERS})
    sort = _one_of(get_args(Sort), texts(b"sort"), "pictures are sorted by")
    return State(
        terms=terms,
        folder=last(b"folder") or None,
        all_hidden=last(b"hidden") == b"1",
        start=_number(last(b"start", b"0")),
        most=_number(last(b"count", b"100")),
        filters=filters,
        typed_filters=typed_filters,
        words=next(iter(texts(b"q")), ""),
        reads_dates=last(b"dates") != b"off",
        sort=cast("Sort", sort or "score"),
        look_for_words=cast("Words | None", _one_of(get_args(Words), texts(b"words"), "words are")),
        only_likely=last(b"likely") == b"1",
    )


def _one_of(values: tuple[str, ...], texts: list[str], what: str) -> str | None:
    """Return the last of the texts, None without any. Raises UsageError if it is not a value."""
    if not texts:
        return None
    if texts[-1].strip() not in values:
        raise UsageError(f"{what} {', '.join(values)}, not {texts[-1]!r}")
    return texts[-1].strip()


def _filters(typed: dict[str, list[str]]) -> tuple[Filters, tuple[tuple[str, str], ...]]:
    """Return what is typed as filters, and names and values of what is typed."""
    given = {name: texts[-1].strip() for name, texts in typed.items() if texts}
    dates = {side: given[side] for side in _SIDES if side in given}
    if "on" in dates and len(dates) > 1:
        raise UsageError("a date in 'Taken in or on' leaves no room for 'From' and 'Before'")
    if "near" not in given:
        given.pop("within-km", None)
    shape = _one_of(get_args(Orientation), typed["orientation"], "pictures are")
    filters = Filters(
        camera=given.get("camera"),
        orientation=cast("Orientation | None", shape),
        near=_around(given["near"], given.get("within-km")) if "near" in given else None,
        endings=endings_of([given["type"]]) if "type" in given else None,
        place=given.get("place"),
    )
    if "min-size" in given:
        filters = with_least_size(given["min-size"], filters)
    return between(dates, filters, datetime.now()), tuple(given.items())


def _around(position: str, kilometres: str | None) -> tuple[float, float, float]:
    try:
        radius = USUAL_KILOMETRES if kilometres is None else float(kilometres)
    except ValueError:
        radius = math.nan
    if not 0 <= radius < math.inf:
        raise UsageError(f"{kilometres!r} is not a number of kilometres")
    return (*coordinates(position), radius)


def with_date(state: State) -> tuple[State, Dated] | None:
    """Return the state with the date among its words as a filter, and that date.

    None where dates are not to be read, or there is none, as for `date_in`.
    """
    if not state.reads_dates or not state.words:
        return None
    found = date_in(Query(state.words, kind=Kind.TEXT), state.filters, datetime.now())
    if found is None:
        return None
    num_typed = len(_words(state.words.strip()))
    ends = {"after": found.filters.taken_from, "before": found.filters.taken_before}
    dates = tuple((side, end) for side, end in ends.items() if end is not None)
    state = state._replace(
        terms=(*_words(found.query.text.strip()), *state.terms[num_typed:]),
        filters=found.filters,
        typed_filters=(*dates, *state.typed_filters),
        words=found.query.text,
    )
    return state, found


def _number(value: bytes) -> int:
    if not (value.isdigit() and len(value) < 10):
        raise UsageError("start and count are whole numbers")
    return int(value)


def _words(text: str, sign: int = 1) -> tuple[Term, ...]:
    return parse_terms(text, Kind.TEXT, sign=sign, reads_names=True)


def _terms(text: str, sign: int) -> tuple[Term | PictureTerm, ...]:
    found = _PICTURE.fullmatch(text)
    if found is None:
        return _words(text, sign)
    typed_weight = found["weight"] or ""
    weight = float(typed_weight[:-1] or 1)
    if not math.isfinite(weight):
        raise UsageError("the weight of a picture is too large")
    return (PictureTerm(sign * weight, found["id"], found["kind"] == "pasted", typed_weight),)
