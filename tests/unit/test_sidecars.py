"""Sidecars: tags go in, every other byte stays, and other programs read them."""

from __future__ import annotations

from pathlib import Path

from rclip_like.filing.sidecars import Tagged, add_tags, read_tags


def test_fresh_sidecar_holds_tags(tmp_path: Path) -> None:
    picture = tmp_path / "x.jpg"
    picture.write_bytes(b"")
    done = add_tags(bytes(picture), ["cat", "red & blue"], "digikam")
    assert done == Tagged(bytes(picture) + b".xmp", ("cat", "red & blue"), "written")
    assert read_tags(bytes(picture) + b".xmp").keywords == ("cat", "red & blue")
    assert add_tags(bytes(picture), ["cat"], "digikam") == Tagged(done.sidecar, (), "unchanged")
