"""kill -9 amid indexing, once and a hundred times: nothing finished is lost or encoded again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from index_states import assert_same, integrity, paths_in, state_of
from processes import all_end, children
from small_clipfind import COMMAND
from small_index import batches, make_pictures, start_indexing, wait_for_lines
from witness import logging_batches


def finish(
    database: Path, model: Path, folder: Path, log: Path | None, *, batch_size: int, plain: bool
) -> None:
    process = start_indexing(database, model, folder, log=log, batch_size=batch_size, plain=plain)
    output, errors = process.communicate()
    assert process.returncode == 0, (output, errors)


def killed_half_way(
    tmp_path: Path, model: Path, *, count: int, batch_size: int, plain: bool
) -> None:
    """Kill a run after half its batches, start it again, and hold it against an unbroken one."""
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, count)
    sizes = {"batch_size": batch_size, "plain": plain}
    process = start_indexing(tmp_path / "1.db", model, album, log=log, **sizes)
    wait_for_lines(process, log, count // batch_size // 2)
    readers = children(process.pid)
    process.kill()
    process.communicate()
    assert readers or not Path("/proc").exists()
    assert all_end(readers), "readers outlived the indexer"
    assert process.returncode == -signal.SIGKILL
    assert len(batches(log)) < count // batch_size, "the run was over before it was killed"
    assert integrity(tmp_path / "1.db") == "ok"
    finish(tmp_path / "1.db", model, album, log, **sizes)
    times = Counter(path for batch in batches(log) for path in batch)
    twice = [path for path, number in times.items() if number > 1]
    assert sorted(times) == sorted(str(path) for path in album.iterdir())
    assert max(times.values()) <= 2
    assert len(twice) <= 2 * batch_size  # one being committed, and one being encoded
    finish(tmp_path / "2.db", model, album, None, **sizes)
    assert_same(state_of(tmp_path / "1.db"), state_of(tmp_path / "2.db"))


def test_a_killed_run_encodes_at_most_two_batches_twice(tmp_path: Path, tiny_model: Path) -> None:
    killed_half_way(tmp_path, tiny_model, count=100, batch_size=2, plain=True)


@pytest.mark.long
def test_a_thousand_pictures_killed_half_way(tmp_path: Path, tiny_model: Path) -> None:
    killed_half_way(tmp_path, tiny_model, count=1000, batch_size=32, plain=False)


@dataclass
class Killing:
    """Runs over one album, killed at random moments; `check` holds what each kill left."""

    folder: Path
    model: Path
    pictures: int
    batch_size: int = 2
    draw: random.Random = field(default_factory=lambda: random.Random(0))
    start_up: float = 0.2
    """Seconds until the first batch, the shortest seen."""
    before: list[str] = field(default_factory=list)
    begun: int = 0

    def __post_init__(self) -> None:
        make_pictures(self.folder / "album", self.pictures)
        self.database, self.log = self.folder / "1.db", self.folder / "log"

    def start(self, database: Path | None = None) -> subprocess.Popen[bytes]:
        environment = {**logging_batches(self.log), "SMALL_BATCH": str(self.batch_size)}
        return subprocess.Popen(
            [*COMMAND, "index", "--quiet", str(self.folder / "album")]
            + ["--model", str(self.model), "--db", str(database or self.database)],
            env=os.environ | environment,
            stderr=subprocess.PIPE,
        )

    def kill(self, *, batches_left_to_see: float) -> bool:
        """Start a run and kill it amid its start or just after a batch began; tell if it lived."""
        self.before, self.begun = paths_in(state_of(self.database)), len(batches(self.log))
        started = time.monotonic()
        process = self.start()
        if batches_left_to_see and len(self.before) < self.pictures:
            self.wait_for_batches(process, self.begun + 1)
            self.start_up = min(self.start_up, time.monotonic() - started)
            most = max(1, round(2 * batches_left_to_see) - 1)
            self.wait_for_batches(process, self.begun + self.draw.randint(1, most))
            time.sleep(self.draw.uniform(0, 0.02))
        else:
            time.sleep(self.draw.uniform(0, self.start_up))
        process.kill()
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors
        return process.returncode == -signal.SIGKILL

    def wait_for_batches(self, process: subprocess.Popen[bytes], count: int) -> None:
        while process.poll() is None and len(batches(self.log)) < count:
            time.sleep(0.001)

    def check(self) -> None:
        """Fail if what was committed before the last run is gone, or was encoded again in it."""
        if self.database.exists():
            assert integrity(self.database) == "ok"
        assert set(self.before) <= set(paths_in(state_of(self.database)))
        encoded = {path for batch in batches(self.log)[self.begun :] for path in batch}
        assert not set(self.before) & encoded

    def finish(self) -> None:
        """Let a run come to its end, and fail unless it left what an unbroken one leaves."""
        whole = self.folder / "2.db"
        for process in (self.start(), self.start(whole)):
            _, errors = process.communicate()
            assert process.returncode == 0, errors
        state = state_of(self.database)
        assert len(state) == self.pictures
        assert_same(state, state_of(whole))


def kill_again_and_again(killing: Killing, kills: int) -> None:
    struck = survived = 0
    while struck < kills:
        left = (killing.pictures - len(paths_in(state_of(killing.database)))) / killing.batch_size
        share = left / max(1.0, (kills - struck) / 2)
        struck_now = killing.kill(batches_left_to_see=share if struck % 2 else 0)
        struck, survived = struck + struck_now, survived + (not struck_now)
        killing.check()
        assert survived < kills, "the runs are over before they are killed"
    killing.finish()


def test_runs_killed_at_random_moments_lose_nothing(tmp_path: Path, tiny_model: Path) -> None:
    kill_again_and_again(Killing(tmp_path, tiny_model, pictures=60), kills=6)


@pytest.mark.long
def test_a_hundred_kills_of_a_thousand_pictures_lose_nothing(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALL_ENCODER", "torch")
    killing = Killing(tmp_path, tiny_model, pictures=1000, batch_size=4, start_up=5.0)
    kill_again_and_again(killing, kills=100)
