"""Relocate an index of many pictures, and kill it on the way.

`PYTHONPATH=tests python -m bench.relocating DATABASE OLD NEW` works on DATABASE itself, so give it
a copy, with the files beside it. Prints one line a run: seconds, and how many files lie below OLD
and below NEW afterwards; ends with an error where some lie below each.
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
    whole = relocate(database, old, new)
    for kill in range(NUM_KILLS + 1):
        counts = count_below(database, old), count_below(database, new)
        print(f"{whole if not kill else whole * kill / NUM_KILLS:.2f} s", *counts)
        assert 0 in counts
        now, other = (old, new) if counts[0] else (new, old)
        if kill < NUM_KILLS:
            relocate(database, now, other, whole * (kill + 1) / NUM_KILLS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:4])
