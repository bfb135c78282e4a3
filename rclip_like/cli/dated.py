"""Dates in a query: `beach 2019` asks for beaches among the pictures of 2019."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rclip_like.settings import Filters, Setting

if TYPE_CHECKING:
    from rclip_like.query import Query

Dates = Annotated[
    Literal["auto", "on", "off"],
    Setting(
        "--dates",
        metavar="WHEN",
        help="Whether a date in QUERY, as in 'beach 2019' and 'snow march 2021', selects pictures "
        "by their date: on, off, or auto, which does so for a table on a terminal.",
    ),
]


class Dated(NamedTuple):
    """A query without its date, filters for the date, and the date as it was typed."""

    query: "Query"
    filters: Filters
    date: str


def date_in(query: "Query", filters: Filters, now: datetime) -> Dated | None:
    """Return the query and the filters without and with its date; None if it has none.

    Also returns None for a query that is a picture, and if the filters select by date already.
    """
    from rclip_like.query import Kind, is_path_like

    text = query.text
    if not any(letter.isdigit() for letter in text):
        return None
    if query.kind is Kind.PICTURE or (query.kind is None and is_path_like(text)):
        return None
    if filters.taken_from is not None or filters.taken_before is not None:
        return None
    from rclip_like.facts.dates import dated_words

    found = dated_words(text, now.date())
    if found is None:
        return None
    asked = filters._replace(taken_from=found.begin, taken_before=found.end)
    return Dated(query._replace(text=found.words), asked, found.date)
