"""An indexed album with names of all kinds, served to attackers, and what its index holds."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from index_states import copied
from processes import PLAIN_NAMES, write_pictures
from raw_http import RawClient
from served import Album

NAMES = (
    *PLAIN_NAMES,
    b"<script>alert(1)</script>.png",  # a folder and a file
    b"<img src=x onerror=alert(3)>.png",
    b"\"onerror=alert(2) x='.png",
    b"not-utf8-\xff.png",
    b"new\nline.png",
)
BIG = "big.jpg"
BIG_BYTES = 24 << 20
"""More than the buffers of two sockets."""


BESIDE = ("elsewhere", "links", "swapped", "changed")


def attacked_album(folder: Path) -> Album:
    """Index an album of small pictures and a big file, and folders of pictures beside it."""
    album = Album(write_pictures(folder / "album", NAMES), folder / "home")
    write_pictures(album.folder, (os.fsencode(BIG),), seed=7)
    with (album.folder / BIG).open("ab") as file:
        file.write(b"\0" * BIG_BYTES)
    for seed, name in enumerate(BESIDE, 10):
        write_pictures(folder / name, seed=seed)
    album.run("index", folder)
    return album


def beside(album: Album, name: str) -> Album:
    """Return another folder of those that the same user has indexed."""
    return Album(album.folder.parent / name, album.home)


def tables(album: Album) -> dict[str, str]:
    """Return the digest of each table of the index by its name."""
    with copied(album.home / "data" / "index.db") as connection:
        # A virtual table cannot be read whole; those that hold its rows are among the others.
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        ).fetchall()
        found = {}
        for (name,) in names:
            rows = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))
            found[name] = hashlib.blake2b("\n".join(rows).encode()).hexdigest()
        return found


def items(client: RawClient) -> list[dict[str, Any]]:
    """Return all that the page shows without a query."""
    found = client.get("/api/search?count=1000")
    assert found.status == 200
    shown: list[dict[str, Any]] = found.json()["items"]
    return shown
