"""Power loss: a recorded run's writes, played up to random points without what was not synced."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from index_states import State, assert_same, integrity, paths_in, ranked_both_ways, state_of
from losing_disk import LosingDisk, lay_out
from small_clipfind import COMMAND
from small_index import LONG_AGO, SmallIndex, make_picture, make_pictures, settle
from traced_writes import Step, marked, record

from rclip_like.errors import StoreError
from rclip_like.store import Store
from rclip_like.store.matrix import stamp


@dataclass
class Recording:
    """Two runs over an album that changed between them, step by step."""

    album: Path
    model: Path
    top: Path
    steps: list[Step]
    whole: State
    num_trusted: int = 0
    """After how many power cuts there was a matrix that would be searched."""

    @property
    def database(self) -> Path:
        return Path("new/folder/index.db")

    def committed(self, point: int) -> set[str]:
        """Return the files, still there, of the batches committed before this step.

        A batch is marked when its encoding begins, while the one before it is being committed.
        """
        begun = marked(self.steps[:point])
        done = begun if point == len(self.steps) else begun[:-2]
        return {path for batch in done for path in batch if Path(path).exists()}


def record_two_runs(folder: Path, model: Path, pictures: int) -> Recording:
    album, top = folder / "album", folder / "disk"
    make_pictures(album, pictures)
    top.mkdir()
    place = top / "new" / "folder" / "index.db"
    command = [*COMMAND, "index", "--quiet", str(album), "--model", str(model), "--db", str(place)]
    environment = {"SMALL_BATCH": "1", "SMALL_MATRIX": "0"}
    steps = record(command, top, folder / "log", environment)
    for path in sorted(album.iterdir())[::5]:
        path.unlink()
    for seed, path in enumerate(sorted(album.iterdir())[::7], start=pictures):
        settle(make_picture(path, seed), LONG_AGO + seed)
    steps += record(command, top, folder / "log", environment)
    return Recording(album, model, top, steps, state_of(place))


def cut_power(
    recording: Recording, points: Sequence[int], folder: Path, *, obeys: bool = True
) -> list[str]:
    """Return what is wrong after a power cut before each of these steps, and after a next run."""
    disk = LosingDisk(str(recording.top), obeys=obeys)
    found, played = [], 0
    for number, point in enumerate(sorted(points)):
        for step in recording.steps[played:point]:
            disk.play(step)
        played = point
        place = folder / f"cut-{number}"
        place.mkdir(parents=True)
        lay_out(disk.left_over(random.Random(point)), str(recording.top), place)
        wrong = fault_of(recording, place / recording.database, recording.committed(point))
        found += [f"step {point}: {wrong}"] if wrong else []
        shutil.rmtree(place)
    return found


def fault_of(recording: Recording, database: Path, committed: set[str]) -> str:
    """Return what is wrong with an index after a power cut, "" for nothing."""
    try:
        if database.exists() and integrity(database) != "ok":
            return integrity(database)
        if lost := committed - set(paths_in(state_of(database))):
            return f"{len(lost)} of {len(committed)} pictures are lost"
        if wrong := matrix_fault_of(recording, database):
            return wrong
    except (sqlite3.DatabaseError, StoreError) as error:
        return str(error)
    index = SmallIndex(database, recording.model, plain=True)
    with index.store:
        index.update(recording.album)
    assert_same(state_of(database), recording.whole)
    return ""


def matrix_fault_of(recording: Recording, database: Path) -> str:
    """Return what is wrong with the matrix, whose files have the times that the index speaks of.

    So it is as if these were written before the contents.
    """
    if not database.exists():
        return ""
    with Store.open(database, create=False) as store:
        for row in store.connection.execute("SELECT * FROM matrices"):
            _, rows_name, rows_mtime_ns, _, order_name, order_mtime_ns, *_ = row
            for name, mtime_ns in ((rows_name, rows_mtime_ns), (order_name, order_mtime_ns)):
                with suppress(FileNotFoundError):
                    os.utime(stamp.address_of(database, name), ns=(mtime_ns, mtime_ns))
        is_trusted, by_search, by_rows = ranked_both_ways(store)
    recording.num_trusted += is_trusted
    return "" if by_search == by_rows else "the matrix does not say what the rows say"


@pytest.mark.long
def test_a_power_cut_at_two_hundred_points_loses_nothing(tmp_path: Path, tiny_model: Path) -> None:
    recording = record_two_runs(tmp_path, tiny_model, pictures=200)
    last = len(recording.steps)
    points = [*random.Random(0).sample(range(last), 199), last]
    assert cut_power(recording, points, tmp_path / "cuts") == []
    assert recording.num_trusted > 100
    assert cut_power(recording, points[-20:], tmp_path / "deaf", obeys=False) != []


MAKING = """
import os, pathlib, sys
from rclip_like.store import Store
store = Store.open(pathlib.Path(sys.argv[1]), create=True)
store.set_default_model("kept")
os._exit(0)
"""


def test_a_new_index_and_its_folders_outlive_a_power_cut(tmp_path: Path) -> None:
    top, place = tmp_path / "disk", Path("new/folder/index.db")
    top.mkdir()
    command = [sys.executable, "-c", MAKING, str(top / place)]
    steps = record(command, top, tmp_path / "log", {})
    disk, deaf = LosingDisk(str(top)), LosingDisk(str(top), obeys=False)
    for step in steps:
        disk.play(step)
        deaf.play(step)
    for seed in range(8):
        lay_out(disk.left_over(random.Random(seed)), str(top), tmp_path / str(seed))
        with Store.open(tmp_path / str(seed) / place, create=False) as store:
            assert store.default_model() == "kept"
    assert not all(deaf.left_over(random.Random(seed)) for seed in range(8))
