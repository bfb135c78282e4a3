"""Saved searches in the window, by keyboard alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
from browsing import DESK, PHONE, accessibility_faults, focused, needs_browser, press_until
from served import Album, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(autouse=True)
def _nothing_saved(album: Album) -> None:
    for line in album.run("saved", "list", "--json").stdout.splitlines():
        album.run("saved", "remove", json.loads(line)["name"])


def _open_sheet(window: Page) -> None:
    press_until(window, "Tab", "Saved")
    window.keyboard.press("Enter")
    window.locator("#saved form").wait_for()


def _save(window: Page, name: str) -> None:
    press_until(window, "Tab", 'textbox "Save this search as"')
    window.keyboard.press("Control+A")
    window.keyboard.type(name)
    window.keyboard.press("Enter")


def test_a_search_is_saved_opened_and_removed(window: Page, album: Album) -> None:
    window.keyboard.press("/")
    window.keyboard.type("coffee")
    window.wait_for_url(re.compile(r"q=coffee$"))
    _open_sheet(window)
    window.get_by_text("No search is saved yet.").wait_for()
    _save(window, "a cup")
    window.get_by_text("Saved as a-cup.").wait_for()
    saved = album.run("saved", "show", "a-cup").stdout.decode()
    assert saved.startswith("clipfind search --text -- coffee ")
    window.keyboard.press("Escape")
    assert "Saved" in focused(window)
    window.keyboard.press("/")
    window.keyboard.press("Control+A")
    window.keyboard.type("moon")
    window.wait_for_url(re.compile(r"q=moon$"))
    _open_sheet(window)
    press_until(window, "Tab", 'link "a-cup"')
    window.keyboard.press("Enter")
    window.wait_for_url(re.compile(r"\?q=coffee$"))
    window.locator("body:not(.busy) #grid img").first.wait_for()
    _open_sheet(window)
    press_until(window, "Tab", 'button "Remove a-cup"')
    window.keyboard.press("Enter")
    assert 'button "Really remove a-cup?"' in focused(window)
    window.keyboard.press("Enter")
    window.get_by_text("No search is saved yet.").wait_for()
    assert 'textbox "Save this search as"' in focused(window)
    assert album.run("saved", "list").stdout == b""


def test_a_name_that_is_taken_is_replaced_by_a_second_press(window: Page, album: Album) -> None:
    album.run("save", "drink", "tea", album.folder)
    window.goto(urljoin(window.url, "/?q=coffee&sort=-date"))
    window.locator("body:not(.busy) #grid img").first.wait_for()
    _open_sheet(window)
    _save(window, "drink")
    press_until(window, "Tab", 'button "Replace the one of this name"')
    assert " tea " in album.run("saved", "show", "drink").stdout.decode()
    window.keyboard.press("Enter")
    window.get_by_text("Saved as drink.").wait_for()
    saved = album.run("saved", "show", "drink").stdout.decode()
    assert saved.startswith("clipfind search --sort=-date --text -- coffee ")


def test_what_the_page_cannot_show_is_named_with_its_command(window: Page, album: Album) -> None:
    album.run("save", "strict", "tea", album.folder, "--min-score", "0.2")
    _open_sheet(window)
    window.get_by_text("clipfind run strict").wait_for()


@pytest.mark.parametrize(
    "way",
    [
        {"viewport": DESK, "color_scheme": "light"},
        {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "is_mobile": True},
    ],
    ids=["light", "dark phone"],
)
def test_axe_finds_no_serious_fault(
    way: dict[str, Any], browser: Browser, served: Served, album: Album
) -> None:
    album.run("save", "drink", "tea", album.folder)
    album.run("save", "strict", "tea", album.folder, "--min-score", "0.2")
    with browser.new_context(**way) as context:
        page = context.new_page()
        page.goto(served.address)
        page.goto(urljoin(page.url, "/?q=coffee"))
        page.locator("body:not(.busy) #grid img").first.wait_for()
        if way["viewport"] == PHONE:
            page.get_by_role("button", name="Options").click()
        page.locator("#saved summary").click()
        page.locator("#saved li a").wait_for()
        assert not accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
