"""A browser for each file of tests, and an indexed album of real photos and odd names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from browsing import DESK, Witness, chromium, tell_pointers
from odd_album import write_odd_album
from served import Album, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For one file alone: while Playwright runs, no other test of the process can use asyncio.
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a profile of its own: cookies, storage, clipboard."""
    with browser.new_context(viewport=DESK) as context:
        context.set_default_timeout(10_000)
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def witness(page: Page) -> Witness:
    return Witness.of(page)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Return the album, indexed by the built-in model."""
    folder = tmp_path_factory.mktemp("browser")
    album = Album(write_odd_album(folder / "album"), folder / "home")
    album.run("index", album.folder)
    return album


@pytest.fixture(scope="module")
def served(album: Album) -> Iterator[Served]:
    """Serve the album, which is indexed already, for one file of tests."""
    with album.serving("--no-index") as served:
        yield served


@pytest.fixture
def window(served: Served, context: BrowserContext, page: Page, witness: Witness) -> Iterator[Page]:
    """Return the window at its first look; in the end nothing may have gone wrong unseen."""
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.origin)
    tell_pointers(page)
    page.goto(served.address)
    page.wait_for_selector("#grid img")
    yield page
    assert not witness.faults
    assert not witness.outside(served.origin)
