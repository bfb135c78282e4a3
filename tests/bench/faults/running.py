"""Interruptions and company: faults 1, 5 and 12 of the list."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from processes import write_pictures
from small_index import make_pictures

from bench.faults.table import Observation, fault
from bench.tools import Outcome, Tool

MANY = 100
ENOUGH = 30
BEGUN = 16
"""Two of the peer's batches: the first of them is being written."""
PATIENCE_S = 25.0
"""More than three pictures and the five seconds take after which the peer gives up."""


@fault(1, "Ctrl-C and SIGTERM lose what was done")
def interrupt(tool: Tool, folder: Path) -> Iterator[Observation]:
    """End runs half way and count what was kept."""
    for number in (signal.SIGINT, signal.SIGTERM):
        album = folder / number.name
        make_pictures(album, MANY)
        process = tool.start_indexing(album)
        done = tool.wait_for(process, ENOUGH)
        process.send_signal(number)
        status = process.wait(timeout=60)
        kept = tool.num_rows(album)
        yield Observation(
            f"{number.name} after {done} of {MANY} were encoded: exit {status}, {kept} kept",
            kept >= done,
        )


@fault(5, "A second indexer dies while a first one runs")
def index_twice(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index a second folder while the indexer of a large one rests."""
    make_pictures(folder / "large", MANY)
    small = write_pictures(folder / "small")
    process = tool.start_indexing(folder / "large")
    tool.wait_for(process, BEGUN)
    process.send_signal(signal.SIGSTOP)  # so that it is not over before the second one has begun
    second = _run_beside(tool, small, process)
    status = process.wait()
    said = _last_line(second.stderr)
    yield Observation(
        f"the second: exit {second.status}, {tool.num_rows(small)} of 3 pictures indexed "
        f"(“{said[:80]}”); the first: exit {status}",
        (second.status, status, tool.num_rows(small)) == (0, 0, 3),
    )


def _run_beside(tool: Tool, folder: Path, resting: subprocess.Popen[bytes]) -> Outcome:
    """Index a folder, and wake the resting process when that ends or has talked for a while."""
    talk = tool.home / "talk"
    with open(talk, "wb") as stderr:
        arguments = tool.indexing()
        second = tool.start(folder, *arguments, stdout=subprocess.DEVNULL, stderr=stderr)
    since: float | None = None
    while second.poll() is None:
        since = since or (time.monotonic() if talk.stat().st_size else None)
        if since and time.monotonic() - since > PATIENCE_S:
            break
        time.sleep(0.1)
    resting.send_signal(signal.SIGCONT)
    return Outcome(second.wait(), b"", talk.read_bytes())


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in os.fsdecode(said).splitlines() if line.strip()]
    return lines[-1] if lines else ""


@fault(12, "Rows of deleted files stay, the file never shrinks, copies are all shown")
def delete_most(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Delete nine pictures in ten, copy one, move one, and look at the index."""
    pictures = make_pictures(folder / "album", 120)
    tool.index(folder / "album")
    before = _index_bytes(tool)
    for path in pictures[12:]:
        path.unlink()
    tool.index(folder / "album")
    yield Observation(f"{tool.num_rows()} rows for 12 files left of 120", tool.num_rows() == 12)
    pruned = tool.prune(folder / "album")
    after = _index_bytes(tool)
    means = "there is no command for it" if pruned is None else f"prune: exit {pruned.status}"
    yield Observation(f"{means}; the file has {after / before:.0%} of its size", after < before)
    yield from _copy_and_move(tool, folder / "few")


def _copy_and_move(tool: Tool, folder: Path) -> Iterator[Observation]:
    write_pictures(folder, (b"one.png", b"two.png"))
    for name in ("copy.png", "again.png"):
        shutil.copy2(folder / "one.png", folder / name)
    tool.index(folder)
    lines = tool.on_terminal(folder, *tool.showing("anything")).splitlines()
    shown = sum("one.png" in line or "copy.png" in line or "again.png" in line for line in lines)
    yield Observation(f"of three equal files {shown} shown on a terminal", shown == 1)
    (folder / "two.png").rename(folder / "moved.png")
    gone = [path for path in tool.search(folder, "anything") if not (folder / path).exists()]
    yield Observation(f"after a move {len(gone)} paths shown that are not there", not gone)


def _index_bytes(tool: Tool) -> int:
    """Return the size of the index file and of what SQLite keeps beside it."""
    beside = tool.database.parent.glob(f"{tool.database.name}*")
    return sum(path.stat().st_size for path in beside if path.is_file())
