"""The window with pictures of one's own, new and hidden ones, on a phone, and without a server."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from browsing import PHONE, needs_browser
from demo.album import NAMES
from served import Album, Served
from small_index import make_pictures

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser

COFFEE = os.path.basename(NAMES["coffee.png"])
_DROP = """
async () => {
  const [link] = document.querySelectorAll('#grid a');
  const id = new URLSearchParams(link.search).get('open');
  const picture = await (await fetch(`/original/${id}`)).blob();
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([picture], 'mine.jpg', {type: 'image/jpeg'}));
  for (const type of ['dragover', 'drop']) {
    document.body.dispatchEvent(
      new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}));
  }
}
"""
_SWIPE = """
(across) => {
  const target = document.querySelector('#large');
  const touch = clientX => new Touch({identifier: 1, target, clientX, clientY: 300});
  const send = (type, touches, changedTouches) => target.dispatchEvent(
    new TouchEvent(type, {touches, changedTouches, bubbles: true}));
  send('touchstart', [touch(200)], [touch(200)]);
  send('touchend', [], [touch(200 + across)]);
}
"""


def _look(page: Page, served: Served, state: str = "") -> None:
    page.goto(served.address)
    page.goto(urljoin(served.origin, f"/{state}"))
    page.locator("body:not(.busy) #grid img").first.wait_for()


def test_a_picture_that_is_dropped_finds_itself_and_stays_on_a_reload(
    page: Page, served: Served
) -> None:
    _look(page, served, "?q=coffee")
    page.evaluate(_DROP)
    page.wait_for_url(re.compile(r"/\?add=pasted%3A[0-9a-f]{64}$"))
    for _ in range(2):
        page.locator("body:not(.busy)").wait_for()
        assert page.locator("#grid bdi").first.text_content() == COFFEE
        page.locator("#terms img").evaluate("image => image.decode()")
        page.reload()


def test_a_file_that_is_no_picture_is_refused_in_a_sentence(
    page: Page, served: Served, tmp_path: Path
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader")
    _look(page, served)
    page.set_input_files("#file", path)
    page.get_by_text("not a picture in a known format.").wait_for()
    assert page.locator("#terms li").count() == 0


def test_a_folder_that_is_not_served_is_told_once_and_left(page: Page, served: Served) -> None:
    page.goto(served.address)
    page.goto(urljoin(served.origin, "/?folder=/elsewhere"))
    page.locator("#empty .why").wait_for()
    assert page.locator("#found span").first.text_content() == ""
    page.get_by_role("button", name="Start afresh").click()
    page.wait_for_url(re.compile("/$"))
    page.locator("body:not(.busy) #grid img").first.wait_for()


def test_a_folder_that_is_not_there_now_is_named_until_it_is_back(
    page: Page, tmp_path: Path
) -> None:
    album = Album(tmp_path / "album", tmp_path / "home")
    make_pictures(album.folder, 3)
    album.run("index", album.folder)
    with album.serving("--no-index") as served:
        _look(page, served, "?q=noise")
        album.folder.rename(tmp_path / "unplugged")
        for address in ("/?q=stripes", "/"):
            page.goto(urljoin(served.origin, address))
            why = page.locator("#empty .why")
            why.get_by_text("album: not there now; its pictures stay indexed").wait_for()
            assert why.inner_text().endswith("is the disk mounted?")
        (tmp_path / "unplugged").rename(album.folder)
        page.get_by_role("button", name="Try again").click()
        page.locator("body:not(.busy) #grid img").first.wait_for()
        assert page.locator("#empty").is_hidden()


def test_hidden_pictures_are_shown_on_demand_and_can_come_back(page: Page, served: Served) -> None:
    _look(page, served, "?q=coffee")
    page.locator("#grid a").first.focus()
    page.keyboard.press("h")
    page.get_by_text("1 picture hidden from searches.").wait_for()
    page.keyboard.press("f")
    page.get_by_label("Show hidden").check()
    page.wait_for_url("**/?q=coffee&hidden=1")
    page.locator("#grid .hidden").first.wait_for()
    page.locator("#grid .hidden a").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show again").click()
    page.get_by_text("1 picture shown again.").wait_for()
    page.keyboard.press("Escape")
    page.locator("#large").wait_for(state="hidden")
    page.keyboard.press("f")
    page.get_by_label("Show hidden").uncheck()
    page.wait_for_url("**/?q=coffee")
    page.locator("body:not(.busy)").wait_for()
    assert page.locator("#grid bdi").first.text_content() == COFFEE


def test_a_swipe_goes_to_the_next_picture_and_back_closes_it(
    browser: Browser, served: Served
) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        _look(page, served, "?q=coffee")
        names = page.locator("#grid bdi").all_text_contents()
        page.locator("#grid a").first.tap()
        page.get_by_role("dialog", name=names[0]).wait_for()
        page.evaluate(_SWIPE, -120)
        page.get_by_role("dialog", name=names[1]).wait_for()
        page.evaluate(_SWIPE, 120)
        page.get_by_role("dialog", name=names[0]).wait_for()
        page.go_back()
        page.get_by_role("dialog").wait_for(state="hidden")
        assert page.locator("#grid .like:visible").count() == 2  # on the picture seen last


def test_new_pictures_wait_for_a_button_and_a_server_that_is_gone_is_told(
    page: Page, tmp_path: Path
) -> None:
    album = Album(tmp_path / "album", tmp_path / "home")
    make_pictures(album.folder, 3)
    album.run("index", album.folder)
    with album.serving("--no-index") as served:
        _look(page, served)
        make_pictures(tmp_path / "more", 5)
        for path in sorted((tmp_path / "more").iterdir())[3:]:
            shutil.copy2(path, album.folder)
        album.run("index", album.folder)
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        more = page.get_by_role("button", name="2 more pictures indexed: show")
        more.wait_for()
        assert page.locator("#grid li").count() == 3
        more.click()
        page.get_by_text("5 pictures, newest first").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("boat")
    page.locator("#empty").get_by_text("start clipfind serve again").wait_for()
