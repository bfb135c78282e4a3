"""A disk that fills up at random moments of indexing: run in a mount namespace of its own.

As a program: full_disk.py moments MODEL ALBUM FIRST LAST DISK lets the disk run full at the moments
of these numbers and prints how many runs were stopped by it; full_disk.py spool MODEL ALBUM DISK
lets only the temporary files lie there; full_disk.py relocated DISK moves the paths of an index
with more and more room, and prints how many bytes sufficed; full_disk.py exported DATABASE DISK
takes an index out to a disk that is full.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from index_states import State, assert_same, integrity, paths_in, state_of
from small_clipfind import COMMAND
from small_index import batches, fill, make_picture
from witness import logging_batches

from rclip_like.store import Store

MOST_ROOM = 600_000
"""Bytes: what indexing an album of 30 pictures in batches of two writes, and a little more."""


class Disk:
    """A small disk with an index on it, beside a whole index of the same album."""

    def __init__(self, place: Path, album: Path, model: Path) -> None:
        self.place, self.album, self.model = place, album, model
        self.database, self.filler = place / "index.db", place / "filler"

    def index(self, log: Path, *more: str) -> subprocess.CompletedProcess[str]:
        return self.call("index", "--quiet", *more, log=log)

    def call(self, *words: str, log: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words, str(self.album), "--model", str(self.model)]
            + ["--db", str(self.database), "--threads", "1"],
            env={**os.environ, **logging_batches(log)},
            capture_output=True,
            text=True,
        )

    def leave(self, room: int) -> None:
        """Fill the disk up to this many bytes, rounded to its blocks."""
        status = os.statvfs(self.place)
        size = status.f_bavail * status.f_frsize - room
        assert size > 0
        with open(self.filler, "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, size)

    def clear(self) -> None:
        """Remove all that lies on the disk."""
        for path in self.place.iterdir():
            path.unlink()


def fill_up(disk: Disk, seed: int, whole: State) -> bool:
    """Let the disk run full amid indexing and check what is left; tell whether it was full.

    Every other seed begins with a part of the album indexed, the others with nothing.
    """
    draw = random.Random(seed)
    disk.clear()
    with TemporaryDirectory() as folder:
        if seed % 2:
            assert disk.index(Path(folder, "before"), "--glob", "*[0-4].jpg").returncode == 0
        before = state_of(disk.database)
        disk.leave(draw.randrange(MOST_ROOM) if seed % 4 < 2 else draw.randrange(MOST_ROOM // 8))
        log = Path(folder, "log")
        done = disk.index(log)
        # The batch that found no room may be followed by one that is being encoded.
        begun = batches(log) if done.returncode == 0 else batches(log)[:-2]
        assert done.returncode in (0, 2), (seed, done)
        if done.returncode:
            assert_is_named(disk, done.stderr)
        check(disk, before, {path for batch in begun for path in batch})
        if done.returncode and before:
            check_search(disk, paths_in(before), disk.call("search", "cat", "-t0", "-f", log=log))
        disk.filler.unlink()
        again = disk.index(Path(folder, "again"))
    assert (again.returncode, again.stderr) == (0, ""), again
    assert_same(state_of(disk.database), whole)
    assert not [path.name for path in disk.place.iterdir() if path.name.startswith(".")]
    return done.returncode == 2


def assert_is_named(disk: Disk, message: str) -> None:
    """Fail unless one line names the index and that its disk is full."""
    assert message.count("\n") == 1, message
    assert str(disk.database) in message, message
    assert "disk is full" in message or "No space left" in message, message


def check_search(disk: Disk, known: list[str], found: subprocess.CompletedProcess[str]) -> None:
    """Fail unless a search finds what is known, or says why not.

    What a stopped run left in SQLite's log can be read only where there is room for its index.
    """
    if found.returncode:
        assert_is_named(disk, found.stderr)
        assert disk.database.with_name("index.db-wal").stat().st_size
        return
    assert set(known) <= set(found.stdout.splitlines()), found


def check(disk: Disk, before: State, encoded: set[str]) -> None:
    """Fail unless the index is whole and holds what it held and what was encoded since."""
    if disk.database.exists():
        assert integrity(disk.database) == "ok"
    assert before.keys() <= state_of(disk.database).keys()
    assert encoded <= set(paths_in(state_of(disk.database)))


def spool(model: str, album: str, place: str) -> None:
    """A full temporary folder ends a run in a sentence; with room the next one goes on."""
    disk = Disk(Path(place), Path(album), Path(model))
    os.environ["TMPDIR"] = place
    disk.database = disk.album.with_name("index.db")
    deep = disk.album.joinpath(*["d" * 250] * 3)
    deep.mkdir(parents=True)
    for number in range(1300):  # of their names alone more than a megabyte
        (deep / f"{number:0246}.jpg").touch()
    make_picture(disk.album / "a.jpg", 1)
    disk.leave(300_000)
    with TemporaryDirectory(dir=disk.album.parent) as folder:
        done = disk.index(Path(folder, "log"))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done
        assert f"{place}: the folder for temporary files" in done.stderr, done
        assert "No space left" in done.stderr, done
        disk.filler.unlink()
        assert disk.index(Path(folder, "log")).returncode == 0


def relocated(place: str) -> None:
    """Without room for it `relocate` says that the disk is full, and all paths are the old ones."""
    disk = Disk(Path(place), Path("/media/old"), Path())
    command = [
        *COMMAND,
        "relocate",
        "--force",
        "--db",
        str(disk.database),
        "/media/old",
        "/media/z",
    ]
    with Store.open(disk.database, create=True) as store:
        fill(store, [b"/media/old/%04d.jpg" % number for number in range(2000)])
    for room in (0, 40_000, 100_000, 200_000, 300_000, 400_000):
        disk.leave(room)
        done = subprocess.run(command, capture_output=True, text=True)
        paths = paths_in(state_of(disk.database))
        if done.returncode:
            assert_is_named(disk, done.stderr)
            assert all(path.startswith("/media/old/") for path in paths), room
        else:  # also where there was no room for the words in the names of the folders
            assert all(path.startswith("/media/z/") for path in paths), room
            print(room)
            return
        disk.filler.unlink()


def exported(database: str, place: str) -> None:
    """Exports and copies that find no room say so of the disk that is full, and leave nothing."""
    disk = Disk(Path(place), Path(), Path())
    disk.leave(40_000)
    for words, said in (
        (
            ("export", f"{place}/shards", "--db", database),
            "shards: the files cannot be written (No",
        ),
        (("export", "--db", f"{place}/copy.db"), "copy.db: the disk has no room for the copy"),
    ):
        done = subprocess.run(
            [*COMMAND, *words],
            env={**os.environ, "CLIPFIND_DB": database},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert f"{place}/{said}" in done.stderr, done.stderr
        left = {path.name for path in disk.place.iterdir()} - {"filler", "copy.db.lock"}
        assert not left


def moments(model: str, album: str, first: str, last: str, place: str) -> None:
    disk = Disk(Path(place), Path(album), Path(model))
    with TemporaryDirectory() as folder:
        assert disk.index(Path(folder, "log")).returncode == 0
    whole = state_of(disk.database)
    print(sum(fill_up(disk, seed, whole) for seed in range(int(first), int(last))))


if __name__ == "__main__":
    {"moments": moments, "spool": spool, "relocated": relocated, "exported": exported}[sys.argv[1]](
        *sys.argv[2:]
    )
