"""Files that can be made again."""

from __future__ import annotations

from pathlib import Path

from rclip_like.models.cache import keep


def test_a_cache_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    keep(tmp_path / "a/b.json", b"[]")
    assert (tmp_path / "a/b.json").read_bytes() == b"[]"
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a/b.json"]


def test_a_cache_that_cannot_be_kept_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep(tmp_path / "file/cache/b.json", b"[]")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
