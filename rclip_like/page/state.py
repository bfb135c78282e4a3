"""What the window shows, as its address says it: words, pictures, a folder."""

from __future__ import annotations

import math
import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from rclip_like.errors import UsageError
from rclip_like.query import Kind, Term
from rclip_like.query.terms import parse_term

_PICTURE = re.compile(
    r"(?P<weight>(?:\d+(?:\.\d*)?|\.\d+):)?(?P<kind>picture|pasted):(?P<id>[0-9a-f]{64})"
)
_MOST_BYTES = 16_000
_MOST_TERMS = 64


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

    folder: the bytes of an absolute path; None for all that is served.
    """

    terms: tuple[Term | PictureTerm, ...] = ()
    folder: bytes | None = None
    all_hidden: bool = False
    start: int = 0
    most: int = 100


def parse_state(query: bytes) -> State:
    """Return what a query string asks for. Raises UsageError for what makes no sense.

    Percent-encoded bytes are kept in a folder, whose name may be any; words are UTF-8. Nothing is
    looked up: words are words, even if they read like a path.
    """
    if len(query) > _MOST_BYTES:
        raise UsageError("the search is too long")
    fields: dict[bytes, list[bytes]] = {}
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        fields.setdefault(name, []).append(unquote_to_bytes(value.replace(b"+", b" ")))

    def texts(name: bytes) -> list[str]:
        return [each.decode("utf-8", "replace") for each in fields.get(name, ()) if each.strip()]

    terms = (
        *(parse_term(text.strip(), Kind.TEXT) for text in texts(b"q")),
        *(_term(text, 1) for text in texts(b"add")),
        *(_term(text, -1) for text in texts(b"subtract")),
    )
    if len(terms) > _MOST_TERMS:
        raise UsageError(f"a search has at most {_MOST_TERMS} terms")
    return State(
        terms,
        fields.get(b"folder", [b""])[-1] or None,
        fields.get(b"hidden", [b""])[-1] == b"1",
        _number(fields.get(b"start", [b"0"])[-1]),
        _number(fields.get(b"count", [b"100"])[-1]),
    )


def _number(value: bytes) -> int:
    if not (value.isdigit() and len(value) < 10):
        raise UsageError("start and count are whole numbers")
    return int(value)


def _term(text: str, sign: int) -> Term | PictureTerm:
    found = _PICTURE.fullmatch(text)
    if found is None:
        return parse_term(text, Kind.TEXT, sign=sign)
    typed_weight = found["weight"] or ""
    weight = float(typed_weight[:-1] or 1)
    if not math.isfinite(weight):
        raise UsageError("the weight of a picture is too large")
    return PictureTerm(sign * weight, found["id"], found["kind"] == "pasted", typed_weight)
