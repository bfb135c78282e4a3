"""The contact sheet in a browser: from the disk, alone, for people of all kinds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from browsing import PHONE, Witness, accessibility_faults, needs_browser, tell_pointers
from odd_album import ODD_PATHS
from served import Album

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def sheet(album: Album) -> Path:
    """Return a sheet of the whole album, the odd names among it."""
    sheet = album.folder.parent / "found.html"
    album.run("coffee", album.folder, "-n", "-t", "100", "--html", sheet)
    return sheet


def test_a_sheet_shows_every_picture_and_loads_nothing(
    sheet: Path, page: Page, witness: Witness
) -> None:
    page.goto(sheet.as_uri())
    pictures = page.locator("img")
    assert pictures.count() == page.locator("li").count() == 22 + len(ODD_PATHS)
    pictures.last.scroll_into_view_if_needed()
    page.wait_for_function("Array.from(document.images).every(each => each.naturalWidth > 0)")
    assert [each for each in witness.requests if not each.startswith("data:")] == [sheet.as_uri()]
    assert not witness.faults


def test_odd_names_are_shown_as_text_and_lead_to_their_files(
    sheet: Path, album: Album, page: Page, witness: Witness
) -> None:
    page.goto(sheet.as_uri())
    shown = set(page.locator("bdi.name").all_text_contents())
    assert {"<img src=x onerror=alert(2)>.png", "{{ 7 * 7 }}${7 * 7}.png"} <= shown
    assert page.locator("li script, li [onerror]").count() == 0
    links = [link.get_attribute("href") for link in page.locator("a").all()]
    linked = {unquote_to_bytes(urlsplit(link or "").path) for link in links}
    assert {os.fsencode(album.folder) + b"/odd/" + path for path in ODD_PATHS} <= linked
    assert not witness.faults


def test_the_tab_key_goes_through_a_sheet_and_its_focus_is_seen(
    sheet: Path, page: Page, witness: Witness
) -> None:
    tell_pointers(page)
    page.goto(sheet.as_uri())
    for number in range(22 + len(ODD_PATHS)):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "[Array.from(document.links).indexOf(document.activeElement),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert focused == [number, "solid"]
    assert not witness.faults


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": PHONE},
        {"forced_colors": "active"},
    ],
    ids=["light", "dark", "phone", "forced colours"],
)
def test_axe_finds_no_serious_fault_on_a_sheet(
    look: dict[str, Any], sheet: Path, browser: Browser
) -> None:
    with browser.new_context(**look) as context:
        page = context.new_page()
        page.goto(sheet.as_uri())
        assert not accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
