"""Pictures in a query, local ones and those of the web: read first, kept nowhere."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from processes import write_pictures
from web_server import answer, png, saying, serving

from rclip_like.errors import ClipfindError, PictureError, WebError
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.library import Library
from rclip_like.query import Query
from rclip_like.settings import EncoderSettings, ReadSettings, SearchSettings, WebSettings
from rclip_like.values import SearchReport

HERE = WebSettings(allow_private=True, max_seconds=60)


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files, one of its own."""
    (tmp_path / "lent").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "lent"))
    return tmp_path / "lent"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path, photos: Path) -> Iterator[Library]:
    place, exact = tmp_path / "index.db", EncoderSettings(precision="fp32")
    read = ReadSettings(workers=1)
    with Library(place, model=str(tiny_model), encoder=exact, read=read, web=HERE) as library:
        library.index([photos])
        yield library


def shown(report: SearchReport) -> list[str]:
    return [Path(match.path).name for match in report.matches]


def test_a_picture_of_the_web_finds_its_own_copy_first(
    library: Library, photos: Path, lent: Path
) -> None:
    with serving(saying(answer((photos / "two.png").read_bytes()))) as server:
        report = library.search(server.url, [photos], SearchSettings(explain=True))
    assert shown(report)[0] == "two.png"
    assert report.matches[0].score == pytest.approx(1, abs=1e-3)
    assert report.matches[0].terms[0][0] == server.url
    assert list(lent.iterdir()) == []


def test_pictures_of_the_web_are_added_and_subtracted_with_weights(
    library: Library, photos: Path
) -> None:
    one, two = photos / "one.png", photos / "two.png"
    with (
        serving(saying(answer(one.read_bytes()))) as first,
        serving(saying(answer(two.read_bytes()))) as second,
    ):
        query = Query("cat", (f"2:{first.url}",), (f"0.5:{second.url}",))
        asked = library.search(query, [photos / "deep"]).matches
    by_file = library.search(Query("cat", (f"2:{one}",), (f"0.5:{two}",)), [photos / "deep"])
    assert asked[0].score == pytest.approx(by_file.matches[0].score, abs=1e-3)


def test_a_picture_of_the_web_leaves_no_row(library: Library, photos: Path) -> None:
    def rows() -> dict[str, int]:
        tables = ("files", "contents", "embeddings", "texts", "failures")
        with closing(sqlite3.connect(library.database)) as connection:
            count = {each: f"SELECT count(*) FROM {each}" for each in tables}
            return {each: connection.execute(sql).fetchone()[0] for each, sql in count.items()}

    before = rows()
    with serving(saying(answer(png(77)))) as server:
        assert len(library.search(server.url, [photos]).matches) == 3
    assert rows() == before


@pytest.mark.parametrize("content", [b"", b"<html>a cat</html>", png()[:900]])
def test_what_an_address_holds_must_be_a_picture(
    library: Library, photos: Path, lent: Path, content: bytes
) -> None:
    said = answer(content, "Content-Type: image/png")
    with serving(saying(said)) as server, pytest.raises(PictureError, match="own address") as told:
        library.search(server.url, [photos])
    assert str(told.value).startswith(f"{server.url}: ")
    assert list(lent.iterdir()) == []


def test_a_picture_of_the_web_is_never_a_file(
    library: Library, photos: Path, lent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, read_all = [], Readers.read_all

    def look(readers: Readers, tasks: list[ReadTask]) -> Iterator[Any]:
        held.append([*lent.iterdir(), *(Path(os.fsdecode(task.path)) for task in tasks)])
        return read_all(readers, tasks)

    monkeypatch.setattr(Readers, "read_all", look)
    with serving(saying(answer(png()))) as server:
        library.search(server.url, [photos], update=None)
    assert held == [[Path(server.url)]]


def test_without_leave_no_local_address_is_asked(photos: Path, tmp_path: Path) -> None:
    with serving(saying(answer(png()))) as server:
        with Library(tmp_path / "1.db") as library, pytest.raises(WebError, match="not a public"):
            library.search(server.url, [photos])
        assert server.requests == []


def make_no_picture(kind: str, place: Path) -> None:
    """Put something that is no picture in a place."""
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(place))
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        whole = png()
        contents = {"text": b"not a picture", "empty": b"", "truncated": whole[: len(whole) // 2]}
        place.write_bytes(contents[kind])


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "fifo", "socket", "device"])
def test_a_query_that_is_no_picture_is_told_before_anything_is_indexed(
    tiny_model: Path, photos: Path, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("q") / "q.jpg"
    make_no_picture(kind, place)
    database = place.with_name("index.db")
    with Library(database, model=str(tiny_model)) as library:
        for paths, settings in (([photos], None), ([], SearchSettings(everywhere=True))):
            with pytest.raises(PictureError, match=r"q\.jpg: .*; name another picture"):
                library.search(str(place), paths, settings)
    assert not database.exists()


def test_a_query_picture_that_vanishes_before_it_is_read_is_told(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shutil.copy(photos / "one.png", tmp_path / "going.png")
    monkeypatch.setattr(library, "embeddings", lambda paths: (os.unlink(paths[0]), [False]))
    with pytest.raises(PictureError, match=r"going\.png: No such file or directory; name another"):
        library.search(str(place), [photos])


def test_a_query_picture_that_vanishes_after_it_was_read_has_answered(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shutil.copy(photos / "one.png", tmp_path / "going.png")
    index = library._update_if_possible

    def vanish(*arguments: Any) -> object:
        place.unlink()
        return index(*arguments)

    monkeypatch.setattr(library, "_update_if_possible", vanish)
    assert shown(library.search(str(place), [photos]))[0] == "one.png"


def test_an_indexed_query_picture_that_changes_meanwhile_is_told(
    library: Library, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_pictures(tmp_path / "own", (b"one.png",))
    library.index([own])
    index = library._update_if_possible

    def change(*arguments: Any) -> object:
        (own / "one.png").write_bytes(png(5))
        return index(*arguments)

    monkeypatch.setattr(library, "_update_if_possible", change)
    with pytest.raises(ClipfindError, match="changed during the search; try again"):
        library.search(str(own / "one.png"), [photos])
