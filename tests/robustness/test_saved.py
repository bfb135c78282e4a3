"""Saved searches that are killed, run at once, or kept where nothing can be written."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import vanishing_disk
from private_mounts import needs_mounts, run_in_namespace
from processes import run, start, write_pictures

from rclip_like.store import Store

SEE_MANY = """
import sys
from pathlib import Path
from rclip_like.store import Store
with Store.open(Path(sys.argv[1]), create=False) as store:
    search = store.saved.find("x")
    for number in range(int(sys.argv[2]), 600, 2):
        store.saved.add_seen(search, [number.to_bytes(32, "little")])
"""
LONG = "{path}" + 70_000 * "x" + "\\n"
"""A line that no pipe holds, so that whoever prints it waits until it is read."""


@pytest.fixture
def database(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an index with a saved search, "boats", of three pictures; it is the default."""
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    album = write_pictures(tmp_path / "album")
    assert run("index", album).returncode == 0
    assert run("save", "boats", "boat", album, "-n").returncode == 0
    return tmp_path / "index.db"


def seen(database: Path) -> int | None:
    """Return how many pictures count as shown."""
    with Store.open(database, create=False) as store:
        (search,) = store.saved.every()
    return search.num_seen


def test_a_run_that_is_killed_while_it_prints_shows_them_again(database: Path) -> None:
    process = start("run", "boats", "--new", "--format", LONG, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    process.kill()
    process.communicate()
    assert seen(database) is None
    assert len(run("run", "boats", "--new", "-f").stdout.splitlines()) == 3


def test_a_run_that_is_killed_before_it_remembers_shows_them_again(database: Path) -> None:
    process = start("run", "boats", "--new", "--format", LONG, stdout=subprocess.PIPE)
    assert process.stdout is not None
    first = process.stdout.read(1)
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # what it is to remember waits for this
        lines = (first + b"".join(process.stdout.readline() for _ in range(3))).splitlines()
        assert len(lines) == 3
        assert process.poll() is None
        process.kill()
        process.wait()
        process.stdout.close()
    assert seen(database) is None
    assert len(run("run", "boats", "--new", "-f").stdout.splitlines()) == 3
    assert seen(database) == 3


def test_a_reader_who_leaves_has_not_seen_them(database: Path) -> None:
    process = start("run", "boats", "--new", "--format", LONG, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert seen(database) is None


def test_two_at_once_lose_nothing(database: Path) -> None:
    with Store.open(database, create=False) as store:
        store.saved.put("x", ["--", "cat"])
        command = [sys.executable, "-c", SEE_MANY, str(database)]
        processes = [subprocess.Popen([*command, str(first)]) for first in (0, 1)]
        assert [process.wait(timeout=60) for process in processes] == [0, 0]
        assert [each.num_seen for each in store.saved.every()] == [None, 600]


def test_two_save_under_one_name_and_one_of_them_is_refused(database: Path, tmp_path: Path) -> None:
    processes = [start("save", "same", word, tmp_path / "album") for word in ("cat", "dog")]
    assert sorted(process.wait(timeout=60) for process in processes) == [0, 2]


@needs_mounts
def test_on_a_read_only_disk_a_search_runs_and_what_is_new_is_refused(
    tmp_path: Path, tiny_model: Path
) -> None:
    scene = "saved_searches_that_cannot_be_written"
    run_in_namespace(Path(vanishing_disk.__file__), scene, tiny_model, tmp_path)
