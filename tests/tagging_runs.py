"""Tags into many sidecars, one after another, as a program that is killed or fills its disk.

`tagging_runs.py tag FOLDER` adds one more tag to the sidecar of each picture, again and again;
`tagging_runs.py fill DISK` tags pictures on a small disk until it is full, and checks what is left.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from odd_sidecars import SIDECARS

from rclip_like.filing.sidecars import Tagged, add_tags, read_tags
from rclip_like.values import Trouble

CONTENT = SIDECARS["digiKam"] + b"\n" * 30_000
"""A sidecar of several blocks."""


def make_pictures(folder: Path, number: int) -> list[Path]:
    """Make empty pictures with sidecars, and return them."""
    pictures = [folder / f"{each}.jpg" for each in range(number)]
    for picture in pictures:
        picture.write_bytes(b"")
        Path(f"{picture}.xmp").write_bytes(CONTENT)
    return pictures


def tag(folder: Path) -> None:
    """Add tags until the process is killed; say so once it has begun."""
    pictures = sorted(folder.glob("*.jpg"))
    for number in count():
        for picture in pictures:
            assert isinstance(add_tags(bytes(picture), [f"tag {number}"], "digikam"), Tagged)
        if not number:
            print("begun", flush=True)


def fill(disk: Path) -> None:
    """Add tags until the disk is full: what was not extended is as it was, with no draft beside."""
    pictures = make_pictures(disk, 20)
    status = os.statvfs(disk)
    (disk / "filler").write_bytes(b"\0" * (status.f_bavail * status.f_frsize - 10_000))
    troubles = [add_tags(bytes(picture), ["cat"], "digikam") for picture in pictures]
    assert all(isinstance(each, Trouble) and "space" in each.reason for each in troubles), troubles
    assert all(Path(f"{picture}.xmp").read_bytes() == CONTENT for picture in pictures)
    assert len(list(disk.iterdir())) == 2 * len(pictures) + 1
    (disk / "filler").unlink()
    for picture in pictures:
        assert isinstance(add_tags(bytes(picture), ["cat"], "digikam"), Tagged)
        assert "cat" in read_tags(bytes(picture) + b".xmp").keywords


if __name__ == "__main__":
    {"tag": tag, "fill": fill}[sys.argv[1]](Path(sys.argv[-1]))
