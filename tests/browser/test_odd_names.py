"""Names that break pages: shown as text, opened, selected, and written to a list byte for byte.

Nothing of them may run: the fixture `window` fails on each dialog, exception and refused script.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes, urljoin

from browsing import needs_browser, press_until
from odd_album import ODD_PATHS
from served import Album

from rclip_like.page.sheet import shown

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_browser


def _look_at_odd_ones(window: Page, album: Album) -> None:
    folder = quote_from_bytes(os.fsencode(album.folder / "odd"))
    window.goto(urljoin(window.url, f"/?folder={folder}"))
    window.locator("body:not(.busy) #grid img").first.wait_for()


def test_each_odd_name_is_shown_and_opened(window: Page, album: Album) -> None:
    _look_at_odd_ones(window, album)
    window.keyboard.press("/")
    window.keyboard.press("ArrowDown")
    window.keyboard.press("Enter")
    met = []
    for _ in ODD_PATHS:
        picture = window.locator("#large img")
        window.wait_for_url(re.compile("[?&]open="))
        window.locator("#large[open] img[src*='size=1024']").wait_for()
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 40
        met.append(window.get_by_role("dialog").get_by_role("heading").text_content())
        window.keyboard.press("ArrowRight")
    assert sorted(met) == sorted(shown(os.path.basename(path)) for path in ODD_PATHS)
    assert window.locator("main script, main [onerror]").count() == 0


def test_a_list_of_odd_names_holds_their_bytes(window: Page, album: Album, tmp_path: Path) -> None:
    _look_at_odd_ones(window, album)
    window.keyboard.press("/")
    window.keyboard.press("ArrowDown")
    for _ in ODD_PATHS:
        window.keyboard.press("x")
        window.keyboard.press("ArrowRight")
    press_until(window, "Tab", 'button "Download list"')
    with window.expect_download() as download:
        window.keyboard.press("Enter")
    download.value.save_as(tmp_path / "list")
    folder = os.fsencode(album.folder / "odd")
    expected = [folder + b"/" + path + b"\n" for path in ODD_PATHS]
    content = (tmp_path / "list").read_bytes()
    assert all(line in content for line in expected)
    assert len(content) == sum(map(len, expected))
    window.keyboard.press("c")
    window.get_by_role("status").filter(has_text="10 paths copied.").wait_for()


def test_the_sheet_of_the_selection_shows_odd_names(
    window: Page, album: Album, tmp_path: Path
) -> None:
    _look_at_odd_ones(window, album)
    window.keyboard.press("/")
    window.keyboard.press("ArrowDown")
    window.keyboard.press("x")
    window.keyboard.press("End")
    window.keyboard.press("Shift+X")
    press_until(window, "Tab", 'button "Contact sheet"')
    with window.expect_download() as download:
        window.keyboard.press("Enter")
    download.value.save_as(tmp_path / "sheet.html")
    sheet = window.context.new_page()
    sheet.goto((tmp_path / "sheet.html").as_uri())
    names = sheet.locator("bdi.name").all_text_contents()
    assert sorted(names) == sorted(shown(os.path.basename(path)) for path in ODD_PATHS)


def test_an_odd_name_is_a_term_and_a_folder(window: Page, album: Album) -> None:
    _look_at_odd_ones(window, album)
    press_until(window, "Tab", 'combobox "Folder"')
    window.keyboard.type("<script>")
    window.keyboard.press("Enter")
    window.wait_for_url(re.compile(r"\?folder=\S*%3Cscript%3Ealert%281%29%3C$"))
    window.locator("body:not(.busy) #grid > li:only-child img").wait_for()
    press_until(window, "Tab", 'link "script>.png')
    window.keyboard.press("m")
    window.get_by_role("group", name="more like script>.png").wait_for()
