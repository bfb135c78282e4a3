"""Where on Earth a picture was taken, in names."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where a position lies. State and county are "" where there are none or none is known.

    country_code: of ISO 3166, two letters. town: the nearest one, which may be a suburb.
    """

    country_code: str
    country: str
    state: str = ""
    county: str = ""
    town: str = ""

    def __str__(self) -> str:
        """Return the names from the town up to the country, each once."""
        return ", ".join(dict.fromkeys(filter(None, reversed(self[1:]))))
