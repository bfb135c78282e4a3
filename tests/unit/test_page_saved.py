"""Saved searches on the page: kept as the command line keeps them, and opened from there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import run
from small_index import make_pictures, shared_model

from rclip_like.cli.command_line import page_search, saved_arguments
from rclip_like.errors import UsageError
from rclip_like.library import Library
from rclip_like.page.saved import SavedForms
from rclip_like.page.service import Service, ServiceSettings
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.walk import resolve_roots


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with pictures in `album` and in `elsewhere`, and their index."""
    home = tmp_path_factory.mktemp("saved").resolve()
    make_pictures(home / "album" / "in the sun", 3)
    make_pictures(home / "elsewhere", 5)
    with library_of(home, tiny_model) as library:
        library.index([home])
    return home


def library_of(home: Path, tiny_model: Path) -> Library:
    model = shared_model(tiny_model, EncoderSettings(precision="fp32"))
    return Library(home / "index.db", model=model, read=ReadSettings(workers=1))


@pytest.fixture
def home(indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> Path:
    """Return the folder, for a test with an index of its own, which the command line takes."""
    for path in indexed.glob("index.db*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    monkeypatch.chdir(indexed)
    return indexed


@pytest.fixture
def service(home: Path, tmp_path: Path, tiny_model: Path) -> Iterator[Service]:
    settings = ServiceSettings(saved=SavedForms(saved_arguments, page_search))
    with library_of(tmp_path, tiny_model) as library:
        service = Service(library, resolve_roots([os.fsencode(home / "album")]), settings)
        yield service
        service.stop()


def save(service: Service, query: str, name: str = "mine", *, replace: bool = False) -> Any:
    return service.save_search(name, query.encode(), replace=replace)


def address(service: Service, name: str = "mine") -> Any:
    found = {each["name"]: each["address"] for each in service.saved_searches()}
    return found[name]


PICTURE = "a picture's id"
QUERIES = (
    "q=red%20boat",
    "q=2%3Ared&add=0.5%3Ablue&subtract=-1%20degree",
    f"add=picture:{PICTURE}&subtract=0.25:picture:{PICTURE}",
    f"q=red&add=0.5:picture:{PICTURE}",
    f"add=picture:{PICTURE}&words=only",
    "subtract=red",
    "q=./red.jpg",
    "q=beach%202019&dates=off",
    "q=red&on=2018&camera=EOS%205D&type=jpeg&min-size=12MP&orientation=portrait&place=denmark",
    "q=red&after=2018&before=2019&near=55.68%2C12.57&within-km=3",
    "q=red&sort=-date&words=only&likely=1&hidden=1",
    "q=red&words=off",
    "q=red&folder={home}/album/in%20the%20sun",
    "q=--help",
)


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_saved_is_opened_as_it_was(service: Service, home: Path, query: str) -> None:
    first: Any = service.search(b"")
    query = query.replace(PICTURE, first["items"][0]["id"]).replace("{home}", str(home))
    assert save(service, query) == {"name": "mine", "saved": True}
    asked: Any = service.search(query.encode())
    opened: Any = service.search(address(service).encode())
    assert opened["items"] == asked["items"]
    save(service, address(service), "again")
    assert address(service, "again") == address(service)
    assert run("saved", "show", "mine").stdout == run("saved", "show", "again").stdout


@pytest.mark.parametrize("query", ["q=red", "q=red&words=only", "q=red&sort=path", "subtract=red"])
def test_the_command_line_runs_what_the_page_saved(service: Service, query: str) -> None:
    page: Any = service.search(query.encode())
    save(service, query)
    words = () if "words" in query else ("--words", "on")  # off in pipes unless it was saved
    finished = run("run", "mine", "-n", "-f", "-t0", "--collapse", *words)
    found = [os.path.basename(path) for path in finished.stdout.decode().splitlines()]
    assert found == [item["name"] for item in page["items"]]


SAVED = {
    ("red boat", "album"): "q=red%20boat",
    ("red", "--all", "--after", "2018", "-t", "5"): "q=red&after=2018",
    ("red", "album/in the sun", "--min-score", "auto"): (
        "q=red&folder={home}/album/in%20the%20sun&likely=1"
    ),
    ("red", "elsewhere"): None,
    ("red", "album", "elsewhere"): None,
    ("red", "album", "--min-score", "0.2"): None,
    ("red", "album", "--glob", "*.jpg"): None,
    ("red", "album", "--type", "jpeg", "--type", "png"): None,
    ("https://example.com/a.jpg", "album"): None,
    ("elsewhere/0004.jpg", "album"): None,
}


@pytest.mark.parametrize("words", SAVED)
def test_what_the_command_line_saved_is_opened_where_the_page_can_show_it(
    service: Service, home: Path, words: tuple[str, ...]
) -> None:
    saved = run("save", "mine", *words)
    assert saved.returncode == 0, saved.stderr
    expected = SAVED[words]
    assert address(service) == (expected and expected.format(home=home))


def test_an_entry_that_was_tampered_with_has_no_address(service: Service) -> None:
    for arguments in (["--copy-to=/tmp", "--", "red"], ["--no-such", "--", "red"], [], ["--"]):
        service._library.save_search("mine", arguments, None, replace=True)
        assert address(service) is None


def test_a_name_that_is_taken_is_replaced_on_request_alone(service: Service) -> None:
    save(service, "q=red", "Dogs on the beach")
    name = "Dogs-on-the-beach"
    assert save(service, "q=blue", name) == {"name": name, "saved": False}
    assert address(service, name) == "q=red"
    assert save(service, "q=blue", name, replace=True) == {"name": name, "saved": True}
    assert address(service, name) == "q=blue"
    assert service.remove_search(name)
    assert not service.remove_search(name)
    assert service.saved_searches() == []


@pytest.mark.parametrize(
    ("name", "query", "reason"),
    [
        ("", "q=red", "cannot be a search's name"),
        ("a/b", "q=red", "'a/b' cannot be a search's name"),
        ("mine", "on=2018", "say in words what to look for"),
        ("mine", "q=red&add=%40nobody", "there is no name @nobody"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    service: Service, name: str, query: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        save(service, query, name)
    assert service.saved_searches() == []


def test_a_pasted_picture_is_not_saved(service: Service, home: Path) -> None:
    pasted = service.paste((home / "elsewhere" / "0004.jpg").read_bytes())
    with pytest.raises(UsageError, match="pasted or dropped"):
        save(service, f"add=pasted:{pasted}")


@pytest.mark.parametrize("query", ["q=%40rex", "q=%40rex%20red", "q=red&subtract=0.5%3A%40rex"])
def test_a_search_with_a_name_is_opened_as_it_was(service: Service, home: Path, query: str) -> None:
    service._library.name("rex", [home / "elsewhere" / "0004.jpg"])
    asked: Any = service.search(query.encode())
    save(service, query)
    opened: Any = service.search(address(service).encode())
    assert opened["items"] == asked["items"]
    save(service, address(service), "again")
    again: Any = service.search(address(service, "again").encode())
    assert again["items"] == asked["items"]
