"""What others put in the place of a file of the index: a victim keeps its bytes, no run hangs."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from older_index import make_older
from small_clipfind import COMMAND
from small_index import make_pictures

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pipes among its files"
)

VICTIM = b"top = 3  # somebody's own settings\n"
NOT_LEFT_WAITING_SECONDS = 20
INDEX, SEARCH, STATUS = ("index", "album"), ("search", "cat", "album", "-n"), ("status",)

PLANTS: dict[str, Callable[[Path, Path], None]] = {
    "link": lambda place, victim: place.symlink_to(victim),
    "dangling": lambda place, victim: place.symlink_to(victim.with_name("nowhere")),
    "pipe": lambda place, _: os.mkfifo(place),
    "folder": lambda place, _: place.mkdir(),
    "hard link": lambda place, victim: os.link(victim, place),
}
FOUND = {
    "link": "this is a link",
    "dangling": "this is a link",
    "pipe": "this is not a regular file",
    "folder": "this is not a regular file",
    "hard link": "this is a file with another name",
}
OF_DATABASE = {
    "link": "settings.toml: this is not an index",
    "dangling": "index.db: this link leads to nothing",
    "pipe": "index.db: this is not a file",
    "folder": "index.db: this is not a file",
    "hard link": "index.db: this file has another name",
}
OF_CONFIGURATION = {
    "link": None,  # as many keep their settings
    "dangling": "no such file",
    "pipe": "is not a regular file",
    "folder": "Is a directory",
    "hard link": None,
}
LOGS = ("index.db-wal", "index.db-shm", "index.db-journal")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Return a folder with an album, and its index, matrix and lock in another."""
    place = tmp_path_factory.mktemp("sound")
    make_pictures(place / "album", 3)
    (place / "place").mkdir()
    done = call(place, *INDEX, model=tiny_model)
    assert done.returncode == 0, done.stderr
    names = {path.name.partition("-")[0] for path in (place / "place").iterdir()}
    assert names == {"index.db", "index.db.lock", "index.db.rows", "index.db.order"}
    return place


@pytest.fixture
def here(sound: Path, tmp_path: Path) -> Path:
    """Return a folder with a copy of the sound index, a way to its album, and a victim."""
    shutil.copytree(sound / "place", tmp_path / "here" / "place")
    (tmp_path / "here" / "album").symlink_to(sound / "album")
    (tmp_path / "here" / "settings.toml").write_bytes(VICTIM)
    return tmp_path / "here"


def call(
    here: Path, *words: str, model: Path, memory_bytes: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command line on the index, which has a matrix for however few rows."""
    limit = ["sh", "-c", f'ulimit -v {memory_bytes >> 10}; exec "$@"', "sh"] if memory_bytes else []
    command = [*limit, *COMMAND, *words, "--db", str(here / "place" / "index.db")]
    if words[0] in ("index", "search"):
        command += ["--model", str(model)]
    return subprocess.run(
        command,
        env={**os.environ, "SMALL_MATRIX": "1"},
        cwd=here,
        capture_output=True,
        text=True,
        timeout=NOT_LEFT_WAITING_SECONDS,
    )


def assert_told(done: subprocess.CompletedProcess[str], sentence: str | None) -> None:
    """See that a run ended well, or, where there is a sentence, by that one alone."""
    if sentence is None:
        assert done.returncode == 0, done.stderr
    else:
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
        assert sentence in done.stderr


def part_of_matrix(here: Path, part: str) -> Path:
    """Return the place of the rows or the order that the index names."""
    database = here / "place" / "index.db"
    with closing(sqlite3.connect(database)) as connection:
        ((name,),) = connection.execute(f"SELECT {part}_name FROM matrices")
    return database.with_name(f"index.db.{name}")


def remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


def assert_works(here: Path, model: Path) -> None:
    """See that the victim was left alone, and that the next search finds all there is."""
    assert (here / "settings.toml").read_bytes() == VICTIM
    assert not (here / "nowhere").exists()
    done = call(here, "search", "cat", "album", "-f", model=model)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 3), done.stderr


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_lock_stops_the_indexer_alone(here: Path, tiny_model: Path, kind: str) -> None:
    lock = here / "place" / "index.db.lock"
    lock.unlink()
    PLANTS[kind](lock, here / "settings.toml")
    assert_told(call(here, *INDEX, model=tiny_model), f"index.db.lock: {FOUND[kind]}")
    assert_told(call(here, *SEARCH, model=tiny_model), None)
    searched = call(here, *SEARCH[:3], model=tiny_model)  # would index first
    assert (searched.returncode, searched.stdout.count("\n")) == (0, 3)
    assert f"index.db.lock: {FOUND[kind]}" in searched.stderr
    examined = call(here, "doctor", model=tiny_model)
    assert (examined.returncode, examined.stdout.count(FOUND[kind])) == (2, 1), examined
    remove(lock)
    assert_works(here, tiny_model)


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("name", LOGS)
def test_sqlite_is_kept_from_what_is_planted_for_it(
    here: Path, tiny_model: Path, name: str, kind: str
) -> None:
    PLANTS[kind](here / "place" / name, here / "settings.toml")
    for words in (INDEX, STATUS):
        assert_told(call(here, *words, model=tiny_model), f"{name}: {FOUND[kind]}")
    remove(here / "place" / name)
    assert_works(here, tiny_model)


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("part", ["rows", "order"])
def test_a_planted_part_of_the_matrix_is_passed_over(
    here: Path, tiny_model: Path, part: str, kind: str
) -> None:
    planted = part_of_matrix(here, part)
    planted.unlink()
    PLANTS[kind](planted, here / "settings.toml")
    for words in (SEARCH, INDEX):
        assert_told(call(here, *words, model=tiny_model), None)
    assert part_of_matrix(here, part) != planted
    assert stat.S_ISREG(part_of_matrix(here, part).lstat().st_mode)
    remove(planted)
    assert_works(here, tiny_model)


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_configuration_is_read_or_refused(
    here: Path, tiny_model: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = here / "planted.toml"
    PLANTS[kind](planted, here / "settings.toml")
    monkeypatch.setenv("CLIPFIND_CONFIG", str(planted))
    assert_told(call(here, *SEARCH, model=tiny_model), OF_CONFIGURATION[kind])
    remove(planted)
    monkeypatch.setenv("CLIPFIND_CONFIG", os.devnull)
    assert_works(here, tiny_model)


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_index_is_refused_and_nothing_left_behind(
    here: Path, tiny_model: Path, kind: str
) -> None:
    database = here / "place" / "index.db"
    database.unlink()
    PLANTS[kind](database, here / "settings.toml")
    before = sorted(os.listdir(here / "place"))
    for words in (INDEX, SEARCH, STATUS):
        assert_told(call(here, *words, model=tiny_model), OF_DATABASE[kind])
    assert sorted(os.listdir(here / "place")) == before
    remove(database)
    assert_works(here, tiny_model)


@pytest.mark.parametrize("kind", PLANTS)
@pytest.mark.parametrize("suffix", ["", ".part", ".part-journal"])
def test_the_copy_before_an_upgrade_is_written_nowhere_else(
    here: Path, tiny_model: Path, suffix: str, kind: str
) -> None:
    database = here / "place" / "index.db"
    database.unlink()
    make_older(database, 1)
    before = database.read_bytes()
    copy = here / "place" / "index.db.version-1"
    planted = copy.with_name(copy.name + suffix)
    PLANTS[kind](planted, here / "settings.toml")
    done = call(here, *STATUS, model=tiny_model)
    if kind == "folder":
        assert_told(done, "index.db.version-1: the copy of the index cannot be made (")
        assert database.read_bytes() == before
        planted.rmdir()
        done = call(here, *STATUS, model=tiny_model)
    assert_told(done, None)
    assert not copy.is_symlink()
    assert copy.read_bytes()[:16] == b"SQLite format 3\0"
    assert copy.stat().st_nlink == 1
    assert not [name for name in os.listdir(copy.parent) if ".part" in name]
    assert (here / "settings.toml").read_bytes() == VICTIM
    assert not (here / "nowhere").exists()


def test_sockets_and_devices_are_refused_like_pipes(
    here: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "place")  # a socket's own name may not be long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("index.db-journal")
    assert_told(
        call(here, *SEARCH, model=tiny_model), "index.db-journal: this is not a regular file"
    )
    remove(here / "place" / "index.db-journal")
    (here / "place" / "index.db.lock").unlink()
    (here / "place" / "index.db.lock").symlink_to("/dev/zero")
    assert_told(call(here, *INDEX, model=tiny_model), "index.db.lock: this is a link")
    remove(here / "place" / "index.db.lock")
    assert_works(here, tiny_model)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/dev/zero", "/dev/zero: is not a regular file"),
        ("huge.toml", "is larger than any settings"),
    ],
)
def test_a_configuration_without_end_is_refused(
    here: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, path: str, sentence: str
) -> None:
    with open(here / "huge.toml", "wb") as file:
        file.truncate(10 << 30)  # which takes no room
    monkeypatch.setenv("CLIPFIND_CONFIG", path)
    assert_told(call(here, *SEARCH, model=tiny_model, memory_bytes=4 << 30), sentence)


def test_a_list_of_files_may_be_a_pipe(here: Path, tiny_model: Path) -> None:
    words = (*INDEX[:1], "--files-from", "list")
    os.mkfifo(here / "list")
    with subprocess.Popen(["sh", "-c", "ls -d album/* > list"], cwd=here):
        assert_told(call(here, *words, model=tiny_model), None)
