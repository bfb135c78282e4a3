"""Older indexes: brought up with a copy beside them, whatever comes between."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import older_index
import pytest
from index_states import integrity
from older_index import NEXT, ROWS, make_older, one_more, version_of
from private_mounts import needs_mounts, run_on_small_disk

from rclip_like.errors import StoreError
from rclip_like.store import Store, migrations, opening
from rclip_like.store.matrix import stamp
from rclip_like.store.schema import OLDEST_READ, PLACES_SINCE, VERSION, WORDS_SINCE
from rclip_like.store.writing import Writer

OLDER = range(1, NEXT)
PROGRAM = Path(older_index.__file__)


@pytest.fixture(params=OLDER)
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make_older(tmp_path / "index.db", request.param)
    assert version_of(tmp_path / "index.db") == request.param
    return tmp_path / "index.db"


def open_with_one_more(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open an index as a version does that knows one migration more, and use it."""
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "migrations", one_more())
        patch.setattr(opening, "VERSION", NEXT)
        with Store.open(database, create=True) as store:
            assert store.count_files() == ROWS
    assert version_of(database) == NEXT


def test_every_older_index_is_brought_up_with_a_copy_beside_it(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, before = version_of(older), older.read_bytes()
    open_with_one_more(older, monkeypatch)
    copy = older.with_name(f"index.db.version-{version}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert (version_of(copy), integrity(copy), integrity(older)) == (version, "ok", "ok")
    older.write_bytes(copy.read_bytes())  # going back is copying back
    assert len(before) == len(older.read_bytes())
    open_with_one_more(older, monkeypatch)


def test_an_index_brought_up_while_another_process_has_it_open_is_not_older(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its version then lies in the log, until the last one closes it."""
    monkeypatch.setattr(migrations, "migrations", one_more())
    monkeypatch.setattr(opening, "VERSION", NEXT)
    with closing(sqlite3.connect(older, isolation_level=None)) as reader:
        assert reader.execute("SELECT count(*) FROM files").fetchone() == (ROWS,)
        with Store.open(older, create=True) as store, store.another() as another:
            assert another.count_files() == ROWS
        assert opening.version_of(older) == NEXT


def test_who_only_reads_leaves_an_older_index_untouched_and_reads_it_if_it_can(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version, before = version_of(older), older.read_bytes()
    monkeypatch.setattr(opening, "VERSION", NEXT)
    if version < OLDEST_READ:
        with pytest.raises(StoreError, match=r"older clipfind.*; name a copy of it"):
            Store.open_readonly(older)
        assert os.listdir(older.parent) == ["index.db"]
    else:
        with Store.open_readonly(older) as store:
            assert len(store.files(store.rowids())) == ROWS
            assert store.hidden.pictures() == []
    assert older.read_bytes() == before


def test_a_migration_that_is_killed_leaves_the_older_index(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = version_of(older)
    command = [sys.executable, str(PROGRAM), str(older), "hang"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "within\n"
        process.kill()
    # Those before are whole, and this one has left nothing.
    assert (version_of(older), integrity(older)) == (VERSION, "ok")
    assert version_of(older.with_name(f"index.db.version-{version}")) == version
    open_with_one_more(older, monkeypatch)


def test_half_a_copy_from_a_run_that_was_killed_is_made_anew(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = older.with_name(f"index.db.version-{version_of(older)}")
    copy.with_name(f"{copy.name}.part").write_bytes(older.read_bytes()[: 3 * 8192])
    open_with_one_more(older, monkeypatch)
    assert integrity(copy) == "ok"
    assert sorted(os.listdir(older.parent)) == ["index.db", "index.db.lock", copy.name]


FULL = """
import os, subprocess, sys
from contextlib import closing
from pathlib import Path
program, older, disk = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
MAY_BE_THERE = {"index.db", "index.db.lock", "index.db-wal", "index.db-shm"}
before, database = older.read_bytes(), disk / "index.db"
database.write_bytes(before)
room = os.statvfs(disk)
free, size = room.f_bavail * room.f_frsize, len(before)
for left in (0, 40_000, size // 2, size + 60_000):
    filler = disk / "filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - left)
    told = subprocess.check_output([sys.executable, program, database, "tell"], text=True)
    assert str(database) in told and ("disk is full" in told or "No space" in told), (left, told)
    assert database.read_bytes() == before, left
    assert set(os.listdir(disk)) <= {"filler", *MAY_BE_THERE, *COPY}, left
    for name in COPY & set(os.listdir(disk)):
        (disk / name).unlink()
    filler.unlink()
subprocess.check_output([sys.executable, program, database, "whole"])
"""


@needs_mounts
def test_without_room_for_the_copy_an_older_index_is_left_as_it_is(
    older: Path, tmp_path: Path
) -> None:
    copies = {f"index.db.version-{version_of(older)}"}
    (tmp_path / "full.py").write_text(f"COPY = {copies}\n{FULL}")
    run_on_small_disk(tmp_path / "disk", "8m", tmp_path / "full.py", PROGRAM, older)


@pytest.mark.parametrize("version", [3, 4, 5, 6, 7, 8, 9, 10])
def test_an_index_keeps_its_rows_and_its_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    database = tmp_path / "index.db"
    make_older(database, version)
    with monkeypatch.context() as patch:
        patch.setattr(opening, "VERSION", version)
        with Store.open(database, create=False) as store:
            Writer(store).extend_matrix(1)
    before = all_rows(database)
    with Store.open(database, create=False) as store, store.snapshot():
        assert store.select(1, None).matrix is not None
    assert (version_of(database), integrity(database)) == (VERSION, "ok")
    new_columns = [None for since in (WORDS_SINCE, PLACES_SINCE) if version < since]
    contents = [(*row, *new_columns) for row in before["contents"]]
    tables = "hidden words sidecars folders places saved names name_rows frames"
    added = {table: [] for table in tables.split()}
    assert all_rows(database) == {**before, **added, "contents": contents}


def test_an_index_of_version_4_that_cannot_be_brought_up_is_read_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "index.db"
    make_older(database, 4)
    before = database.read_bytes()
    (tmp_path / "index.db.version-4").mkdir()  # in place of the copy
    with Store.open(database, create=False) as store:
        assert len(store.files(store.rowids())) == ROWS
        assert store.hidden.pictures() == []
        with pytest.raises(StoreError, match="older clipfind made this index"):
            store.hidden.add([b"any"])
    assert database.read_bytes() == before
    with pytest.raises(StoreError, match="copy of the index cannot be made"):
        Store.open(database, create=True)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("CREATE TABLE hidden (digest)", "was not made by clipfind"),
        ("CREATE VIEW hidden AS SELECT digest FROM contents", "was not made by clipfind"),
        ("CREATE TABLE hidden (digest BLOB PRIMARY KEY) STRICT", "already exists"),
    ],
)
def test_a_foreign_table_in_place_of_a_new_one_is_refused_and_kept(
    tmp_path: Path, statement: str, reason: str
) -> None:
    database = tmp_path / "index.db"
    make_older(database, 4)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(statement)
    with pytest.raises(StoreError, match=reason):
        Store.open(database, create=True)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT sql FROM sqlite_master WHERE name = 'hidden'").fetchone()
    assert (version_of(database), integrity(database)) == (4, "ok")


def all_rows(database: Path) -> dict[str, list[tuple]]:
    """Return the rows of every table, but what each says of the form of the index."""
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '%migr%'"
        names = [name for (name,) in connection.execute(question)]
        assert {"files", "contents", "embeddings", "matrices", "matrix_blocks"} <= set(names)
        connection.execute("UPDATE matrices SET schema_version = 0")
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}
