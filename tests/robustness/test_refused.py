"""What is no index of this version: refused by every command, in a sentence, untouched."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from processes import run, write_pictures
from small_index import fill

from rclip_like.store import Store
from rclip_like.store.schema import VERSION

COMMANDS = (
    ("index", "album"),
    ("search", "cat", "album"),
    ("search", "cat", "album", "--no-index"),
    ("search", "cat", "--all"),
    ("status",),
    ("models", "use", "builtin"),
    ("prune",),
    ("prune", "--models", "--texts"),
    ("forget", "album"),
    ("forget", "--dry-run", "album"),
    ("relocate", "album", "elsewhere"),
)


def newer(path: Path) -> None:
    with Store.open(path, create=True) as store:
        fill(store, [b"/1"])
    path.with_name("index.db.lock").unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE moz_places (url TEXT)")


def foreign_beside_its_log(path: Path) -> None:
    """What another program has in hand: its rows are in the log alone."""
    foreign(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO moz_places VALUES ('https://example.org')")
        connection.commit()
        log = path.with_name("index.db-wal")
        kept = {each: each.read_bytes() for each in (path, log)}
    # Closing took the rows over and removed the log: back to what lay there before it.
    for each, content_before in kept.items():
        each.write_bytes(content_before)
    assert b"example.org" in kept[log]
    assert b"example.org" not in kept[path]


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("make", [newer, foreign, foreign_beside_its_log, garbage])
def test_no_command_touches_what_is_no_index_of_this_version(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    write_pictures(tmp_path / "album")
    place = tmp_path / "place" / "index.db"
    place.parent.mkdir()
    make(place)
    before = content(place.parent)
    for command in COMMANDS:
        done = run(*command, "--db", place, cwd=tmp_path)
        told = done.stderr.decode()
        assert (done.returncode, done.stdout, told.count("\n")) == (2, b"", 1), (command, told)
        assert str(place) in told
        assert content(place.parent) == before, command


@pytest.mark.parametrize("make", [newer, foreign, foreign_beside_its_log, garbage])
def test_doctor_tells_of_what_is_no_index_of_this_version_and_mends_nothing(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    place = tmp_path / "place" / "index.db"
    place.parent.mkdir()
    make(place)
    before = content(place.parent)
    for command in (("doctor",), ("doctor", "--repair")):
        done = run(*command, "--db", place, cwd=tmp_path)
        problems = [line for line in done.stdout.decode().splitlines() if "problem " in line]
        assert (done.returncode, done.stderr) == (2, b"")
        assert any(str(place) in line for line in problems)
        after = content(place.parent)
        lock = after.pop("index.db.lock", None)  # of a repair, which writes nothing else
        assert lock is None or "--repair" in command
        assert after == before, command
