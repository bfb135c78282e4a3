"""The README's pictures of the page and of the contact sheet.

`PYTHONPATH=tests python -m shots.page docs` makes them anew, with Chromium before a server of the
album and before a sheet of it.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from browsing import chromium
from demo.album import write_album
from PIL import Image
from served import Album

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESK = {"width": 1120, "height": 640}
PHONE = {"width": 360, "height": 640}
_STATE = "/?q=blue%20sky&subtract=0.5:grey"
_MOST_BYTES = 80_000
_QUALITY = 72
_UNTIL_SHARP_MS = 2_500


class _Look(NamedTuple):
    """How a browser shows the page, and the keys that are pressed."""

    browser: dict[str, Any]
    state: str
    keys: str


LOOKS = {
    "page-light": _Look({"viewport": DESK}, _STATE, "/ Enter x ArrowRight x"),
    "page-dark": _Look(
        {"viewport": DESK, "color_scheme": "dark"}, _STATE, "/ Enter ArrowRight Enter"
    ),
    "page-phone": _Look(
        {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 1.5},
        "/?q=flower",
        "",
    ),
}


def main(folder: str) -> int:
    """Write a WebP of each look and of the sheet into the folder."""
    with tempfile.TemporaryDirectory() as home:
        album = Album(Path(home) / "album", Path(home) / "home")
        write_album(album.folder)
        sheet = album.folder.parent / "sheet.html"
        album.run("stars at night", album.folder.name, "-t", "12", "--html", sheet)
        with album.serving("--no-index") as served, chromium() as browser:
            for name, look in LOOKS.items():
                with browser.new_context(**look.browser) as context:
                    page = context.new_page()
                    page.goto(served.address)
                    page.goto(urljoin(page.url, look.state))
                    page.locator("body:not(.busy) #grid img").first.wait_for()
                    for key in look.keys.split():
                        page.keyboard.press(key)
                    _save(page, Path(folder) / f"{name}.webp")
            page = browser.new_page(viewport=DESK)
            page.goto(sheet.as_uri())
            _save(page, Path(folder) / "sheet.webp")
    return 0


def _save(page: Page, path: Path) -> None:
    page.wait_for_timeout(_UNTIL_SHARP_MS)
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        shot.convert("RGB").save(path, "WEBP", quality=_QUALITY, method=6)
    assert path.stat().st_size <= _MOST_BYTES, f"{path.name} is too large"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
