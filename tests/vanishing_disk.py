"""Disks that vanish or take no writes while clipfind is at work: run in a mount namespace.

As a program: vanishing_disk.py SCENE MODEL FOLDER plays one scene, a function below.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from index_states import State, integrity, state_of
from older_index import make_as_before, version_of
from private_mounts import NO_RIGHTS
from small_clipfind import COMMAND
from small_index import batches, make_picture, make_pictures
from witness import logging_batches


class Place:
    """A folder with a disk of its own in it, which can be taken away and brought back."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder, self.model = folder, model
        self.store, self.disk = folder / "store", folder / "disk"
        for path in (self.store, self.disk):
            path.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(self.store)]).returncode:
            sys.exit(NO_RIGHTS)
        self.bring_back()

    def bring_back(self) -> None:
        self._mount("--bind", str(self.store), str(self.disk))

    def take_away(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.disk)], check=True)

    def refuse_writes(self) -> None:
        self._mount("-o", "remount,bind,ro", str(self.disk))

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)

    def start(self, *arguments: object, database: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments), "--model", str(self.model), "--db", str(database)],
            env={**os.environ, **logging_batches(self.folder / "log")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, *arguments: object, database: Path) -> tuple[int, str, str]:
        process = self.start(*arguments, database=database)
        output, errors = process.communicate()
        assert "Traceback" not in errors, errors
        return process.returncode, output, errors

    def wait_for_batches(self, process: subprocess.Popen[str], count: int) -> None:
        while len(batches(self.folder / "log")) < count:
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)


def read_only_index(place: Place) -> None:
    """An index that cannot be written is searched all the same; `index` says what is wrong."""
    album, database = place.folder / "album", place.disk / "index.db"
    make_pictures(album, 3)
    assert place.call("index", album, database=database)[0] == 0
    place.refuse_writes()
    make_pictures(album / "more", 1)
    status, output, errors = place.call("index", album, database=database)
    assert (status, output, errors.count("\n")) == (2, "", 1), errors
    assert str(database) in errors
    status, output, _ = place.call("search", "cat", album, "-n", "-f", database=database)
    assert (status, output.count("\n")) == (0, 3)
    status, output, errors = place.call("search", "cat", album, "-f", database=database)
    assert (status, output.count("\n")) == (0, 3), errors
    assert str(database) in errors
    assert place.call("status", database=database)[0] == 0


def hidden_pictures_that_cannot_be_written(place: Place) -> None:
    """Hidden pictures stay so where the index cannot be written, and no more can be hidden."""
    pictures, database = make_pictures(place.folder / "album", 3), place.disk / "index.db"
    assert place.call("index", place.folder / "album", database=database)[0] == 0
    assert place.call("hide", pictures[0], database=database)[0] == 0
    place.refuse_writes()
    words = ("search", "cat", place.folder / "album", "-n", "-f")
    assert place.call(*words, database=database)[1].count("\n") == 2
    assert place.call("hide", "--list", database=database)[1] == f"{pictures[0]}\n"
    for command in (("hide", pictures[1]), ("unhide", pictures[0]), ("unhide", "--all")):
        status, _, errors = place.call(*command, database=database)
        assert (status, errors.count("\n"), "cannot be written" in errors) == (2, 1, True), errors


def saved_searches_that_cannot_be_written(place: Place) -> None:
    """A saved search runs where the index cannot be written; asking what is new is refused."""
    album, database = place.folder / "album", place.disk / "index.db"
    make_pictures(album, 3)
    assert place.call("save", "boats", "boat", album, "-f", database=database)[0] == 0
    assert place.call("run", "boats", database=database)[1].count("\n") == 3
    place.refuse_writes()
    assert place.call("run", "boats", database=database)[1].count("\n") == 3
    assert place.call("saved", "list", database=database)[1].count("\n") == 2
    for command in (
        ("run", "boats", "--new"),
        ("save", "x", "cat", album),
        ("saved", "remove", "boats"),
    ):
        status, output, errors = place.call(*command, database=database)
        assert (status, output, errors.count("\n")) == (2, "", 1), errors
        assert "cannot be written" in errors, errors


def older_index_that_cannot_be_written(place: Place) -> None:
    """An index from before pictures could be hidden is searched as it is."""
    pictures, database = make_pictures(place.folder / "album", 3), place.disk / "index.db"
    assert place.call("index", place.folder / "album", database=database)[0] == 0
    make_as_before(database, version=4)
    place.refuse_writes()
    for further in ((), ("-n",), ("--all-hidden", "-n"), ("--all",)):
        paths = () if "--all" in further else (place.folder / "album",)
        words = ("search", "cat", *paths, "-f", *further)
        status, output, errors = place.call(*words, database=database)
        assert (status, output.count("\n")) == (0, 3), errors
    assert place.call("hide", "--list", database=database)[:2] == (0, "")
    assert place.call("status", database=database)[0] == 0
    assert place.call("saved", "list", database=database)[:2] == (0, "")
    for command in (("hide", pictures[1]), ("save", "x", "cat", place.folder / "album")):
        status, _, errors = place.call(*command, database=database)
        assert (status, errors.count("\n"), "older clipfind" in errors) == (2, 1, True), errors
    assert version_of(place.store / "index.db") == 4


def index_that_vanishes(place: Place) -> None:
    """An index whose disk is taken away amid a run ends it; what was committed is on that disk."""
    album, database = place.folder / "album", place.disk / "index.db"
    make_pictures(album, 60)
    process = place.start("index", album, database=database)
    place.wait_for_batches(process, 4)
    place.take_away()
    _, errors = process.communicate()
    assert (process.returncode, errors.count("\n")) == (2, 1), errors
    assert str(database) in errors
    assert "gone from its place" in errors
    assert not database.exists()
    place.bring_back()
    assert integrity(database) == "ok"
    assert 0 < len(state_of(database)) < 60
    assert place.call("index", "-q", album, database=database)[0] == 0
    assert len(state_of(database)) == 60


def pictures_that_vanish(place: Place) -> None:
    """Pictures whose disk is taken away amid a run stay indexed, and are so when it is back."""
    album, database = place.disk / "album", place.folder / "index.db"
    draw = random.Random(0)
    for number in range(2):
        make_pictures(album / f"{number}", 8)
        before = index_whole(place, album, database)
        for more in range(2):
            make_some(album / f"{number}-{more}", 100 * number + 10 * more)
            process = place.start("index", album, database=database)
            if more:
                time.sleep(draw.uniform(0.2, 0.8))
            else:
                place.wait_for_batches(process, len(batches(place.folder / "log")) + 1)
            place.take_away()
            _, errors = process.communicate()
            assert "Traceback" not in errors, errors
            assert process.returncode in (0, 2), errors
            assert before.keys() <= state_of(database).keys()
            status, _, errors = place.call("index", album, database=database)
            assert status == 2, errors
            assert before.keys() <= state_of(database).keys()
            place.bring_back()
    index_whole(place, album, database)


def make_some(folder: Path, seed: int) -> None:
    folder.mkdir()
    for number in range(8):
        make_picture(folder / f"{number}.jpg", 1000 + seed + number)


def index_whole(place: Place, album: Path, database: Path) -> State:
    """Index all there is, and return it."""
    status, _, errors = place.call("index", album, database=database)
    assert status == 0, errors
    state = state_of(database)
    assert len(state) == len(list(album.rglob("*.jpg")))
    return state


if __name__ == "__main__":
    signal.alarm(500)
    globals()[sys.argv[1]](Place(Path(sys.argv[3]), Path(sys.argv[2])))
