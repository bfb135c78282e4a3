"""The album of real photos, and beside it pictures whose names break pages."""

from __future__ import annotations

import os
from pathlib import Path

from demo.album import write_album
from drawn_pairs import draw_picture
from small_index import settle

# A name holds any byte but a slash; `<script>` and `</script>` together are a folder and a file.
ODD_PATHS = (
    b"<script>alert(1)</script>.png",
    b"<img src=x onerror=alert(2)>.png",
    b"\"quotes'` &amp; &lt;b&gt;.png",
    b"new\nline.png",
    b"not text \xff.png",
    "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe.png".encode(),
    b"100%25?q=cat#open&hidden=1.png",
    b"javascript:alert(3).png",
    b"{{ 7 * 7 }}${7 * 7}.png",
    b"--html.png",
)


def write_odd_album(folder: Path) -> Path:
    """Write the photos, and under `odd` a picture for each of the odd names; return the folder."""
    write_album(folder)
    for number, name in enumerate(ODD_PATHS):
        path = Path(os.fsdecode(os.fsencode(folder) + b"/odd/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw_picture(number))
        settle(path)  # else a run takes it for a file that is being written
    return folder
