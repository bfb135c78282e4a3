"""Caches that can be made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from rclip_like.models.regular import read_cache, write_cache


def test_a_cache_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    write_cache(tmp_path / "a/b.json", [])
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a/b.json"]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    write_cache(tmp_path / "file/cache/b.json", [])
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("value", [{}, [], {"b": [1, "ä"], "a": None}])
def test_what_is_written_comes_back(tmp_path: Path, value: object) -> None:
    write_cache(tmp_path / "a.json", value)
    assert read_cache(tmp_path / "a.json") == value


def test_what_is_damaged_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_cache(path, {"mean": 0.5})
    content = path.read_bytes()
    for offset in range(len(content)):
        damaged = bytearray(content)
        damaged[offset] ^= 1
        path.write_bytes(damaged)
        assert read_cache(path) is None


@pytest.mark.parametrize(
    "content", ["", "null", "[]", '{"value": 1}', '{"blake3": "", "value": 1}']
)
def test_what_was_written_otherwise_is_not_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    assert read_cache(tmp_path / "a.json") is None
    assert read_cache(tmp_path / "missing.json") is None
