"""The groups of `classify` and a report as pages: for people of all kinds, and on paper."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import PHONE, Witness, accessibility_faults, needs_browser
from served import Album

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def documents(album: Album) -> tuple[Path, Path]:
    """Return a sheet of groups and the page of a report, both of the album."""
    groups, report = album.folder.parent / "groups.html", album.folder.parent / "report"
    labels = ("--labels", "coffee,cat,rocket,odd", album.folder, "-n")
    album.run("classify", *labels, "--threshold", "0.5", "--html", groups)
    album.run("classify", *labels, "--truth", "folders", "--report", report)
    return groups, report / "report.html"


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
def test_axe_finds_no_serious_fault_and_nothing_is_cut_off(
    look: dict[str, Any], documents: tuple[Path, Path], browser: Browser
) -> None:
    with browser.new_context(**look) as context:
        page = context.new_page()
        witness = Witness.of(page)
        for document in documents:
            page.goto(document.as_uri())
            assert not accessibility_faults(page)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not witness.faults


def test_the_list_of_groups_leads_to_each_by_keys_alone(
    documents: tuple[Path, Path], page: Page
) -> None:
    page.goto(documents[0].as_uri())
    number = page.locator("nav a").count()
    assert number == page.locator("section").count() > 1
    for _ in range(1 + number):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == f"#group-{number}"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('section').id") == f"group-{number}"


def test_on_paper_there_is_no_colour_and_paths_are_whole(
    documents: tuple[Path, Path], page: Page
) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    page.goto(documents[0].as_uri())
    style = "(selector) => getComputedStyle(document.querySelector(selector))"
    assert page.evaluate(f"({style})('body').backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(f"({style})('h1').color") == "rgb(0, 0, 0)"
    assert page.evaluate(f"({style})('nav ul').display") == "none"
    printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 2
