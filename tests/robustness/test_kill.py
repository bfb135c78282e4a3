"""kill -9 amid indexing: nothing finished is lost, and at most one batch is encoded twice."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_index import (
    SmallIndex,
    batches,
    make_pictures,
    start_indexing,
    wait_for_lines,
)


def finish(database: Path, model: Path, folder: Path, log: Path | None, batch_size: int) -> None:
    process = start_indexing(database, model, folder, log=log, batch_size=batch_size)
    output, errors = process.communicate()
    assert process.returncode == 0, (output, errors)


def integrity(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def rows_of(database: Path, model: Path) -> dict[bytes, np.ndarray]:
    index = SmallIndex(database, model)
    try:
        return index.rows()
    finally:
        index.store.close()


def killed_half_way(tmp_path: Path, model: Path, count: int, batch_size: int) -> None:
    """Kill a run after half its batches, start it again, and hold it against an unbroken one."""
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, count)
    process = start_indexing(tmp_path / "1.db", model, album, log=log, batch_size=batch_size)
    wait_for_lines(process, log, count // batch_size // 2)
    readers = children(process.pid)
    process.kill()
    process.communicate()
    assert readers or not Path("/proc").exists()
    assert all_end(readers), "readers outlived the indexer"
    assert process.returncode == -signal.SIGKILL
    assert len(batches(log)) < count // batch_size, "the run was over before it was killed"
    assert integrity(tmp_path / "1.db") == "ok"
    finish(tmp_path / "1.db", model, album, log, batch_size)
    times = Counter(path for batch in batches(log) for path in batch)
    twice = [path for path, number in times.items() if number > 1]
    assert sorted(times) == sorted(str(path) for path in album.iterdir())
    assert max(times.values()) <= 2
    assert len(twice) <= batch_size
    finish(tmp_path / "2.db", model, album, None, batch_size)
    broken, whole = (rows_of(tmp_path / name, model) for name in ("1.db", "2.db"))
    assert list(broken) == list(whole)
    for path, row in whole.items():
        cosine = row @ broken[path] / np.linalg.norm(row) / np.linalg.norm(broken[path])
        assert cosine >= 0.99999


def test_a_killed_run_encodes_at_most_one_batch_twice(tmp_path: Path, tiny_model: Path) -> None:
    killed_half_way(tmp_path, tiny_model, count=100, batch_size=2)


@pytest.mark.long
def test_a_thousand_pictures_killed_half_way(tmp_path: Path, tiny_model: Path) -> None:
    killed_half_way(tmp_path, tiny_model, count=1000, batch_size=32)


def children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def all_end(pids: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
