"""Filters on the page: what an address asks for, what is found, and the command that finds it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import run
from small_index import shared_model
from taken_pictures import TAKEN, write_taken_pictures

from rclip_like.cli.command_line import command_line
from rclip_like.errors import UsageError
from rclip_like.library import Library
from rclip_like.page.service import Service, ServiceSettings
from rclip_like.page.state import parse_state, with_date
from rclip_like.search import browsing
from rclip_like.settings import (
    EncoderSettings,
    Filters,
    LibraryChoice,
    ReadSettings,
    SearchSettings,
)
from rclip_like.walk import resolve_roots

DATED = {"july.jpg", "august.jpg", "cape.jpg"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with the pictures in `album`, and their index."""
    home = tmp_path_factory.mktemp("filters").resolve()
    write_taken_pictures(home / "album")
    with library_of(home, tiny_model) as library:
        library.index([home / "album"])
    return home


def library_of(home: Path, tiny_model: Path) -> Library:
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    return Library(home / "index.db", model=model, read=ReadSettings(workers=1))


@pytest.fixture
def service(home: Path, tiny_model: Path) -> Iterator[Service]:
    choice = LibraryChoice(database=home / "index.db", model=str(tiny_model))
    settings = ServiceSettings(
        spell=lambda search: command_line(search, choice, SearchSettings(), updates=False)
    )
    with library_of(home, tiny_model) as library:
        service = Service(library, resolve_roots([os.fsencode(home / "album")]), settings)
        yield service
        service.stop()


def names(page: Any) -> set[str]:
    return {item["name"] for item in page["items"]}


FILTERS = {
    "on=2018": {"july.jpg", "august.jpg"},
    "on=July%202018": {"july.jpg"},
    "after=2018-08": {"august.jpg", "cape.jpg"},
    "before=2018-08": {"july.jpg"},
    "after=2018-08&before=2019": {"august.jpg"},
    "camera=iphone": {"august.jpg", "cape.jpg"},
    "camera=Canon+EOS+5D": {"july.jpg"},
    "orientation=portrait": {"august.jpg"},
    "orientation=square": {"square.jpg"},
    "orientation=panorama": {"wide.jpg"},
    "place=DENMARK": {"july.jpg", "august.jpg"},
    "place=western%20cape": {"cape.jpg"},
    "place=chile": set(),
    "type=jpeg": set(TAKEN),
    "type=.PNG": set(),
    "min-size=90x90": set(),
    "min-size=90": {"july.jpg", "august.jpg", "cape.jpg", "wide.jpg"},
    "min-size=0.006MP": {"wide.jpg"},
    "near=55.68,12.57": {"july.jpg", "august.jpg"},
    "near=-34,18": set(),
    "near=-34,18&within-km=100": {"cape.jpg"},
    "within-km=100": set(TAKEN),
    "on=2018&camera=canon&orientation=landscape&place=denmark": {"july.jpg"},
    "on=&camera=+&place=": set(TAKEN),
}


@pytest.mark.parametrize("query", FILTERS)
def test_what_passes_is_found_with_and_without_words(service: Service, query: str) -> None:
    for words in ("", "q=red&"):
        page: Any = service.search(f"{words}{query}".encode())
        assert (names(page), page["total"]) == (FILTERS[query], len(FILTERS[query]))


@pytest.mark.parametrize("query", [each for each, passing in FILTERS.items() if passing])
def test_the_command_line_finds_the_same(service: Service, query: str) -> None:
    page: Any = service.search(f"q=red&{query}".encode())
    finished = run(*shlex.split(page["command"])[1:], "-f")
    assert {os.path.basename(path) for path in finished.stdout.decode().splitlines()} == names(page)


def test_pages_of_what_passes_follow_one_another(service: Service) -> None:
    for words in ("", "q=red&"):
        first: Any = service.search(f"{words}on=2018&count=1".encode())
        assert (len(first["items"]), first["next"], first["total"]) == (1, 1, 2)
        second: Any = service.search(f"{words}on=2018&count=1&start=1".encode())
        assert names(first) | names(second) == FILTERS["on=2018"]
        assert second["next"] is None


SORTED = {
    "date": ["cape.jpg", "august.jpg", "july.jpg"],
    "-date": ["july.jpg", "august.jpg", "cape.jpg"],
    "path": ["august.jpg", "cape.jpg", "july.jpg"],
}


@pytest.mark.parametrize("sort", SORTED)
def test_pictures_are_sorted_with_and_without_words(service: Service, sort: str) -> None:
    for words in ("", "q=red&"):
        query = f"{words}after=2018&sort={sort}"
        page: Any = service.search(query.encode())
        assert [item["name"] for item in page["items"]] == SORTED[sort]
        pieces: list[Any] = [
            service.search(f"{query}&count=1&start={start}".encode()) for start in range(3)
        ]
        assert [item["name"] for piece in pieces for item in piece["items"]] == SORTED[sort]
        assert [(piece["total"], piece["next"]) for piece in pieces] == [(3, 1), (3, 2), (3, None)]


def test_matches_that_are_sorted_keep_their_ranks_and_the_command_sorts_too(
    service: Service,
) -> None:
    by_rank: Any = service.search(b"q=red&after=2018")
    ranks = {item["name"]: item["rank"] for item in by_rank["items"]}
    page: Any = service.search(b"q=red&after=2018&sort=-date")
    assert {item["name"]: item["rank"] for item in page["items"]} == ranks
    finished = run(*shlex.split(page["command"])[1:], "-f")
    found = [os.path.basename(path) for path in finished.stdout.decode().splitlines()]
    assert found == SORTED["-date"]


def test_only_the_best_matches_are_sorted_and_that_is_said(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "MOST_SORTED", 2)
    best: Any = service.search(b"q=red&count=2")
    page: Any = service.search(b"q=red&sort=path")
    assert (names(page), page["total"], page["next"]) == (names(best), 2, None)
    assert page["notes"] == ["Only the 2 most similar are shown in this order."]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("on=christmas", "'christmas' is not a date; write 2018"),
        ("after=03/04/2018", "read in one way only"),
        ("on=2018&before=2019", "leaves no room for 'From' and 'Before'"),
        ("orientation=round", "portrait, landscape, square, panorama, not 'round'"),
        ("type=doc", "no pictures of the type 'doc' are read"),
        ("min-size=big", "write 1920x1080, 2000 or 12MP"),
        ("near=Copenhagen", "write latitude and longitude"),
        ("near=55,12&within-km=far", "'far' is not a number of kilometres"),
        ("near=55,12&within-km=nan", "'nan' is not a number of kilometres"),
        ("sort=size", "sorted by score, date, -date, path, not 'size'"),
        ("words=maybe", "words are off, on, only, not 'maybe'"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(query: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_state(query.encode())


def test_a_date_among_the_words_selects_and_is_said(service: Service) -> None:
    page: Any = service.search(b"q=red+2018&add=blue")
    assert (names(page), page["date"], page["total"]) == (FILTERS["on=2018"], "2018", 2)
    assert page["notes"] == [
        "Only pictures of 2018 are searched for \N{LEFT DOUBLE QUOTATION MARK}red"
        "\N{RIGHT DOUBLE QUOTATION MARK}; 2 pictures without a date left out."
    ]
    words = shlex.split(page["command"])
    assert {"--after=2018", "--before=2019", "--add=blue", "red"} <= set(words)


def test_which_side_of_a_date_is_searched_is_said(service: Service) -> None:
    before: Any = service.search(b"q=red+before+2019")
    assert before["notes"][0].startswith("Only pictures taken before 2019 are searched for")
    after: Any = service.search(b"q=red+after+2018")
    assert after["notes"][0].startswith("Only pictures taken from 2018 on are searched for")
    nothing: Any = service.search(b"q=red+before+1950")
    assert "There are no pictures taken before 1950 here" in nothing["notes"][0]


def test_the_words_are_searched_on_request_or_where_the_date_leaves_nothing(
    service: Service,
) -> None:
    asked: Any = service.search(b"q=red+2018&dates=off")
    assert (names(asked), asked["date"], asked["notes"]) == (set(TAKEN), "", [])
    assert {"--dates=off", "red 2018"} <= set(shlex.split(asked["command"]))
    nothing: Any = service.search(b"q=red+1950")
    assert (names(nothing), nothing["date"]) == (set(TAKEN), "")
    assert "There are no pictures of 1950 here" in nothing["notes"][0]


def test_a_date_is_read_of_the_typed_words_alone_and_beside_no_other_date() -> None:
    assert with_date(parse_state(b"q=2:beach+2019")) is not None
    for query in (
        b"add=beach+2019",
        b"q=beach",
        b"q=beach+2019&on=2018",
        b"q=beach+2019&dates=off",
    ):
        assert with_date(parse_state(query)) is None


def test_what_can_be_filtered_by_is_listed_of_what_is_served_alone(
    service: Service, home: Path, tiny_model: Path
) -> None:
    assert service.facts() == {
        "cameras": ["Canon EOS 5D", "iPhone 12"],
        "places": ["Denmark", "South Africa", "Capital Region", "Western Cape"],
        "words": "on",
        "videos": True,
    }
    roots = resolve_roots([os.fsencode(home / "album" / "cape.jpg")])
    with library_of(home, tiny_model) as library:
        alone = Service(library, roots, ServiceSettings())
        assert alone.facts() == {
            "cameras": ["iPhone 12"],
            "places": ["South Africa", "Western Cape"],
            "words": "on",
            "videos": True,
        }
        alone.stop()


def test_a_picture_says_its_place(service: Service) -> None:
    page: Any = service.search(b"on=2019")
    (item,) = page["items"]
    assert str(service.picture(item["id"])["place"]).endswith("Western Cape, South Africa")


def test_a_town_is_not_searched_and_is_told_with_its_country(service: Service) -> None:
    page: Any = service.search(b"place=copenhagen")
    assert (page["items"], page["notes"]) == (
        [],
        [
            "Copenhagen is a town in Capital Region, Denmark; towns are shown, and only countries, "
            "states and counties are searched."
        ],
    )
    denmark: Any = service.search(b"place=denmark")
    assert denmark["notes"] == []


def test_the_sheet_of_a_selection_names_the_places(service: Service) -> None:
    page: Any = service.search(b"q=red&on=2019")
    sheet = "".join(service.sheet([page["items"][0]["id"]], b"q=red&on=2019"))
    assert "Western Cape, South Africa" in sheet


def test_an_address_without_filters_asks_for_none() -> None:
    assert parse_state(b"q=red").filters == Filters()
