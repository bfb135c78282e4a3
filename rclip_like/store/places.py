"""The places in which pictures were taken: rows of a table, and which of them a name means."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rclip_like.places import Place
from rclip_like.store.rows import ranges_of
from rclip_like.store.schema import PLACES_SINCE

if TYPE_CHECKING:
    from rclip_like.store.connection import Connection
    from rclip_like.values import Root

_NOWHERE = 0
_UNPLACED = (
    # SQLite would rather read the index of all positions.
    "contents INDEXED BY contents_without_place",
    "place_id IS NULL AND latitude IS NOT NULL",
)
_MADE_BY = "places made by"
_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "ð": "d",
        "ø": "o",
        "þ": "th",
        "đ": "d",
        "ħ": "h",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ł": "l",
        "œ": "oe",
    }
)
"""Letters that Unicode does not decompose."""

_OTHER_PLACES = frozenset(
    ("american samoa", "equatorial guinea", "french guiana", "guinea bissau", "northern ireland")
    + ("papua new guinea", "south georgia", "south sudan", "west virginia")
)
"""Names that contain the name of another country or state, beside all that begin with New."""
_ALIASES = {
    **dict.fromkeys(("us", "usa", "america"), "united states"),
    **dict.fromkeys(("uk", "great britain", "britain"), "united kingdom"),
    "holland": "netherlands",
    "czech republic": "czechia",
    "burma": "myanmar",
}


def count_unplaced(connection: Connection, roots: Sequence[Root] | None) -> int:
    """Return how many files under the roots (None: all) have a position not looked up yet."""
    has_places = connection.version >= PLACES_SINCE
    table, condition = _UNPLACED if has_places else ("contents", "latitude IS NOT NULL")
    question = (
        f"SELECT count(*) FROM {table} CROSS JOIN files USING (content_id)"
        f" WHERE {condition} AND path >= ? AND path < ?"
    )
    return sum(int(connection.execute(question, one).fetchone()[0]) for one in ranges_of(roots))


def count_without_position(connection: Connection, roots: Sequence[Root] | None) -> int:
    """Return how many files under the roots (None: all) have a picture without a position."""
    question = (
        "SELECT count(*) FROM files CROSS JOIN contents USING (content_id)"
        " WHERE path >= ? AND path < ? AND latitude IS NULL"
    )
    return sum(int(connection.execute(question, one).fetchone()[0]) for one in ranges_of(roots))


def places_called(connection: Connection, name: str) -> Collection[int]:
    """Return the numbers of the places whose country, state or county has this name."""
    if connection.version < PLACES_SINCE:
        return ()
    asked = _words(name)
    asked = _ALIASES.get(asked, asked)
    question = "SELECT place_id, country, state, county FROM places"
    return {
        place_id
        for place_id, *names in connection.execute(question)
        if any(_is_called(_words(each), asked) for each in names)
    }


def town_called(connection: Connection, name: str) -> Place | None:
    """Return a place whose town has this name, of several the one of the most pictures."""
    if connection.version < PLACES_SINCE:
        return None
    asked = _words(name)
    question = "SELECT place_id, country_code, country, state, county, town FROM places"
    found = {
        place_id: Place(*names)
        for place_id, *names in connection.execute(question)
        if _words(names[-1]) == asked
    }
    counted = "SELECT count(*) FROM contents WHERE place_id = ?"
    numbers = {each: connection.execute(counted, (each,)).fetchone()[0] for each in found}
    return found[max(found, key=numbers.__getitem__)] if found else None


def has_places(connection: Connection) -> bool:
    """Return whether any position was looked up and lies somewhere."""
    is_there = connection.version >= PLACES_SINCE
    return is_there and connection.execute("SELECT 1 FROM places LIMIT 1").fetchone() is not None


def _is_called(name: str, asked: str) -> bool:
    """Return whether whole words of a name are the one asked for; both as `_words` returns them."""
    if not asked or f" {asked} " not in f" {name} ":
        return False
    return asked == name or not (name.startswith("new ") or name in _OTHER_PLACES)


@lru_cache(1 << 16)
def _words(name: str) -> str:
    """Return the words of a name in small letters without accents, one space between them."""
    decomposed = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    letters = (
        each if each.isalnum() else " " for each in decomposed if not unicodedata.combining(each)
    )
    return " ".join("".join(letters).split())


class PlacesWriter:
    """Writes places while the indexer's lock is held: see `Writer.places`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def made_by(self) -> str | None:
        """The package and version that the stored places come from."""
        question = "SELECT value FROM settings WHERE name = ?"
        found = self._connection.execute(question, (_MADE_BY,)).fetchone()
        return None if found is None else str(found[0])

    def begin(self, made_by: str) -> None:
        """Note which package and version places come from now, and forget all stored places."""
        with self._connection.transaction():
            self._connection.execute(
                "UPDATE contents SET place_id = NULL WHERE place_id IS NOT NULL"
            )
            self._connection.execute("DELETE FROM places")
            self._connection.execute(
                "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_MADE_BY, made_by)
            )

    def unplaced(self, most: int) -> dict[int, tuple[float, float | None]]:
        """Return latitude and longitude, by content, of at most `most` not looked up yet."""
        rows = self._connection.execute(
            f"SELECT content_id, latitude, longitude FROM {_UNPLACED[0]}"
            f" WHERE {_UNPLACED[1]} ORDER BY content_id LIMIT ?",
            (most,),
        )
        return {content_id: (latitude, longitude) for content_id, latitude, longitude in rows}

    def put(self, places: Mapping[int, Place | None]) -> None:
        """Write the place of each content in one transaction; None where there is none near."""
        with self._connection.transaction():
            self._connection.executemany(
                "INSERT OR IGNORE INTO places (country_code, country, state, county, town)"
                " VALUES (?, ?, ?, ?, ?)",
                {place for place in places.values() if place is not None},
            )
            self._connection.executemany(
                "UPDATE contents SET place_id = (SELECT place_id FROM places WHERE"
                " country_code = ? AND country = ? AND state = ? AND county = ? AND town = ?)"
                " WHERE content_id = ?",
                [(*place, content_id) for content_id, place in places.items() if place],
            )
            self._connection.executemany(
                "UPDATE contents SET place_id = ? WHERE content_id = ?",
                [(_NOWHERE, content_id) for content_id, place in places.items() if place is None],
            )
