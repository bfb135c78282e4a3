"""What Python code asks a library for, as terms."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from rclip_like.query import Kind, Query, Term, parse

if TYPE_CHECKING:
    from rclip_like.query.pictures import InMemory

Asked: TypeAlias = "str | os.PathLike[str] | Query | InMemory"
_IN_MEMORY = "a picture in memory"


def terms_of(query: Asked) -> tuple[Term, ...]:
    """Return the query's terms; a picture in memory is one by itself. Raises UsageError."""
    if isinstance(query, os.PathLike):  # no name reads like a weight
        query = Query(os.path.abspath(os.path.expanduser(query)), kind=Kind.PICTURE)
    if isinstance(query, str):
        query = Query(query)
    if isinstance(query, Query):
        return parse(query)
    return (Term(1.0, Kind.PIXELS, _IN_MEMORY, _IN_MEMORY),)
