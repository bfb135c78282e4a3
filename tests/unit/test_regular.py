"""Files that can be made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rclip_like.models.regular import keep, sealed, unsealed


def test_a_cache_file_is_written_with_the_folders_above_it(tmp_path: Path) -> None:
    keep(tmp_path / "a/b.json", b"[]")
    assert (tmp_path / "a/b.json").read_bytes() == b"[]"
    assert list((tmp_path / "a").iterdir()) == [tmp_path / "a/b.json"]


def test_a_cache_that_cannot_be_kept_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keep(tmp_path / "file/cache/b.json", b"[]")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("value", [{}, [], {"b": [1, "ä"], "a": None}])
def test_what_is_sealed_comes_back(value: object) -> None:
    assert unsealed(json.loads(sealed(value))) == value


def test_what_is_damaged_is_not_used() -> None:
    content = sealed({"mean": 0.5})
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        with pytest.raises(ValueError):
            unsealed(json.loads(damaged.decode()))


@pytest.mark.parametrize("value", [None, [], {}, {"value": 1}, {"blake3": "", "value": 1}])
def test_what_was_never_sealed_is_not_used(value: object) -> None:
    with pytest.raises(ValueError):
        unsealed(value)
