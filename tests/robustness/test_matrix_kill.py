"""kill -9 amid the writing of the matrix: what a search finds stays what the rows say."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
import traceback
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from index_states import ranked_both_ways
from small_index import fill

from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer


def write_until_killed(database: Path, started: int, first: int) -> None:
    """Write batches of new files, and after each the matrix; tell when the first is written."""
    with Store.open(database, create=False) as store, store.writing(wait=True):
        for number in range(first, first + 10_000):
            paths = [b"/%05d/%02d" % (number, each) for each in range(20)]
            Writer(store).extend_matrix(fill(store, paths, seed=number))
            os.write(started, b".")


def killed_amid_writing(database: Path, first: int, seconds: float) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            write_until_killed(database, writing, first)
        finally:
            traceback.print_exc()
            os._exit(1)  # an error must not come back into the tests' own run
    os.close(writing)
    os.read(reading, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(reading)
    assert os.WIFSIGNALED(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks to be killed")
def test_a_writer_of_the_matrix_killed_at_any_moment_leaves_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    monkeypatch.setattr(stamp, "_SHARE_BEHIND", 1 << 30)  # one row more is enough
    database, random = tmp_path / "index.db", np.random.default_rng(0)
    Store.open(database, create=True).close()
    num_trusted = 0
    for round_ in range(20):
        killed_amid_writing(database, 10_000 * round_, random.uniform(0, 0.05))
        with closing(sqlite3.connect(database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with Store.open(database, create=False) as store:
            is_trusted, by_search, by_rows = ranked_both_ways(store)
            assert by_search == by_rows
            num_trusted += is_trusted
    assert num_trusted > 10  # a crash leaves what was there before
    with Store.open(database, create=False) as store, store.writing(wait=False):
        fill(store, [b"/last"], seed=1)
        assert Writer(store).extend_matrix(1)
        is_trusted, by_search, by_rows = ranked_both_ways(store)
        assert is_trusted
        assert by_search == by_rows
        assert len(stamp.files_of(database)) <= 3  # the order before is kept for late readers
