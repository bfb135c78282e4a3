"""What Python code asks a library for, as terms and the pixels of those that are pictures."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from rclip_like.query import Kind, Query, Term, parse

if TYPE_CHECKING:
    from rclip_like.library.library import Library
    from rclip_like.query.pictures import InMemory
    from rclip_like.values import Pixels

Asked: TypeAlias = "str | os.PathLike[str] | Query | InMemory"
_IN_MEMORY = "a picture in memory"


def read_query(query: Asked, library: Library) -> tuple[tuple[Term, ...], dict[str, Pixels]]:
    """Return the query's terms, and by their values the pixels of pictures that are not indexed.

    Raises UsageError, PictureError and WebError.
    """
    if isinstance(query, os.PathLike):  # no name reads like a weight
        query = Query(os.path.abspath(os.path.expanduser(query)), kind=Kind.PICTURE)
    if isinstance(query, str):
        query = Query(query)
    if not isinstance(query, Query):
        from rclip_like.query.pictures import square_of

        term = Term(1.0, Kind.PIXELS, _IN_MEMORY, _IN_MEMORY)
        return (term,), {_IN_MEMORY: square_of(query, library.specification.preprocessing)}
    terms = parse(query)
    new = [
        term
        for term in terms
        if term.kind is Kind.URL
        or (term.kind is Kind.PICTURE and not library.embeddings([term.value])[1][0])
    ]
    if not new:
        return terms, {}
    from rclip_like.query.pictures import read_pictures

    preprocessing, settings = library.specification.preprocessing, library.settings
    return terms, read_pictures(new, preprocessing, settings.read, settings.web)
