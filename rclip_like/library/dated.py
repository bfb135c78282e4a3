"""Dates in a query: `beach 2019` asks for beaches among the pictures of 2019."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from rclip_like.query import Kind, Query, is_path_like
from rclip_like.settings import Filters


class Dated(NamedTuple):
    """A query without its date, filters for the date, and the date as it was typed."""

    query: Query
    filters: Filters
    date: str

    def pictures(self) -> str:
        """Return which pictures the date selects, in words: "pictures taken before 2016"."""
        if self.filters.taken_from is None:
            return f"pictures taken before {self.date}"
        if self.filters.taken_before is None:
            return f"pictures taken from {self.date} on"  # `after 2020` includes 2020
        return f"pictures of {self.date}"


def date_in(query: Query, filters: Filters, now: datetime) -> Dated | None:
    """Return the query and the filters without and with its date; None if it has none.

    Also returns None for a query that is a picture, and if the filters select by date already.
    """
    text = query.text
    if not any(letter.isdigit() for letter in text):
        return None
    if query.kind is Kind.PICTURE or (query.kind is None and is_path_like(text)):
        return None
    if filters.taken_from is not None or filters.taken_before is not None:
        return None
    from rclip_like.facts.dates import dated_words  # its patterns take two milliseconds

    found = dated_words(text, now.date())
    if found is None:
        return None
    asked = filters._replace(taken_from=found.begin, taken_before=found.end)
    return Dated(query._replace(text=found.words), asked, found.date)
