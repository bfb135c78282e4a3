"""The groups of copies in the window: by keys alone, paged, hidden and taken back, on a phone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

import pytest
from browsing import DESK, PHONE, Witness, accessibility_faults, focused, needs_browser, press_until
from planted_copies import LONG_AGO, save, scene, write_burst
from served import Album, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

ODD = "<img src=x onerror=alert(1)>.jpg"
_BACK_AND_FORWARD_AT_ONCE = """
dialog => {
  const goForward = (_, observer) => {
    observer.disconnect();
    history.forward();
  };
  new MutationObserver(goForward).observe(dialog, {attributeFilter: ['open']});
  history.back();
}
"""


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Return an album of 22 pairs of equal files, one near copy with an odd name, and a burst."""
    folder = tmp_path_factory.mktemp("copies")
    album = Album(folder / "album", folder / "home")
    for number in range(22):
        first = save(scene(number, (64, 48)), album.folder / f"pair{number:02}.jpg")
        shutil.copy(first, album.folder / f"pair{number:02}-again.jpg")
        os.utime(album.folder / f"pair{number:02}-again.jpg", (LONG_AGO + 9, LONG_AGO + 9))
    save(scene(50, (1280, 960)), album.folder / "a" / "large.jpg")
    save(scene(50, (1280, 960)).resize((640, 480)), album.folder / "a" / ODD)
    write_burst(album.folder)
    album.run("index", album.folder)
    return album


def _open(window: Page) -> None:
    press_until(window, "Tab", 'button "Copies"')
    window.keyboard.press("Enter")
    window.locator("#copies .group").first.wait_for(timeout=60_000)  # a process starts, and reads


def _status(window: Page) -> str:
    return window.locator("#copies [role=status]").first.inner_text()


def test_groups_are_looked_through_by_keys_alone(window: Page, witness: Witness) -> None:
    assert not any("copies.js" in each for each in witness.requests)
    _open(window)
    assert _status(window).startswith("23 copies of 23 pictures, ")
    assert window.url.endswith("?copies=1")
    groups = window.get_by_role("list", name="Groups of copies").locator("> li")
    assert groups.count() == 20
    assert "it has the most pixels" in groups.first.inner_text()
    press_until(window, "Tab", "large.jpg")
    window.keyboard.press("ArrowRight")
    assert ODD in focused(window)
    window.keyboard.press("ArrowDown")
    assert "pair00.jpg" in focused(window)
    window.keyboard.press("Enter")
    window.get_by_role("dialog", name="pair00.jpg").wait_for()
    window.keyboard.press("Escape")
    window.get_by_role("dialog", name="pair00.jpg").wait_for(state="hidden")
    assert "pair00.jpg" in focused(window)
    press_until(window, "Tab", 'button "Further groups"')
    window.keyboard.press("Enter")
    window.get_by_text("Groups 21 to 24 of 24").wait_for()
    assert "burst" in groups.last.inner_text()
    window.keyboard.press("Escape")
    window.get_by_role("dialog").wait_for(state="hidden")
    assert "copies" not in window.url
    window.go_forward()
    window.locator("#copies .group").first.wait_for()


def test_a_step_forward_right_after_back_opens_groups_and_pictures_again(window: Page) -> None:
    _open(window)
    dialog = window.locator("#copies")
    for _ in range(10):
        dialog.evaluate(_BACK_AND_FORWARD_AT_ONCE)
        window.wait_for_timeout(150)
        dialog.locator(".group").first.wait_for()
    dialog.locator("a").first.press("Enter")
    large = window.locator("#large[open]")
    large.wait_for()
    for _ in range(10):
        large.evaluate(_BACK_AND_FORWARD_AT_ONCE)
        window.wait_for_timeout(150)
        large.wait_for()


def test_near_copies_are_hidden_and_taken_back(window: Page) -> None:
    _open(window)
    press_until(window, "Tab", "large.jpg")
    window.keyboard.press("Enter")
    window.get_by_role("dialog", name="large.jpg").wait_for()
    window.keyboard.press("ArrowRight")
    window.get_by_role("dialog", name=ODD).wait_for()
    assert window.locator(".position span").first.inner_text() == "2 of 2"
    window.keyboard.press("Escape")
    window.get_by_role("dialog", name=ODD).wait_for(state="hidden")
    window.keyboard.press("h")
    window.get_by_text("1 picture hidden from searches.").wait_for()
    window.get_by_role("button", name="Show again in searches").wait_for()
    assert "large.jpg" in focused(window)
    window.keyboard.press("Control+z")
    window.get_by_role("button", name="Hide the near copy").wait_for()
    window.keyboard.press("Escape")
    window.get_by_role("dialog").wait_for(state="hidden")
    window.get_by_role("link", name=ODD).wait_for()


def test_two_escapes_at_once_close_a_picture_and_the_groups_and_no_more(window: Page) -> None:
    press_until(window, "Tab", 'button "Copies"')
    before = window.evaluate("history.length")
    window.keyboard.press("Enter")
    window.locator("#copies .group").first.wait_for()
    press_until(window, "Tab", "large.jpg")
    window.keyboard.press("Enter")
    window.locator("#large[open]").wait_for()
    for _ in range(4):
        window.keyboard.press("Escape")
    window.wait_for_timeout(500)
    assert window.locator("#grid img").count()
    assert window.evaluate("history.length") == before + 2
    assert "open=" not in window.url


def test_the_folder_of_the_page_is_that_of_the_groups(
    window: Page, served: Served, album: Album
) -> None:
    folder = quote(os.path.realpath(album.folder / "a"), safe="")
    window.goto(f"{served.origin}/?folder={folder}&copies=1")
    window.locator("#copies .group").first.wait_for()
    assert _status(window).startswith("1 copy of 1 picture, ")
    assert "move-copies.sh" in window.locator("#copies code").inner_text()


@pytest.mark.parametrize(
    "way",
    [
        {"viewport": DESK, "color_scheme": "light"},
        {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    ],
    ids=["light", "dark phone"],
)
def test_axe_finds_no_serious_fault(way: dict[str, Any], browser: Browser, served: Served) -> None:
    with browser.new_context(**way) as context:
        page = context.new_page()
        page.goto(served.address)
        page.goto(urljoin(page.url, "/?copies=1"))
        page.locator("#copies .group").first.wait_for()
        assert not accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if shots := os.environ.get("SHOTS"):
            page.wait_for_timeout(1500)
            page.screenshot(path=str(Path(shots) / f"copies-{way['color_scheme']}.png"))
