"""Videos on the page: played from the moment that was found, by keys, or still at that moment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import av
import numpy as np
import pytest
from browsing import accessibility_faults, needs_browser
from PIL import Image
from served import Album, Served
from small_index import settle

if TYPE_CHECKING:
    from browsing import Witness
    from playwright.sync_api import Page

pytestmark = needs_browser

SIZE = (128, 96)
COLOURS = {"green": 2, "blue": 4, "red": 6}
"""Each is seen up to that second."""


def film(path: Path, codec: str = "libx264", turned: int = 0) -> None:
    """Write a video of three colours with a white bar at the left edge, two seconds each."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        if turned:
            stream.set_display_rotation(turned)
        for colour in COLOURS:
            image = Image.new("RGB", SIZE, colour)
            image.paste("white", (0, 0, 20, SIZE[1]))
            frame = np.asarray(image)
            for _ in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    settle(path)


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """Return an album of two videos that the browser plays, and one that it does not."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "album").mkdir()
    film(folder / "album" / "film.mp4")
    film(folder / "album" / "turned.mov", turned=-90)
    film(folder / "album" / "old.avi", codec="mpeg4")
    album = Album(folder / "album", folder / "home")
    album.run("index", album.folder)
    return album


@pytest.fixture(scope="module")
def served(album: Album) -> Iterator[Served]:
    with album.serving("--no-index") as served:
        yield served


@pytest.fixture
def found(page: Page, served: Served) -> Page:
    """Return the page with what was found for "red"."""
    page.goto(served.address)
    page.goto(urljoin(served.origin, "/?q=red"))
    page.locator("#grid img").first.wait_for()
    return page


def open_large(page: Page, name: str) -> None:
    page.locator("#grid li", has=page.locator(f"img[alt^='{name}']")).locator("a").click()


def colour_of(page: Page, selector: str) -> list[int]:
    """Return the colour in the middle of a picture or video that is seen."""
    return page.locator(selector).evaluate(
        """each => {
          const canvas = new OffscreenCanvas(9, 9);
          const context = canvas.getContext("2d");
          context.drawImage(each, 0, 0, 9, 9);
          return [...context.getImageData(4, 4, 1, 1).data].slice(0, 3);
        }"""
    )


def is_red(colour: list[int]) -> bool:
    return colour[0] > 200 and colour[1] < 60 and colour[2] < 60


def test_a_video_waits_at_the_moment_that_was_found_and_plays_by_a_key(
    found: Page, witness: Witness
) -> None:
    open_large(found, "film.mp4")
    video = found.locator("#large video")
    video.wait_for()
    assert video.evaluate("each => [each.paused, each.muted]") == [True, True]
    assert 4 <= video.evaluate("each => each.currentTime") <= 6
    found.wait_for_function("() => !document.querySelector('#large video').seeking")
    assert is_red(colour_of(found, "#large video"))
    assert "0:04" in found.locator("#large dl").inner_text()
    assert found.locator("#large .stage img").is_hidden()
    found.keyboard.press("p")
    found.wait_for_function("() => document.querySelector('#large video').currentTime > 4.9")
    assert not witness.faults


def test_videos_alone_are_a_type_of_the_filters(found: Page) -> None:
    found.keyboard.press("f")
    found.get_by_label("Type").select_option(label="Video")
    found.wait_for_url("**/?q=red&type=video")
    found.locator("body:not(.busy)").wait_for()
    names = sorted(found.locator("#grid bdi").all_text_contents())
    assert names == ["film.mp4", "old.avi", "turned.mov"]


def test_the_keys_of_a_video_are_its_own_while_it_has_the_focus(found: Page) -> None:
    open_large(found, "film.mp4")
    video = found.locator("#large video")
    video.wait_for()
    for _ in range(20):
        found.keyboard.press("Tab")
        if video.evaluate("each => each === document.activeElement"):
            break
    found.keyboard.press("ArrowLeft")
    found.keyboard.press(" ")
    found.wait_for_function("() => !document.querySelector('#large video').paused")
    assert video.evaluate("each => each === document.activeElement")
    assert "film.mp4" in found.locator("#large h2").inner_text()
    assert accessibility_faults(found) == []
    found.keyboard.press("Escape")
    found.locator("#large").wait_for(state="hidden")
    assert video.get_attribute("src") is None


def test_a_turned_video_is_upright_as_the_browser_has_it(found: Page) -> None:
    open_large(found, "turned.mov")
    found.locator("#large video").wait_for()
    found.wait_for_function("() => !document.querySelector('#large video').seeking")
    row_of_bar = """each => {
      const canvas = new OffscreenCanvas(9, 9);
      const context = canvas.getContext("2d");
      context.drawImage(each, 0, 0, 9, 9);
      const isWhite = (x, y) => Math.min(...context.getImageData(x, y, 1, 1).data) > 180;
      return [isWhite(4, 0), isWhite(4, 8), isWhite(0, 4), isWhite(8, 4)];
    }"""
    by_browser = found.locator("#large video").evaluate(row_of_bar)
    assert by_browser.count(True) == 1
    assert found.locator("#large .stage img").evaluate(row_of_bar) == by_browser


def test_a_video_that_the_browser_does_not_play_is_its_frame(found: Page) -> None:
    open_large(found, "old.avi")
    said = found.locator("#large .unplayed")
    said.wait_for()
    assert "does not play the video; this is its frame at 0:0" in said.inner_text()
    assert found.locator("#large video").is_hidden()
    assert is_red(colour_of(found, "#large .stage img"))


def test_a_video_that_breaks_off_is_its_frame(found: Page, album: Album) -> None:
    open_large(found, "film.mp4")
    video = found.locator("#large video")
    video.wait_for()
    path = album.folder / "film.mp4"
    with found.expect_response("**/original/*"):
        path.rename(path.with_suffix(".gone"))
        video.evaluate("each => { each.src += '?again'; each.load(); }")
    found.locator("#large .unplayed").wait_for()
    path.with_suffix(".gone").rename(path)
    assert video.is_hidden()
    assert is_red(colour_of(found, "#large .stage img"))


def test_cards_show_the_frame_that_was_found_and_its_moment(found: Page) -> None:
    card = found.locator("#grid li", has=found.locator("img[alt^='old.avi']"))
    found.wait_for_function(
        "() => [...document.querySelectorAll('#grid img')].every(i => i.complete && i.naturalWidth)"
    )
    assert is_red(colour_of(found, "#grid img[alt^='old.avi']"))
    assert card.locator(".mark").inner_text().startswith("video 0:0")


def test_a_closed_video_leaves_its_connection(found: Page, served: Served) -> None:
    for _ in range(8):  # a browser opens six connections to a host
        open_large(found, "film.mp4")
        found.locator("#large video").wait_for()
        found.keyboard.press("Escape")
    assert found.evaluate("async () => (await fetch('/api/progress')).status") == 200


def test_videos_come_from_here_alone(found: Page, witness: Witness) -> None:
    found.evaluate(
        """() => new Promise(resolve => {
          const video = document.createElement("video");
          video.onerror = resolve;
          video.src = "http://127.0.0.1:9/film.mp4";
        })"""
    )
    assert any("media-src 'self'" in fault for fault in witness.faults)
