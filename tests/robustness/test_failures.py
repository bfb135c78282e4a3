"""Failures by their reason: tried again where it may pass, and kept from other models."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import run
from small_index import SmallIndex, make_picture, make_pictures
from tiny_model import make_tiny_model

from rclip_like.settings import ReadSettings

IMPATIENT = ReadSettings(workers=1, max_seconds=0.0005)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "album", 3)
    return tmp_path / "album"


@pytest.fixture
def index(album: Path, tiny_model: Path) -> Iterator[SmallIndex]:
    index = SmallIndex(album.parent / "index.db", tiny_model, plain=True)
    yield index
    index.store.close()


def test_a_picture_that_took_too_long_is_tried_in_two_more_runs(
    index: SmallIndex, album: Path
) -> None:
    index.update(album)
    large = make_picture(album / "large.png", 7, size=(2000, 2000))
    told = []
    for _ in range(4):
        report = index.update(album, read=IMPATIENT)
        told.append((report.failed, report.failed_before, attempts_of(index, large)))
    assert told == [(1, 0, 1), (0, 1, 2), (0, 1, 3), (0, 1, 3)]
    assert index.update(album).encoded == 0
    assert index.update(album, retry=True).encoded == 1


def test_a_picture_that_is_broken_is_not_tried_again(index: SmallIndex, album: Path) -> None:
    broken = album / "broken.png"
    broken.write_bytes((make_picture(album / "whole.png", 8)).read_bytes()[:200])
    os.utime(broken, (1_500_000_000, 1_500_000_000))
    index.update(album)
    index.update(album)
    assert attempts_of(index, broken) == 1


def attempts_of(index: SmallIndex, path: Path) -> int:
    question = "SELECT attempts FROM failures WHERE path = ?"
    return int(index.store.connection.execute(question, (os.fsencode(path),)).fetchone()[0])


def test_a_limit_of_another_models_run_takes_no_picture_away(
    index: SmallIndex, album: Path, tmp_path: Path
) -> None:
    index.update(album)
    before = index.rows().keys()
    other = SmallIndex(tmp_path / "index.db", make_tiny_model(tmp_path / "other", 1), plain=True)
    narrow = ReadSettings(workers=1, max_megapixels=0.0001)
    report = other.update(album, read=narrow)
    assert (report.failed, report.encoded) == (3, 0)
    assert index.rows().keys() == before
    assert index.store.status().failures == {}
    assert index.update_without_encoder(album).unchanged == 3
    assert other.update(album).encoded == 3
    other.store.close()


@pytest.mark.parametrize("key", ["interpolation", "resize_mode"])
def test_a_model_that_cannot_take_pictures_costs_the_others_nothing(
    album: Path, tmp_path: Path, tiny_model: Path, key: str
) -> None:
    other = make_tiny_model(tmp_path / "other", seed=1)
    configuration = other / "open_clip_config.json"
    whole = configuration.read_text()
    described = json.loads(whole)
    described["preprocess_cfg"][key] = "nonsense"
    configuration.write_text(json.dumps(described))
    database = ("--db", tmp_path / "index.db")
    assert run("index", *database, "--model", tiny_model, album).returncode == 0
    before = [run("status", *database, *more).stdout for more in ((), ("-v",))]
    broken = run("index", *database, "--model", other, album)
    assert broken.returncode == 2
    assert b"open_clip_config.json" in broken.stderr
    assert [run("status", *database, *more).stdout for more in ((), ("-v",))] == before
    configuration.write_text(whole)
    mended = run("index", *database, "--model", other, album)
    assert mended.returncode == 0
    assert b"3 encoded" in mended.stderr
