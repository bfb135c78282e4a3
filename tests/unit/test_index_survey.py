"""The survey: what it makes of many files at once is what it makes of each."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from small_index import LONG_AGO, YEARS_LATER_NS, settle

from rclip_like.index import survey
from rclip_like.settings import IndexSettings
from rclip_like.store import Batch, ContentRow, FailureRow, FileRow, Reading, Store, reading
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts
from rclip_like.walk import resolve_roots

NUMBER = 1300
"""More than two pages of a walk."""


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(NUMBER):
        path = folder / f"{number:04}.jpg"
        path.write_bytes(b"%d" % number)
        settle(path)
    return folder


@pytest.fixture
def store(tmp_path: Path, album: Path) -> Store:
    """Return an index in which every picture is settled, but for one failure."""
    import numpy as np

    store = Store.open(tmp_path / "index.db", create=True)
    model_id = Writer(store).add_model("tiny", "f" * 64, preprocessing_version="1", dimension=1)
    facts = [FileFacts.of(os.fsencode(path), path.stat()) for path in sorted(album.iterdir())]
    content = ContentRow(Reading(1, PictureFacts(1, 1)), {0: np.ones(1, dtype=np.float32)})
    files = [FileRow(each, YEARS_LATER_NS, each.path) for each in facts]
    Writer(store).commit(model_id, Batch({each.path: content for each in facts}, files))
    failure = FailureRow(facts[700], YEARS_LATER_NS, "broken", "readers of old")
    Writer(store).commit(model_id, Batch(failures=[failure]))
    return store


def surveyed(store: Store, *folders: Path) -> tuple[object, ...]:
    """Return what the survey counts, what it hands on to be read, and what is gone."""
    roots = resolve_roots([os.fsencode(folder) for folder in folders])
    found = survey.Survey(store, 1, roots, IndexSettings())
    found.start()
    pending = [os.path.basename(facts.path) for facts in found.pending.items()]
    gone = [os.path.basename(path) for path in found.gone.items()]
    counted = found.findings
    found.stop()
    devices = (counted.devices.same, counted.devices.moved())
    return counted.seen, counted.unchanged, pending, gone, counted.is_complete, devices


def singly(store: Store, *folders: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """Return the same, each file compared by itself."""
    with monkeypatch.context() as plain:
        plain.setattr(survey.IndexedRows, "match", lambda *_: False)
        return surveyed(store, *folders)


def test_pages_in_which_nothing_changed_are_passed_at_one_stroke(
    store: Store, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> bool:
        raise AssertionError("one by one")

    (album / "0700.jpg").unlink()
    with store.connection as connection:
        connection.execute("DELETE FROM failures")
    monkeypatch.setattr(survey.Survey, "_is_unchanged", refuse)
    assert surveyed(store, album)[:2] == (NUMBER - 1, NUMBER - 1)


def test_changes_amid_many_files_are_found_as_one_by_one(
    store: Store, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album / "0003.jpg").unlink()
    (album / "0600a.jpg").write_bytes(b"new")
    settle(album / "1000.jpg", LONG_AGO + 1)
    (album / "1299.jpg").write_bytes(b"longer")
    found = surveyed(store, album)
    assert found[:2] == (NUMBER, NUMBER - 4)
    assert found[2] == [b"0600a.jpg", b"0700.jpg", b"1000.jpg", b"1299.jpg"]
    assert found[3] == [b"0003.jpg"]
    assert found == singly(store, album, monkeypatch=monkeypatch)


def page_rows(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read so many rows at a time, so that a few are enough to be read ahead."""
    monkeypatch.setattr(reading, "_PAGE", length)
    monkeypatch.setattr(reading, "_FACTS", reading._FACTS.replace("LIMIT 4096", f"LIMIT {length}"))


def test_changes_are_found_alike_in_rows_that_another_process_reads(
    store: Store,
    album: Path,
    feeders: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in (3, 450, 999):
        (album / f"{number:04}.jpg").unlink()
    for number in (5, 451, 1298):
        settle(album / f"{number:04}.jpg", LONG_AGO + 1)
    (album / "0200a.jpg").write_bytes(b"new")
    found = surveyed(store, album)
    assert len(found[2]) == 5  # with the failure of old
    assert len(found[3]) == 3

    page_rows(100, monkeypatch)
    assert surveyed(store, album) == found
    assert singly(store, album, monkeypatch=monkeypatch) == found
    assert [process.poll() for process in feeders] == [0, 0]


def test_a_survey_that_is_stopped_leaves_no_process(
    store: Store,
    album: Path,
    feeders: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page_rows(10, monkeypatch)
    found = survey.Survey(store, 1, resolve_roots([os.fsencode(album)]), IndexSettings())
    start = subprocess.Popen

    def start_and_stop(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        found.is_stopped = True
        return start(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", start_and_stop)
    found.start()
    assert not list(found.gone.items())
    assert [process.poll() is not None for process in feeders] == [True]
    found.stop()


def test_a_mount_under_another_number_is_noticed_as_one_by_one(
    store: Store, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = album.stat().st_dev
    with store.connection as connection:
        connection.execute("UPDATE files SET device = ? WHERE path > ?", (4242, os.fsencode(album)))
    found = surveyed(store, album)
    assert found[-1] == (set(), {4242: device})
    assert found == singly(store, album, monkeypatch=monkeypatch)
    with store.connection as connection:
        connection.execute(
            "UPDATE files SET device = ? WHERE path LIKE ?", (device, os.fsencode(album / "000%"))
        )
    assert surveyed(store, album) == singly(store, album, monkeypatch=monkeypatch)


@pytest.mark.parametrize("fact", ["inode", "changed_ns"])
def test_what_size_and_time_alone_call_unchanged_is_read(
    store: Store, album: Path, fact: str
) -> None:
    with store.connection as connection:
        connection.execute(f"UPDATE files SET {fact} = {fact} + 1 WHERE file_id % 2")
    assert surveyed(store, album)[1] == NUMBER // 2
