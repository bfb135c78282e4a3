"""Relocate an index of many pictures, and kill it on the way.

`PYTHONPATH=tests python -m bench.relocating DATABASE OLD NEW` works on DATABASE itself, so give it
a copy, with the files beside it. It moves to NEW and back, of which the way back is timed: the
first run may have to bring an older index up. Then it is killed at twelve moments, evenly spread
over that time. Prints one line a run: after how many seconds it ended or was killed, and how many
files lie below OLD and below NEW then; ends with an error where some lie below each.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

NUM_KILLS = 12


def relocate(database: Path, old: str, new: str, seconds: float | None = None) -> float:
    """Relocate in a process, killed after so many seconds; return how long it ran."""
    command = [sys.executable, "-m", "rclip_like", "relocate", "--force", "--quiet"]
    started = time.monotonic()
    with subprocess.Popen([*command, "--db", database, old, new]) as process:
        if seconds is not None:
            time.sleep(seconds)
            process.send_signal(signal.SIGKILL)
    return time.monotonic() - started


def count_below(database: Path, folder: str) -> int:
    start = os.fsencode(folder) + b"/"
    question = "SELECT count(*) FROM files WHERE path >= ? AND path < ?"
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(question, (start, start[:-1] + b"0")).fetchone()[0])


def main(database: Path, old: str, new: str) -> None:
    relocate(database, old, new)
    before = os.times()
    whole = relocate(database, new, old)
    after = os.times()
    used = sum(after[2:4]) - sum(before[2:4])
    print(f"{whole:.2f} s, {used:.2f} of a processor")
    now, other, num_moved = old, new, 0
    for kill in range(1, NUM_KILLS + 1):
        seconds = whole * kill / (NUM_KILLS + 1)
        relocate(database, now, other, seconds)
        counts = count_below(database, old), count_below(database, new)
        print(f"{seconds:.2f} s", *counts)
        assert 0 in counts
        if counts[now == new] == 0:
            now, other, num_moved = other, now, num_moved + 1
    print(f"{NUM_KILLS} kills: {num_moved} after all had moved, the others before")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:4])
