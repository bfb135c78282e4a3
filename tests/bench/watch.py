"""Watch a folder that changes at random, and hold the index against a fresh one at the end.

`PYTHONPATH=tests python -m bench.watch FOLDER --minutes 30 --seed 0` makes an album in FOLDER,
which must not be there yet, starts `clipfind index --watch` with the built-in model, changes the
album about twice a second, with a burst of 200 folders every five minutes, and prints one JSON
line: the changes, the rows of both indexes, how many differ, and the memory of the process that
watches, in MiB, when it was idle, once a minute.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from changing_album import ChangingAlbum
from index_states import assert_same, state_of

_BURST_SECONDS = 300
_BURST = 200
_SETTLED_SECONDS = 60


def main(arguments: Sequence[str]) -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(_run(**vars(parser.parse_args(arguments)))))


def _run(folder: Path, minutes: float, seed: int) -> dict[str, object]:
    folder.mkdir(parents=True)
    album = ChangingAlbum(folder / "album", seed)
    for _ in range(100):
        album.add()
    database = folder / "watched.db"
    command = [sys.executable, "-m", "rclip_like", "index", str(album.top), "--db"]
    with (folder / "talk.txt").open("wb") as talk:
        watch = subprocess.Popen([*command, str(database), "--watch"], stderr=talk)
        try:
            counts, mebibytes = _change(album, watch, minutes, seed)
            album.end()
            time.sleep(_SETTLED_SECONDS)
            mebibytes.append(_resident_mebibytes(watch.pid))
        finally:
            watch.send_signal(signal.SIGTERM)
            status = watch.wait()
    fresh = folder / "fresh.db"
    subprocess.run([*command, str(fresh)], check=True)
    watched_rows, fresh_rows = state_of(database), state_of(fresh)
    shared = watched_rows.keys() & fresh_rows.keys()
    differing = 0
    for key in shared:
        try:
            assert_same({key: watched_rows[key]}, {key: fresh_rows[key]})
        except AssertionError:
            differing += 1
    runs = (folder / "talk.txt").read_text().count(" encoded")
    return {
        "minutes": minutes,
        "seed": seed,
        "changes": dict(counts),
        "runs": runs,
        "exit_status": status,
        "rows_watched": len(watched_rows),
        "rows_fresh": len(fresh_rows),
        "rows_in_one_alone": len(watched_rows.keys() ^ fresh_rows.keys()),
        "rows_differing": differing,
        "resident_mebibytes": mebibytes,
    }


def _change(
    album: ChangingAlbum, watch: subprocess.Popen[bytes], minutes: float, seed: int
) -> tuple[Counter[str], list[int]]:
    """Change the album for so long; return what was done how often, and the memory each minute."""
    chance, counts, mebibytes = random.Random(seed), Counter[str](), list[int]()
    started = time.monotonic()
    noted = burst = started
    while (now := time.monotonic()) < started + minutes * 60:
        assert watch.poll() is None, "the watch has ended by itself"
        counts[album.change()] += 1
        if now > burst + _BURST_SECONDS:
            album.burst(_BURST)
            counts["burst"] += 1
            burst = now
        if now > noted + 60:
            time.sleep(20)  # no batch is at work then
            mebibytes.append(_resident_mebibytes(watch.pid))
            noted = now
        time.sleep(chance.expovariate(2))
    return counts, mebibytes


def _resident_mebibytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1:])
