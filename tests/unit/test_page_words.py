"""The words of a query on the page: where they stand, and whether anything shows what they say."""

from __future__ import annotations

import math
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import run
from small_index import make_picture, settle, shared_model

from rclip_like.cli.command_line import command_line
from rclip_like.library import Library
from rclip_like.page.service import Service, ServiceSettings
from rclip_like.query import Query
from rclip_like.search import cutoff
from rclip_like.search.cutoff import Cutoff
from rclip_like.settings import EncoderSettings, LibraryChoice, ReadSettings, SearchSettings
from rclip_like.walk import resolve_roots

NAMES = (
    *("Denmark 2018/IMG_1.jpg", "Denmark 2018/IMG_2.jpg", "alps/red_boats.jpg"),
    *(f"alps/{number}.jpg" for number in range(12)),
)
COPIED = {"alps/3.jpg": "Denmark 2018/copy.jpg", "Denmark 2018/IMG_1.jpg": "alps/boats too.jpg"}
WORDS = "red boats in denmark"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with pictures in `album`, two of them twice under other names, and an index.

    The copies' names have words that those of the originals have not.
    """
    home = tmp_path_factory.mktemp("words").resolve()
    for seed, name in enumerate(NAMES):
        (home / "album" / name).parent.mkdir(parents=True, exist_ok=True)
        make_picture(home / "album" / name, seed)
        settle(home / "album" / name, 1_600_000_000 + seed)
    for source, copy in COPIED.items():
        shutil.copyfile(home / "album" / source, home / "album" / copy)
        settle(home / "album" / copy)
    with library_of(home, tiny_model) as library:
        library.index([home / "album"])
    return home


def library_of(home: Path, tiny_model: Path) -> Library:
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    return Library(home / "index.db", model=model, read=ReadSettings(workers=1))


@pytest.fixture
def library(home: Path, tiny_model: Path) -> Iterator[Library]:
    with library_of(home, tiny_model) as library:
        yield library


@pytest.fixture
def service(home: Path, library: Library, tiny_model: Path) -> Iterator[Service]:
    choice = LibraryChoice(database=home / "index.db", model=str(tiny_model))
    settings = ServiceSettings(
        spell=lambda search: command_line(search, choice, SearchSettings(), updates=False)
    )
    service = Service(library, resolve_roots([os.fsencode(home / "album")]), settings)
    yield service
    service.stop()


def shown(page: Any) -> list[tuple[str, float, list[tuple[str, str]]]]:
    return [
        (os.path.basename(item["path"]), item["score"], [tuple(each) for each in item["words"]])
        for item in page["items"]
    ]


@pytest.mark.parametrize("words", ["on", "only", "off"])
def test_a_page_is_what_a_search_with_words_finds(
    service: Service, library: Library, home: Path, words: Any
) -> None:
    settings = SearchSettings(top=0, collapse=True, words=words)
    found = library.search(Query(WORDS), [home / "album"], settings, update=False)
    expected = [
        (os.path.basename(match.path), round(match.score, 4), list(match.words))
        for match in found.matches
    ]
    query = f"q={WORDS.replace(' ', '+')}&words={words}"
    page: Any = service.search(query.encode())
    assert (shown(page), page["total"]) == (expected, len(expected))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_pages_show_each_content_once_whatever_its_copies_are_called(
    service: Service, count: int
) -> None:
    whole: Any = service.search(b"q=red+boats+in+denmark")
    start, pieces = 0, []
    while start is not None:
        query = f"q=red+boats+in+denmark&count={count}&start={start}"
        page: Any = service.search(query.encode())
        pieces += shown(page)
        start = page["next"]
    assert pieces == shown(whole)
    assert len({item["id"] for item in whole["items"]}) == len(NAMES) == len(pieces)


def test_words_are_looked_for_unless_the_address_or_the_settings_say_otherwise(
    service: Service, library: Library, home: Path
) -> None:
    page: Any = service.search(b"q=denmark")
    assert page["items"][0]["words"] == [["folder", "Denmark 2018"]]
    page = service.search(b"q=denmark&words=off")
    assert not any(item["words"] for item in page["items"])
    roots = resolve_roots([os.fsencode(home / "album")])
    plain = Service(library, roots, ServiceSettings(searching=SearchSettings(words="off")))
    assert plain.facts()["words"] == "off"
    page = plain.search(b"q=denmark")
    assert not any(item["words"] for item in page["items"])
    plain.stop()


@pytest.mark.parametrize(
    "query", ["q=red+boats", "q=red+boats&words=only", "q=red+boats&words=off", "q=red&likely=1"]
)
def test_the_command_line_finds_the_same_in_the_same_order(service: Service, query: str) -> None:
    page: Any = service.search(query.encode())
    finished = run(*shlex.split(page["command"])[1:], "-f")
    found = [os.path.basename(path) for path in finished.stdout.decode().splitlines()]
    assert found == [item["name"] for item in page["items"]]


def cut_at(monkeypatch: pytest.MonkeyPatch, presence: float, lowest: float) -> None:
    monkeypatch.setattr(cutoff, "find_cutoff", lambda *_: Cutoff(presence, lowest))


def test_unlikely_pictures_are_left_out_on_request(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    every: Any = service.search(b"q=red&words=off")
    assert every["presence"] is None
    scores = [item["score"] for item in every["items"]]
    cut_at(monkeypatch, 0.9, (scores[3] + scores[4]) / 2)
    page: Any = service.search(b"q=red&words=off&likely=1")
    assert [item["score"] for item in page["items"]] == scores[:4]
    assert (page["total"], page["presence"], page["notes"]) == (4, 0.9, [])
    first: Any = service.search(b"q=red&words=off&likely=1&count=2")
    assert (first["total"], first["next"]) == (4, 2)


def test_nothing_that_seems_to_show_it_is_said_with_the_best_score(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    best: Any = service.search(b"q=walrus")
    cut_at(monkeypatch, 0.1, math.inf)
    page: Any = service.search(b"q=walrus&likely=1")
    score = f"{best['items'][0]['score']:.2f}"
    assert (page["items"], page["total"], page["presence"]) == ([], 0, 0.1)
    assert page["notes"] == [
        "Nothing here seems to show \N{LEFT DOUBLE QUOTATION MARK}walrus"
        f"\N{RIGHT DOUBLE QUOTATION MARK} (best {score})."
    ]


def test_a_match_by_words_alone_passes_and_is_marked(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_at(monkeypatch, 0.1, math.inf)
    page: Any = service.search(b"q=boats&likely=1")
    found = {item["name"]: (item["by_words"], item["words"]) for item in page["items"]}
    assert found == {
        "red_boats.jpg": (True, [["name", "red_boats.jpg"]]),
        "boats too.jpg": (True, [["name", "boats too.jpg"]]),
    }


def test_what_is_like_a_picture_has_no_cutoff_and_that_is_said(service: Service) -> None:
    page: Any = service.search(b"q=red")
    picture = page["items"][0]["id"]
    page = service.search(f"add=picture:{picture}&likely=1".encode())
    assert (page["presence"], len(page["items"])) == (None, len(NAMES) - 1)
    assert any("no cut-off of its own" in note for note in page["notes"])


@pytest.mark.parametrize("likely", ["", "&likely=1"])
def test_words_that_stand_nowhere_are_said_if_they_alone_are_looked_for(
    service: Service, likely: str
) -> None:
    page: Any = service.search(f"q=zebra&words=only{likely}".encode())
    assert (page["items"], page["total"]) == ([], 0)
    assert page["notes"] == [
        'No picture here has the word "zebra" in its name, folders, captions or keywords, or in '
        "text read in it."
    ]
    again: Any = service.search(f"q=zebra&words=only{likely}".encode())
    assert again["notes"] == page["notes"]
    found: Any = service.search(f"q=boats&words=only{likely}".encode())
    assert found["notes"] == []
