"""kill -9 amid `relocate`: all paths are old or all are new, and the matrix tells the truth."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from index_states import ranked_both_ways
from small_index import fill

from rclip_like.store import Store
from rclip_like.store.matrix import stamp

NUM_FILES, NUM_KILLS = 12_000, 16
OLD, NEW = b"/media/old", b"/media/z/new"


def relocate_in_child(database: Path, old: bytes, new: bytes, seconds: float | None) -> float:
    """Relocate in a process that is killed after so many seconds; return how long it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            with Store.open(database, create=False) as store, store.writing(wait=True):
                os.write(writing, b".")
                store.relocation(old, new).move()
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)  # an error must not come back into the tests' own run
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    started = time.monotonic()
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return time.monotonic() - started


def count_below(database: Path, folder: bytes) -> int:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        counts = [
            connection.execute(
                f"SELECT count(*) FROM {table} WHERE substr(path, 1, ?) = ?",
                (len(folder) + 1, folder + b"/"),
            ).fetchone()[0]
            for table in ("files", "sidecars")
        ]
    assert counts[0] == counts[1]
    return int(counts[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks to be killed")
def test_a_relocation_killed_at_any_moment_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    database = tmp_path / "index.db"
    names = [b"/%03d/%05d.jpg" % (number // 100, number) for number in range(NUM_FILES)]
    with Store.open(database, create=True) as store:
        model_id = fill(store, [OLD + name for name in names])
        fill(store, [b"/media/p/%d.jpg" % number for number in range(50)])  # between the two
        with store.writing(wait=False) as writer:
            writer.words.put_sidecars({OLD + name + b".xmp": (1, 1, "", "") for name in names})
            assert writer.extend_matrix(model_id)
    now, other = OLD, NEW
    there = relocate_in_child(database, now, other, None)
    back = relocate_in_child(database, other, now, None)
    whole = min(there, back)  # a machine that was busy would have the kills come too late
    num_old = num_trusted = 0
    for kill in range(NUM_KILLS):
        relocate_in_child(database, now, other, whole * kill / (NUM_KILLS - 2))
        below = (count_below(database, now), count_below(database, other))
        assert below in ((NUM_FILES, 0), (0, NUM_FILES))
        num_old += below[0] > 0
        if below[0] == 0:
            now, other = other, now
        with Store.open(database, create=False) as store:
            is_trusted, by_search, by_rows = ranked_both_ways(store)
        assert by_search == by_rows
        num_trusted += is_trusted
    assert num_old > 2  # else it was always done before the kill
    assert num_trusted == NUM_KILLS
