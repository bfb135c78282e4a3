"""What filters ask of a row of `contents` and of its file, in SQL.

The indexes of `contents` hold the columns that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from rclip_like.settings import Filters
from rclip_like.store.connection import Connection
from rclip_like.store.places import places_called
from rclip_like.store.schema import PLACES_SINCE
from rclip_like.values import NameGlobs

Condition = tuple[str, tuple[Any, ...]]
"""A condition in SQL and its values."""

_PLAIN = {
    "taken_from": "taken_at >= ?",
    "taken_before": "taken_at < ?",
    "min_pixels": "width * height >= ?",
}
_SHAPES = {
    "portrait": "height * 20 > width * 21",
    "landscape": "width * 20 > height * 21",
    "square": "width * 20 <= height * 21 AND height * 20 <= width * 21",
    "panorama": "max(width, height) >= 2 * min(width, height)",
}
"""By orientation: sides within a twentieth of each other are those of a square."""

_LIES_IN = "place_id IN (SELECT place_id FROM places WHERE is_place_asked(place_id))"

_EARTH_KM = 6371.0088
"""The mean radius R1 of the International Union of Geodesy and Geophysics."""
_DEGREE_KM = _EARTH_KM * math.pi / 180


def conditions(connection: Connection, filters: Filters) -> Iterator[Condition]:
    """Yield what has to hold of a content, one condition for each field that asks for anything."""
    for name, sql in _PLAIN.items():
        if (value := getattr(filters, name)) is not None:
            yield sql, (value,)
    if filters.camera is not None:
        names = [name for name in cameras(connection) if filters.camera.lower() in name.lower()]
        yield f"camera COLLATE NOCASE IN ({','.join('?' * len(names))})", tuple(names)
    if filters.orientation is not None:
        yield _SHAPES[filters.orientation], ()
    if filters.min_sides is not None:
        yield "min(width, height) >= ? AND max(width, height) >= ?", filters.min_sides
    if filters.near is not None:
        yield _is_near(connection, filters.near)
    if filters.place is not None:
        is_asked = places_called(connection, filters.place).__contains__
        connection.create_function("is_place_asked", 1, is_asked)
        yield _LIES_IN if connection.version >= PLACES_SINCE else "0", ()


def conditions_on_names(filters: Filters, globs: NameGlobs) -> Iterator[Condition]:
    """Yield what has to hold of a file's path."""
    if filters.endings is not None:
        lengths = sorted({len(ending) for ending in filters.endings})
        marks = ",".join("?" * len(filters.endings))
        each = (f"lower(CAST(substr(path, -{n}) AS TEXT)) IN ({marks})" for n in lengths)
        texts = tuple(ending.decode() for ending in filters.endings)
        yield f"({' OR '.join(each)})", texts * len(lengths)
    glob = "CAST(path AS TEXT) GLOB CAST(? AS TEXT)"
    if globs.any_of:
        yield f"({' OR '.join([glob] * len(globs.any_of))})", globs.any_of
    for pattern in globs.none_of:
        yield f"NOT {glob}", (pattern,)


def cameras(connection: Connection) -> Iterator[str]:
    """Yield the names of all cameras, each spelling's first: a step in the index for each."""
    question = (
        "SELECT camera FROM contents WHERE camera > ? COLLATE NOCASE"
        " ORDER BY camera COLLATE NOCASE LIMIT 1"
    )
    name = ""
    while row := connection.execute(question, (name,)).fetchone():
        (name,) = row
        yield name


def _is_near(connection: Connection, near: tuple[float, float, float]) -> Condition:
    """Return the condition that a picture lies in the circle; SQLite may have no sines."""
    *centre, within_km = near
    connection.create_function("km_away", 2, lambda *there: _distance_km(*centre, *there))
    degrees = within_km / _DEGREE_KM
    return (
        "latitude BETWEEN ? AND ? AND km_away(latitude, longitude) <= ?",
        (centre[0] - degrees, centre[0] + degrees, within_km),
    )


def _distance_km(
    latitude: float, longitude: float, other_latitude: float, other_longitude: float | None
) -> float | None:
    """Return the distance on a sphere by the haversine formula; None without a longitude."""
    if other_longitude is None or not math.isfinite(other_longitude):
        return None
    here, there = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    squared = (
        math.sin((there - here) / 2) ** 2
        + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(squared)))
