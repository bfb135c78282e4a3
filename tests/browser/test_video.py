"""The large view says at which moment of a video the frame comes that was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import av
import numpy as np
from browsing import needs_browser
from PIL import Image
from served import Album
from small_index import settle

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_browser


def film(path: Path, colours: list[str]) -> None:
    """Write a video of coloured discs, each two seconds long."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width = stream.height = 128
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for colour in colours:
            image = Image.new("RGB", (128, 128), colour)
            image.paste("white", (0, 0, 20, 128))
            frame = np.asarray(image)
            for _ in range(10):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    settle(path)


def test_the_large_view_says_at_which_moment(page: Page, tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    film(tmp_path / "album" / "film.mp4", ["green", "blue", "red"])
    album = Album(tmp_path / "album", tmp_path / "home")
    album.run("index", album.folder)
    with album.serving("--no-index") as served:
        page.goto(served.address)
        page.goto(urljoin(served.origin, "/?q=red"))
        page.locator("#grid a").first.click()
        facts = page.locator("#large dl")
        page.locator("#large img").wait_for()
        page.wait_for_load_state("networkidle")
        assert "0:04" in facts.inner_text() or "0:05" in facts.inner_text()
        assert "Found at" in facts.inner_text()
        assert page.locator("#large img").evaluate("each => each.naturalWidth") == 128
