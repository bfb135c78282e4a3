"""The groups of copies on the page: found by a process of its own, kept, and looked at anew."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from planted_copies import LONG_AGO, save, scene, write_burst
from small_index import shared_model

from rclip_like.errors import RootError
from rclip_like.library import Library
from rclip_like.page.service import Service, ServiceSettings
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.walk import resolve_roots


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with copies: two equal files, a small one, and a burst; others below."""
    album = tmp_path.resolve() / "album"
    save(scene(1), album / "first.jpg")
    shutil.copy(album / "first.jpg", album / "zwei.jpg")
    os.utime(album / "zwei.jpg", (LONG_AGO + 9, LONG_AGO + 9))
    save(scene(2), album / "large.jpg")
    save(scene(2).resize((240, 180)), album / "small.png")
    save(scene(3), album / "below" / "<b>bold.jpg")
    save(scene(3).resize((240, 180)), album / "below" / "small.jpg")
    write_burst(album)
    return album


@pytest.fixture
def library(album: Path, tiny_model: Path) -> Iterator[Library]:
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    read = ReadSettings(workers=1)
    with Library(album.parent / "index.db", model=model, read=read) as library:
        library.index([album])
        yield library


@pytest.fixture
def service(library: Library, album: Path) -> Iterator[Service]:
    service = Service(library, resolve_roots([os.fsencode(album)]), ServiceSettings())
    yield service
    service.stop()


def found(service: Service, query: str = "") -> Any:
    """Look for copies and return the answer once they are found."""
    service.copies.find(query.encode())
    deadline = time.monotonic() + 60
    while (answer := service.copies.answer(query.encode()))["running"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert answer["found"], answer
    return answer["found"]


def names(group: Any) -> list[str]:
    return [each["name"] for each in group["pictures"]]


def test_the_groups_are_those_of_duplicates(
    service: Service, library: Library, album: Path
) -> None:
    report = library.duplicates([album], update=False)
    page = found(service)
    assert [names(group) for group in page["groups"]] == [
        [os.path.basename(each.path) for each in (group.first, *(m.picture for m in group.members))]
        for group in report.groups
    ]
    assert (page["total"], len(report.copies)) == (4, 3)
    assert [group["why"] for group in page["groups"]] == [
        "it has the most pixels",
        "its file is the oldest",
        "it has the most pixels",
        None,
    ]
    assert page["is_current"]
    assert page["summary"].startswith("3 copies of 3 pictures, ")
    assert names(page["groups"][0])[0] == "<b>bold.jpg"


def test_equal_files_are_not_offered_to_be_hidden_but_near_copies_are(service: Service) -> None:
    below, equal, near, burst = found(service)["groups"]
    assert (equal["hide"], burst["hide"]) == ([], [])
    assert near["hide"] == [near["pictures"][1]["id"]]
    service.hide(near["hide"])
    again = service.copies.answer(b"")["found"]
    assert again["is_current"]
    hidden = [each["hidden"] for each in again["groups"][2]["pictures"]]
    assert hidden == [False, True]
    assert (again["groups"][2]["hide"], again["groups"][2]["show"]) == ([], near["hide"])
    service.hide([below["pictures"][0]["id"]])
    below = service.copies.answer(b"")["found"]["groups"][0]
    assert below["hide"] == []


def test_a_folder_has_its_own_groups_and_others_are_refused(service: Service, album: Path) -> None:
    folder = quote_from_bytes(os.fsencode(album / "below"))
    page = found(service, f"folder={folder}")
    assert [names(group) for group in page["groups"]] == [["<b>bold.jpg", "small.jpg"]]
    assert service.copies.answer(b"")["found"] is None
    for call in (service.copies.find, service.copies.answer):
        with pytest.raises(RootError):
            call(f"folder={quote_from_bytes(os.fsencode(album.parent / 'other'))}".encode())


def test_pages_are_parts_of_one_run_which_is_not_made_anew(service: Service) -> None:
    first = found(service)
    assert names(service.copies.answer(b"start=1&count=1")["found"]["groups"][0]) == names(
        first["groups"][1]
    )
    assert service.copies.answer(b"start=99")["found"]["groups"] == []
    service.copies.find(b"")
    assert not service.copies.answer(b"")["running"]


def test_files_that_are_gone_or_changed_since_are_marked(service: Service, album: Path) -> None:
    found(service)
    (album / "small.png").unlink()
    save(scene(9), album / "first.jpg", seconds=99)
    page = service.copies.answer(b"")["found"]
    gone = [[each["gone"] for each in group["pictures"]] for group in page["groups"]]
    assert gone == [[False, False], [True, False], [False, True], [False, False]]
    assert page["groups"][2]["hide"] == []
    service.copies.find(b"", anew=True)
    page = found(service)
    assert [names(group) for group in page["groups"]][1:] == [["shot0.jpg", "shot1.jpg"]]
    assert page["notes"] == ["2 pictures left out: gone, changed or out of reach since indexing."]


def test_a_change_of_the_index_is_told_and_looked_at_when_asked(
    service: Service, library: Library, album: Path
) -> None:
    found(service)
    save(scene(3), album / "third.jpg", seconds=9)
    library.index([album])
    assert not service.copies.answer(b"")["found"]["is_current"]
    page = found(service)
    assert page["is_current"]
    assert ["<b>bold.jpg", "small.jpg", "third.jpg"] in [names(each) for each in page["groups"]]


def test_a_run_that_is_stopped_gives_nothing_and_can_start_again(service: Service) -> None:
    service.copies.find(b"")
    service.copies.stop()
    answer = service.copies.answer(b"")
    assert (answer["running"], answer["found"], answer["sentence"]) == (False, None, "")
    assert found(service)["total"] == 4


def test_a_run_that_is_killed_says_so_beside_what_was_found_before(service: Service) -> None:
    found(service)
    service.copies.find(b"", anew=True)
    assert service.copies.answer(b"")["found"] is None
    assert service.copies._worker is not None
    os.kill(service.copies._worker.pid, signal.SIGKILL)
    while (answer := service.copies.answer(b""))["running"]:
        time.sleep(0.01)
    said = "Copies could not be looked for: the run ended by itself."
    assert (answer["sentence"], answer["found"]["total"]) == (said, 4)
