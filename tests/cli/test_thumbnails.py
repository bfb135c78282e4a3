"""`clipfind index --thumbnails`: what is made in advance, when, and how it is said and deleted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from processes import PLAIN_NAMES, run, write_pictures

from rclip_like.images.thumbnails import SMALL, ThumbnailCache


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLIPFIND_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "thumbnails"


def kept(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.thumbnail"))


def test_an_indexed_folder_gets_the_missing_ones_and_each_run_goes_on(
    tiny: Path, tmp_path: Path, cache: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    assert run("index", folder).returncode == 0
    assert not cache.exists()
    finished = run("index", folder, "--thumbnails")
    assert finished.returncode == 0
    assert b"3 thumbnails, " in finished.stderr
    assert b"; 3 of them made now\n" in finished.stderr
    first, *others = kept(cache)
    assert len(others) == 2
    first.unlink()
    assert b"; 1 of them made now\n" in run("index", folder, "--thumbnails").stderr
    assert b"made now" not in run("index", folder, "--thumbnails").stderr
    with Image.open(first) as image:
        assert (image.format, image.size) == ("WEBP", (60, 40))


def test_a_picture_read_for_the_model_gets_its_thumbnail_from_the_same_decode(
    tmp_path: Path, cache: Path
) -> None:
    folder, random = tmp_path / "album", np.random.default_rng(0)
    folder.mkdir()
    for number in range(3):
        noise = random.integers(0, 255, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((1600, 1200)).save(folder / f"{number}.jpg")
    database = tmp_path / "index.db"
    finished = run("index", folder, "--model", "builtin", "--db", database, "--thumbnails")
    assert b"made now" not in finished.stderr
    for path in kept(cache):
        with Image.open(path) as image:
            assert image.size == (256, 192)


def test_a_cache_too_small_for_the_album_is_said(tiny: Path, tmp_path: Path, cache: Path) -> None:
    names = tuple(f"{number:04}.png".encode() for number in range(2000))
    folder = write_pictures(tmp_path / "album", names)
    finished = run("index", folder, "--thumbnails", "--thumbnail-cache", "1")
    assert finished.returncode == 0
    said = b"left without thumbnail: the cache is full at 1 MB; --thumbnail-cache "
    assert said in finished.stderr
    assert sum(each.stat().st_size for each in kept(cache)) < 1_000_000
    enough = run("index", folder, "--thumbnails", "--thumbnail-cache", "10")
    assert b"2,000 thumbnails, " in enough.stderr
    assert b"left without" not in enough.stderr


def test_a_cache_that_cannot_be_written_is_an_error(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_pictures(tmp_path / "album")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CLIPFIND_CACHE_DIR", str(tmp_path / "file" / "cache"))
    finished = run("index", folder, "--thumbnails")
    assert finished.returncode == 2
    assert b"thumbnails cannot be written into " in finished.stderr


def test_status_and_doctor_count_them_and_prune_deletes_them(
    tiny: Path, tmp_path: Path, cache: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    run("index", folder, "--thumbnails")
    size_bytes = sum(each.stat().st_size for each in kept(cache))
    described = json.loads(run("status", "--json").stdout)
    assert (described["thumbnails"], described["thumbnail_bytes"]) == (3, size_bytes)
    assert b"3 thumbnails, " in run("status").stdout
    assert json.loads(run("status", folder, "--json").stdout)["thumbnails"] is None
    assert b"3 thumbnails, " in run("doctor").stdout
    assert b"would be dropped: 3 thumbnails" in run("prune", "--thumbnails", "--dry-run").stderr
    assert len(kept(cache)) == len(PLAIN_NAMES)
    assert json.loads(run("prune", "--thumbnails", "--json").stdout)["thumbnails"] == 3
    assert not cache.exists()
    assert b"dropped: nothing" in run("prune", "--thumbnails").stderr
    assert (folder / "one.png").exists()


def test_thumbnails_of_earlier_readers_make_room(tmp_path: Path) -> None:
    old = tmp_path / "cache" / "0123456789abcdef" / "00" / "old.thumbnail"
    old.parent.mkdir(parents=True)
    old.touch()
    cache = ThumbnailCache(256_000_000, tmp_path / "cache")
    cache.add(bytes(32), SMALL, b"new")
    assert not old.exists()
    assert cache.find(bytes(32), SMALL) == b"new"
