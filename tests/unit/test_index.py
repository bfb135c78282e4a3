"""One run after another over a folder that changes: what is read, encoded, reused, removed."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from PIL import Image
from raw_files import dng
from read_in_process import read_picture
from small_index import (
    LONG_AGO,
    SmallIndex,
    facts_of,
    hide_changes,
    make_picture,
    make_pictures,
    settle,
)

from rclip_like.errors import IndexLocked
from rclip_like.index import Progress, bring_up_to_date
from rclip_like.index.batch import PendingBatch, PendingRead
from rclip_like.settings import IndexSettings, ReadSettings, WalkSettings
from rclip_like.values import FileFacts, Picture, PictureFacts
from rclip_like.walk import resolve_roots


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path):
    index = SmallIndex(tmp_path / "database" / "index.db", tiny_model)
    yield index
    index.store.close()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    make_pictures(tmp_path / "album", 5)
    return tmp_path / "album"


def test_rows_are_the_encoders_own_embeddings(index: SmallIndex, album: Path) -> None:
    report = index.update(album)
    assert (report.seen, report.encoded, report.finished) == (5, 5, True)
    for path, row in index.rows().items():
        picture = read_picture(path, index.specification.preprocessing, ReadSettings())
        (expected,) = index.model.pictures(picture.parts[0][np.newaxis])
        assert row @ expected > 0.99999 * np.linalg.norm(row)


def test_unchanged_files_are_neither_read_nor_encoded(index: SmallIndex, album: Path) -> None:
    index.update(album)
    for path in album.iterdir():
        path.write_bytes(bytes(path.stat().st_size))  # reading would show
        settle(path)
    hide_changes(index.store)
    report = index.update_without_encoder(album)
    assert (report.unchanged, report.encoded, report.reused, report.failed) == (5, 0, 0, 0)


def test_a_changed_file_is_encoded_anew(index: SmallIndex, album: Path) -> None:
    index.update(album)
    before = index.rows()[os.fsencode(album / "0002.jpg")]
    make_picture(album / "0002.jpg", 77)
    settle(album / "0002.jpg", LONG_AGO + 1)
    report = index.update(album)
    assert (report.encoded, report.unchanged) == (1, 4)
    assert not np.array_equal(index.rows()[os.fsencode(album / "0002.jpg")], before)


def test_deleted_files_are_gone(index: SmallIndex, album: Path) -> None:
    index.update(album)
    (album / "0001.jpg").unlink()
    report = index.update_without_encoder(album)
    assert report.removed == 1
    assert index.names() == ["0000.jpg", "0002.jpg", "0003.jpg", "0004.jpg"]


def test_a_deleted_folder_takes_its_rows_along(index: SmallIndex, album: Path) -> None:
    make_picture((album / "sub").mkdir() or album / "sub" / "1.jpg", 50)
    index.update(album)
    shutil.rmtree(album / "sub")
    assert index.update_without_encoder(album).removed == 1


def test_a_renamed_folder_keeps_its_embeddings(index: SmallIndex, album: Path) -> None:
    index.update(album)
    before = list(index.rows().values())
    renamed = album.rename(album.with_name("renamed"))
    report = index.update_without_encoder(renamed.parent)
    assert (report.reused, report.removed) == (5, 5)
    np.testing.assert_array_equal(list(index.rows().values()), before)


def test_a_root_under_another_name_keeps_its_embeddings(index: SmallIndex, album: Path) -> None:
    index.update(album)
    renamed = album.rename(album.with_name("renamed"))
    assert index.update_without_encoder(renamed).reused == 5


def test_a_copy_is_not_encoded_again(index: SmallIndex, album: Path) -> None:
    index.update(album)
    shutil.copy2(album / "0001.jpg", album / "copy.jpg")
    assert index.update_without_encoder(album).reused == 1
    rows = index.rows()
    np.testing.assert_array_equal(
        rows[os.fsencode(album / "copy.jpg")], rows[os.fsencode(album / "0001.jpg")]
    )


def test_copies_within_one_run_are_encoded_once(index: SmallIndex, album: Path) -> None:
    for number in range(20):
        shutil.copy2(album / "0001.jpg", album / f"copy {number}.jpg")
    report = index.update(album)
    assert (report.encoded, report.reused) == (5, 20)
    assert len(index.names()) == 25


def test_a_blue_and_a_red_picture_of_equal_size_differ(index: SmallIndex, tmp_path: Path) -> None:
    (tmp_path / "bitmaps").mkdir()
    for name in ("blue", "red"):
        Image.new("RGB", (1200, 900), name).save(tmp_path / "bitmaps" / f"{name}.bmp")
    blue, red = (tmp_path / "bitmaps" / f"{name}.bmp" for name in ("blue", "red"))
    assert blue.read_bytes()[-1024:] != red.read_bytes()[-1024:]
    assert blue.stat().st_size == red.stat().st_size
    assert index.update(tmp_path / "bitmaps").encoded == 2
    first, second = index.rows().values()
    assert first @ second < 0.9999


def test_pictures_that_differ_in_one_byte_in_the_middle_are_two(
    index: SmallIndex, tmp_path: Path
) -> None:
    (tmp_path / "bitmaps").mkdir()
    Image.new("RGB", (1200, 900), "blue").save(tmp_path / "bitmaps" / "1.bmp")
    data = bytearray((tmp_path / "bitmaps" / "1.bmp").read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "bitmaps" / "2.bmp").write_bytes(data)
    assert index.update(tmp_path / "bitmaps").encoded == 2


def test_a_file_changed_within_the_clocks_grain_is_read_again(
    index: SmallIndex, album: Path
) -> None:
    now = time.time_ns()
    path = make_picture(album / "new.bmp", 1)
    os.utime(path, ns=(now, now))
    index.update(album)
    before = index.rows()[os.fsencode(path)]
    make_picture(path, 2)
    os.utime(path, ns=(now, now))
    assert index.update(album).encoded == 1
    assert not np.array_equal(index.rows()[os.fsencode(path)], before)


def test_a_file_dated_in_the_future_is_read_once(index: SmallIndex, album: Path) -> None:
    settle(album / "0001.jpg", int(time.time()) + 5 * 365 * 86_400)
    index.update(album)
    assert index.update_without_encoder(album).unchanged == 5


def test_a_file_from_a_clock_that_runs_ahead_is_read_again(index: SmallIndex, album: Path) -> None:
    settle(album / "0001.jpg", int(time.time()) + 3600)
    index.update(album)
    assert index.update_without_encoder(album).unchanged == 4


@pytest.mark.parametrize("seconds", [10**12, -(10**12)])
def test_a_time_of_change_beyond_64_bits_costs_no_run(
    index: SmallIndex, tmp_path: Path, seconds: int
) -> None:
    if not os.path.isdir("/dev/shm"):
        pytest.skip("needs a file system that takes any time, such as Linux's tmpfs")
    with TemporaryDirectory(dir="/dev/shm") as folder:
        make_picture(Path(folder) / "1.jpg", 1)
        path = settle(make_picture(Path(folder) / "2.jpg", 2), seconds)
        if path.stat().st_mtime_ns != seconds * 10**9:
            pytest.skip("needs a file system that takes any time, such as Linux's tmpfs")
        assert index.update(Path(folder)).encoded == 2
        assert index.update_without_encoder(Path(folder)).unchanged == 2


def test_another_model_adds_rows_and_deletes_none(
    index: SmallIndex, album: Path, tmp_path: Path
) -> None:
    from tiny_model import make_tiny_model

    index.update(album)
    other = SmallIndex(index.store.path, make_tiny_model(tmp_path / "other", seed=1))
    assert other.update(album).encoded == 5
    assert len(other.rows()) == len(index.rows()) == 5
    assert not np.allclose(list(other.rows().values()), list(index.rows().values()))
    other.store.close()


def test_a_broken_file_is_reported_once_and_not_tried_again(index: SmallIndex, album: Path) -> None:
    settle(album / "0000.jpg")
    (album / "bad.jpg").write_bytes(b"no picture")
    settle(album / "bad.jpg")
    first, second = index.update(album), index.update_without_encoder(album)
    assert [failure.path for failure in first.failures] == [os.fsencode(album / "bad.jpg")]
    assert (first.failed, first.failed_before) == (1, 0)
    assert (second.failed, second.failed_before, second.failures) == (0, 1, ())
    assert (second.seen, second.unchanged) == (6, 5)


def test_retry_tries_broken_files_again(index: SmallIndex, album: Path) -> None:
    settle((album / "bad.jpg", (album / "bad.jpg").write_bytes(b"no picture"))[0])
    index.update(album)
    report = index.update_without_encoder(album, retry=True)
    assert (report.failed, report.failed_before) == (1, 0)


def test_a_broken_file_that_changed_is_tried_again(index: SmallIndex, album: Path) -> None:
    settle((album / "bad.jpg", (album / "bad.jpg").write_bytes(b"no picture"))[0])
    index.update(album)
    make_picture(album / "bad.jpg", 60)
    assert index.update(album).encoded == 1
    assert index.store.status().failures == {}


def test_other_readers_try_broken_files_again(index: SmallIndex, album: Path) -> None:
    settle((album / "bad.jpg", (album / "bad.jpg").write_bytes(b"no picture"))[0])
    index.update(album)
    with index.store.connection as connection:
        connection.execute("UPDATE failures SET reader_versions = 'pillow 0.1'")
    assert index.update_without_encoder(album).failed_before == 1
    (versions,) = index.store.connection.execute("SELECT reader_versions FROM failures").fetchone()
    assert versions != "pillow 0.1"


def test_a_raised_limit_of_pixels_tries_refused_pictures_again(
    index: SmallIndex, album: Path
) -> None:
    settle((album / "bad.jpg", (album / "bad.jpg").write_bytes(b"no picture"))[0])
    tight = ReadSettings(workers=2, max_megapixels=0.001)
    assert index.update(album, read=tight).failed == 6
    assert index.update_without_encoder(album, read=tight).failed_before == 6
    report = index.update(album, read=ReadSettings(workers=2, max_megapixels=1))
    assert (report.encoded, report.failed_before, report.failed) == (5, 1, 0)
    # What was read stays, whatever later runs would refuse.
    again = index.update_without_encoder(album, read=tight)
    assert (again.unchanged, again.failed_before) == (5, 1)


def test_truncated_pictures_are_tried_again_when_they_are_accepted(
    index: SmallIndex, album: Path
) -> None:
    whole = make_picture(album / "cut.jpg", 60, size=(400, 400)).read_bytes()
    settle((album / "cut.jpg", (album / "cut.jpg").write_bytes(whole[: len(whole) // 2]))[0])
    settle((album / "bad.jpg", (album / "bad.jpg").write_bytes(b"no picture"))[0])
    index.update(album)
    accepting = ReadSettings(workers=2, accept_truncated=True)
    first = index.update(album, read=accepting)
    assert (first.encoded, first.failed_before) == (1, 1)
    assert list(index.store.status().failures) == ["not a picture in a known format"]
    for read in (ReadSettings(workers=2), accepting):
        report = index.update_without_encoder(album, read=read)
        assert (report.unchanged, report.failed_before) == (6, 1)
        assert report.reused == 0


def test_a_file_that_turns_bad_leaves_the_results(index: SmallIndex, album: Path) -> None:
    index.update(album)
    (album / "0001.jpg").write_bytes(b"no picture")
    assert index.update(album).failed == 1
    assert "0001.jpg" not in index.names()


def test_the_encoder_is_not_loaded_for_nothing(index: SmallIndex, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    report = index.update_without_encoder(tmp_path / "empty")
    assert (report.seen, report.finished) == (0, True)


def test_out_of_time_stops_in_order_and_goes_on_next_time(
    index: SmallIndex, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "many", 60)
    report = index.update(tmp_path / "many", max_seconds=0)
    assert not report.finished
    assert report.encoded < 60
    rest = index.update(tmp_path / "many")
    assert (rest.finished, rest.remaining) == (True, 0)
    assert report.encoded + rest.encoded == 60


def test_progress_ends_with_all_done(index: SmallIndex, album: Path) -> None:
    told: list[Progress] = []
    roots = resolve_roots([os.fsencode(album)])
    bring_up_to_date(
        index.store,
        roots,
        index.model,
        IndexSettings(),
        on_progress=told.append,
    )
    assert told[-1] == Progress(done=5, total=5, failed=0, seen=5)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_a_second_indexer_leaves_at_once_when_told_not_to_wait(
    index: SmallIndex, album: Path
) -> None:
    with index.store.writing(wait=False), pytest.raises(IndexLocked, match=str(os.getpid())):
        index.update_without_encoder(album, wait=False)


def test_a_file_that_vanishes_before_it_is_read_is_simply_gone(
    index: SmallIndex, tmp_path: Path
) -> None:
    paths = make_pictures(tmp_path / "album", 60)
    doomed = paths[40:]

    def delete(progress: Progress) -> None:
        while doomed:
            doomed.pop().unlink()

    report = bring_up_to_date(
        index.store,
        resolve_roots([os.fsencode(tmp_path / "album")]),
        index.model,
        IndexSettings(read=ReadSettings(workers=2)),
        on_progress=delete,
    )
    assert not doomed
    assert (report.failed, report.troubles, report.finished) == (0, (), True)
    assert len(index.names()) == 40
    assert index.store.status().failures == {}


def test_a_content_has_the_size_of_what_was_read_though_the_walk_saw_another_file(
    index: SmallIndex, tmp_path: Path
) -> None:
    path = make_picture(tmp_path / "1.jpg", 1)
    read = PendingRead(FileFacts.of(os.fsencode(path), path.stat()), 0)
    make_picture(path, 2, size=(90, 90))
    picture = read_picture(os.fsencode(path), index.specification.preprocessing, ReadSettings())
    batch = PendingBatch()
    batch.take(read, picture, encode=True)
    batch.embeddings = np.ones((1, 32), np.float32)
    (content,) = batch.as_batch().contents.values()
    assert content.reading.size_bytes == path.stat().st_size != read.facts.size_bytes


def test_a_batch_gives_each_embedding_the_number_of_its_part() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    batch = PendingBatch()
    for name, products in (
        (b"plain", {"square": (pixels,)}),
        (b"tiled", {"square": (pixels,), "tiles": (pixels, pixels)}),
    ):
        picture = Picture(b"/" + name, name, PictureFacts(4, 3), products)
        batch.take(PendingRead(facts_of(picture.path), 0), picture, encode=True)
    batch.embeddings = np.eye(batch.num_waiting, dtype=np.float32)
    contents = batch.as_batch().contents
    assert [list(content.embeddings) for content in contents.values()] == [[0], [0, 1000, 1001]]
    np.testing.assert_array_equal(contents[b"tiled"].embeddings[1001], np.eye(4)[3])


def test_what_the_encoder_finishes_too_late_is_written_neither_as_content_nor_as_file() -> None:
    batch = PendingBatch()
    products = {"square": (np.zeros((2, 2, 3), np.uint8),)}
    picture = Picture(b"/late", b"late", PictureFacts(4, 3), products)
    batch.take(PendingRead(facts_of(picture.path), 0), picture, encode=True)
    batch.embeddings = np.eye(1, dtype=np.float32)
    rest = batch.as_batch({b"late"})
    assert (dict(rest.contents), rest.files) == ({}, [])


def test_excluded_files_keep_their_rows(index: SmallIndex, album: Path) -> None:
    index.update(album)
    report = index.update_without_encoder(album, walk=WalkSettings(exclude=("*2.jpg",)))
    assert (report.seen, report.removed) == (4, 0)
    assert len(index.names()) == 5


def test_a_raw_file_is_indexed_when_the_picture_beside_it_goes_away(
    index: SmallIndex, album: Path
) -> None:
    (album / "0003.DNG").write_bytes(dng(Image.effect_noise((64, 64), 60)))
    settle(album / "0003.DNG")
    assert (index.update(album).seen, len(index.names())) == (5, 5)
    (album / "0003.jpg").unlink()
    report = index.update(album)
    assert (report.encoded, report.removed) == (1, 1)
    make_picture(album / "0003.jpg", 3)
    again = index.update(album)
    # Its row waits for the day on which it is alone again.
    assert (again.seen, again.removed) == (5, 0)
    assert "0003.DNG" in index.names()


def test_roots_that_overlap_are_walked_once(index: SmallIndex, album: Path) -> None:
    hidden = album / ".hidden"
    make_pictures(hidden, 2)
    report = index.update(album, hidden)
    assert (report.seen, report.removed) == (7, 0)
    again = index.update_without_encoder(album, hidden)
    assert (again.seen, again.unchanged, again.removed) == (7, 7, 0)


def test_a_file_as_root_is_indexed_alone(index: SmallIndex, album: Path) -> None:
    assert index.update(album / "0003.jpg").seen == 1
    assert index.names() == ["0003.jpg"]
    assert index.update_without_encoder(album / "0003.jpg").unchanged == 1


def test_neighbours_with_a_longer_name_are_left_alone(index: SmallIndex, album: Path) -> None:
    make_picture((album.parent / "album2").mkdir() or album.parent / "album2" / "1.jpg", 60)
    index.update(album, album.parent / "album2")
    shutil.rmtree(album.parent / "album2")
    assert index.update_without_encoder(album).removed == 0


def test_any_bytes_will_do_for_a_name(index: SmallIndex, tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    names = [b"\xff\xfe.jpg", b"new\nline.jpg", b"100%_[a].jpg", b"-f.jpg", b"\"quote'.jpg"]
    for seed, name in enumerate(names):
        make_picture(Path(os.fsdecode(os.fsencode(tmp_path / "odd") + b"/" + name)), seed)
    assert index.update(tmp_path / "odd").encoded == len(names)
    assert sorted(map(os.path.basename, index.rows())) == sorted(names)
    assert index.update_without_encoder(tmp_path / "odd").unchanged == len(names)


def test_a_run_in_a_thread_leaves_signals_alone(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 2)
    reports = []

    def run() -> None:
        index = SmallIndex(tmp_path / "index.db", tiny_model)
        reports.append(index.update(tmp_path / "album"))
        index.store.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert reports[0].encoded == 2


def change_at_random(album: Path, random: np.random.Generator, step: int) -> None:
    """Add, overwrite, delete, rename or copy a few files, all of them settled."""
    for number in range(6):
        paths = sorted(album.rglob("*.jpg"))
        path = paths[random.integers(len(paths))]
        target = album / "abc"[random.integers(3)] / f"{step}-{number}.jpg"
        match random.integers(5):
            case 0:
                make_picture(target, 1000 * step + number)
            case 1:
                make_picture(path, 1000 * step + number)
                settle(path, LONG_AGO + step)
            case 2:
                path.unlink()
            case 3:
                path.rename(target)
            case _:
                shutil.copy2(path, target)


def test_after_any_changes_the_index_is_that_of_a_first_run(
    index: SmallIndex, tmp_path: Path, tiny_model: Path
) -> None:
    random, album = np.random.default_rng(3), tmp_path / "changing"
    for name in "abc":
        make_pictures(album / name, 4)
    for step in range(1, 6):
        index.update(album)
        change_at_random(album, random, step)
    index.update(album)
    fresh = SmallIndex(tmp_path / "fresh.db", tiny_model)
    fresh.update(album)
    expected = fresh.rows()
    fresh.store.close()
    assert list(index.rows()) == list(expected)
    assert list(expected) == sorted(os.fsencode(path) for path in album.rglob("*.jpg"))
    for path, row in index.rows().items():
        np.testing.assert_allclose(row, expected[path], atol=1e-3)
