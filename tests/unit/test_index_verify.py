"""Verifying: known files are read again, and only what changed is encoded anew."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from small_index import SmallIndex, hide_changes, make_picture, make_pictures, settle

from rclip_like.store.writing import Writer


@pytest.fixture
def album(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "album", 4)
    return tmp_path / "album"


@pytest.fixture
def index(album: Path, tiny_model: Path):
    index = SmallIndex(album.parent / "index.db", tiny_model)
    index.update(album)
    yield index
    index.store.close()


def test_unchanged_files_are_verified_and_not_encoded(index: SmallIndex, album: Path) -> None:
    report = index.update_without_encoder(album, verify=True)
    assert (report.verified, report.unchanged, report.reused) == (4, 0, 0)
    assert report.finished
    assert index.update_without_encoder(album).unchanged == 4


def test_a_change_that_size_and_time_do_not_tell_is_found_and_encoded(
    index: SmallIndex, album: Path
) -> None:
    secret = make_picture(album / "secret.bmp", 70)
    index.update(album)
    before = index.rows()[os.fsencode(secret)]
    secret.write_bytes(make_picture(album.parent / "other.bmp", 71).read_bytes())
    settle(secret)
    hide_changes(index.store)
    assert index.update_without_encoder(album).unchanged == 5
    report = index.update(album, verify=True)
    assert (report.verified, report.encoded) == (4, 1)
    assert [trouble.path for trouble in report.altered] == [os.fsencode(secret)]
    assert (index.rows()[os.fsencode(secret)] != before).any()


def test_a_file_whose_bytes_rotted_is_reported_unreadable(index: SmallIndex, album: Path) -> None:
    rotten = album / "0001.jpg"
    rotten.write_bytes(bytes(rotten.stat().st_size))
    settle(rotten)
    hide_changes(index.store)
    report = index.update(album, verify=True)
    assert [trouble.path for trouble in report.failures] == [os.fsencode(rotten)]
    assert report.verified == 3


def test_a_verification_cut_short_goes_on_where_it_was(index: SmallIndex, album: Path) -> None:
    assert not index.update_without_encoder(album, verify=True, max_seconds=0).finished
    # What an interrupted run leaves behind: a beginning, and some files read since.
    index.store.connection.execute(
        "UPDATE files SET read_at_ns = ? WHERE path < ?",
        (time.time_ns(), os.fsencode(album / "0003.jpg")),
    )
    report = index.update_without_encoder(album, verify=True)
    assert (report.verified, report.unchanged) == (1, 3)
    assert index.update_without_encoder(album, verify=True).verified == 4


def test_a_verification_that_began_long_ago_begins_anew(index: SmallIndex, album: Path) -> None:
    now = time.time_ns()
    assert Writer(index.store).verify_since(now) == now
    assert Writer(index.store).verify_since(now + 10**9) == now
    later = now + 40 * 86_400 * 10**9
    assert Writer(index.store).verify_since(later) == later


def test_many_files_of_one_size_are_verified_without_an_encoder(
    tmp_path: Path, tiny_model: Path
) -> None:
    folder = tmp_path / "bitmaps"
    folder.mkdir()
    for number in range(70):  # more than digests are sent along with each file
        make_picture(folder / f"{number}.bmp", number, size=(8, 8))
    index = SmallIndex(tmp_path / "many.db", tiny_model, batch_size=70)
    index.update(folder)
    assert index.update_without_encoder(folder, verify=True).verified == 70
    index.store.close()
