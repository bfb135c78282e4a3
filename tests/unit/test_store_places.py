"""Places in the index: whose position is to be looked up, and which places a name means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_index import fill

from rclip_like.places import Place
from rclip_like.settings import Filters
from rclip_like.store import Batch, Reading, Store
from rclip_like.store.filters import conditions
from rclip_like.store.places import count_unplaced
from rclip_like.store.writing import Writer
from rclip_like.values import PictureFacts, Root

pytestmark = pytest.mark.light

PLACES = {
    b"/p/a.jpg": Place("DK", "Denmark", "Capital Region", "København", "Copenhagen"),
    b"/p/b.jpg": Place("US", "United States", "New Mexico", "Bernalillo County", "Albuquerque"),
    b"/p/c.jpg": Place("MX", "Mexico", "Jalisco", "Guadalajara", "Guadalajara"),
    b"/p/d.jpg": Place("US", "United States", "New York", "Kings County", "Brooklyn"),
    b"/p/e.jpg": Place("GB", "United Kingdom", "Northern Ireland", "Belfast", "Belfast"),
    b"/p/f.jpg": Place("IE", "Ireland", "Leinster", "Dublin City", "Dublin"),
    b"/p/g.jpg": Place("PL", "Poland", "Łódź Voivodeship", "Powiat łódzki", "Łódź"),
    b"/p/h.jpg": Place("GB", "United Kingdom", "England", "North Yorkshire", "York"),
    b"/p/sea.jpg": None,
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [*PLACES, b"/p/unknown.jpg"])
        with store.connection.transaction():
            store.connection.execute("UPDATE contents SET latitude = 1, longitude = 2")
            store.connection.execute(
                "UPDATE contents SET latitude = NULL WHERE digest = ?", (b"/p/unknown.jpg",)
            )
        yield store


def place(store: Store) -> None:
    found = dict(store.connection.execute("SELECT digest, content_id FROM contents"))
    Writer(store).places.put({found[path]: each for path, each in PLACES.items()})


def called(store: Store, name: str) -> list[bytes]:
    """Return the paths of the pictures whose place is called so."""
    ((sql, values),) = conditions(store.connection, Filters(place=name))
    question = f"SELECT digest FROM contents WHERE {sql} ORDER BY digest"
    return [path for (path,) in store.connection.execute(question, values)]


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("denmark", "a"),
        ("DENMARK ", "a"),
        ("kobenhavn", "a"),
        ("KØBENHAVN", "a"),
        ("capital region", "a"),
        ("copenhagen", ""),
        ("mexico", "c"),
        ("new mexico", "b"),
        ("new york", "d"),
        ("york", ""),
        ("yorkshire", "h"),
        ("usa", "bd"),
        ("united states", "bd"),
        ("ireland", "f"),
        ("northern ireland", "e"),
        ("uk", "eh"),
        ("lodz", "g"),
        ("kings", "d"),
        ("den", ""),
        ("", ""),
        (" ,", ""),
        ("%", ""),
    ],
)
def test_a_name_means_countries_states_and_counties(store: Store, name: str, letters: str) -> None:
    place(store)
    assert called(store, name) == [b"/p/%c.jpg" % ord(letter) for letter in letters]


def test_a_picture_is_returned_with_its_place(store: Store) -> None:
    place(store)
    files = {file.path: file.facts.place for file in store.files(store.rowids())}
    assert files == PLACES | {b"/p/unknown.jpg": None}


def test_what_was_looked_up_is_not_to_be_looked_up_again(store: Store) -> None:
    writer = Writer(store).places
    assert count_unplaced(store.connection, None) == len(writer.unplaced(100)) == len(PLACES)
    assert len(writer.unplaced(2)) == 2
    place(store)
    assert (writer.unplaced(100), count_unplaced(store.connection, None)) == ({}, 0)


def test_the_unplaced_are_counted_under_some_roots(store: Store) -> None:
    assert count_unplaced(store.connection, [Root(b"/q", b"/q")]) == 0
    assert count_unplaced(store.connection, [Root(b"", b"/p/a.jpg", is_file=True)]) == 1


def test_another_list_of_places_looks_all_up_anew(store: Store) -> None:
    writer = Writer(store).places
    writer.begin("reverse-geocode 1")
    place(store)
    assert (writer.made_by, called(store, "denmark")) == ("reverse-geocode 1", [b"/p/a.jpg"])
    writer.begin("reverse-geocode 2")
    assert (writer.made_by, called(store, "denmark")) == ("reverse-geocode 2", [])
    assert len(writer.unplaced(100)) == len(PLACES)


def test_a_picture_read_anew_is_looked_up_anew_if_it_says_another_position(store: Store) -> None:
    place(store)
    for longitude, unplaced in ((2.0, 0), (3.0, 1)):
        facts = PictureFacts(4, 3, latitude=1.0, longitude=longitude)
        Writer(store).commit(1, Batch(reread={b"/p/a.jpg": Reading(7, facts)}))
        assert len(Writer(store).places.unplaced(9)) == unplaced


def test_a_filter_asks_the_index_of_places_alone(store: Store) -> None:
    place(store)
    ((sql, values),) = conditions(store.connection, Filters(place="denmark"))
    question = f"EXPLAIN QUERY PLAN SELECT content_id FROM contents WHERE {sql}"
    plan = [row[-1] for row in store.connection.execute(question, values)]
    assert "SEARCH contents USING COVERING INDEX contents_place (place_id=?)" in plan
