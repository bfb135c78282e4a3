"""The large view marks the crop of a long picture that was found, where the whole has another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest
from browsing import needs_browser
from PIL import Image
from served import Album

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_browser


@pytest.mark.parametrize("tiles", [True, False])
def test_the_large_view_marks_the_crop_that_was_found(
    page: Page, tmp_path: Path, tiles: bool
) -> None:
    wide = Image.new("RGB", (900, 300), "white")
    wide.paste("red", (600, 0, 900, 300))
    (tmp_path / "album").mkdir()
    wide.save(tmp_path / "album" / "wide.png")
    album = Album(tmp_path / "album", tmp_path / "home")
    album.run("index", album.folder, *(["--tiles"] if tiles else []))
    with album.serving("--no-index") as served:
        page.goto(served.address)
        page.goto(urljoin(served.origin, "/?q=red"))
        page.locator("#grid a").first.click()
        picture, mark = page.locator("#large img"), page.locator("#large .shown i")
        picture.wait_for()
        page.wait_for_load_state("networkidle")
        assert mark.is_visible() is tiles
        if tiles:
            whole, found = picture.bounding_box(), mark.bounding_box()
            assert whole is not None
            assert found is not None
            assert found["width"] == pytest.approx(whole["height"], abs=2)
            assert found["x"] + found["width"] == pytest.approx(whole["x"] + whole["width"], abs=2)
            assert found["y"] == pytest.approx(whole["y"], abs=2)
