"""What the page's routes answer, from a real index, without a server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_index import make_pictures, settle
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rclip_like.library import Library
from rclip_like.page.routes import routes
from rclip_like.page.service import Service, ServiceSettings
from rclip_like.query import Query
from rclip_like.settings import SearchSettings
from rclip_like.walk import resolve_roots


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures in two folders, one picture three times, one name no UTF-8."""
    folder = tmp_path_factory.mktemp("album")
    make_pictures(folder / "a", 12)
    make_pictures(folder / "b", 3)
    shutil.copy2(folder / "a" / "0003.jpg", folder / "b" / "copy.jpg")
    for number, path in enumerate(sorted((folder / "b").iterdir())):
        settle(path, 1_400_000_000 + number)
    odd = os.fsencode(folder / "b") + b"/caf\xe9 <b>.jpg"
    shutil.copy2(folder / "a" / "0003.jpg", odd)
    return folder.resolve()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, album: Path) -> Library:
    library = Library(tmp_path_factory.mktemp("index") / "index.db", model=str(tiny_model))
    library.index([album])
    return library


@pytest.fixture
def service(library: Library, album: Path) -> Iterator[Service]:
    service = Service(library, resolve_roots([os.fsencode(album)]), ServiceSettings())
    yield service
    service.stop()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(service))) as client:
        yield client


def found(service: Service, query: str) -> Any:
    return service.search(query.encode())


def test_a_page_is_what_a_search_finds(service: Service, library: Library, album: Path) -> None:
    expected = library.search(
        Query("red", ["blue"]), [album], SearchSettings(top=5, collapse=True), update=False
    )
    items = found(service, "q=red&add=blue&count=5")["items"]
    assert [item["path"] for item in items] == [match.path for match in expected.matches]
    assert [item["score"] for item in items] == [round(m.score, 4) for m in expected.matches]
    assert [item["rank"] for item in items] == [1, 2, 3, 4, 5]
