"""The memory of a process and of all that it has started, while it runs."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLING_S = 0.01


@dataclass(frozen=True)
class Memory:
    """Peaks of a tree of processes, in bytes; zero where the system has no /proc.

    `resident` adds up the peaks of the processes that lived at the same time, so it is never less
    than what they held together; `private` is the most anonymous memory seen at one time.
    """

    resident: int = 0
    private: int = 0

    def at_most(self, other: Memory) -> Memory:
        """Return the larger of both in each."""
        return Memory(max(self.resident, other.resident), max(self.private, other.private))


def watch(process: subprocess.Popen[bytes], timeout_s: float = 600) -> Memory:
    """Wait for the process and return the peaks; raises TimeoutExpired with the process killed."""
    until = time.monotonic() + timeout_s
    peaks = Memory()
    while process.poll() is None:
        peaks = peaks.at_most(memory_of(process.pid))
        if time.monotonic() > until:
            process.kill()
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        time.sleep(SAMPLING_S)
    return peaks


def memory_of(pid: int) -> Memory:
    """Return what the process and its descendants hold now, and held at their peaks."""
    statuses = [_status(each) for each in family(pid)]
    return Memory(
        resident=sum(status.get("VmHWM", 0) for status in statuses),
        private=sum(status.get("RssAnon", 0) for status in statuses),
    )


def family(pid: int) -> list[int]:
    """Return the process and all its living descendants."""
    found = [pid]
    for each in found:
        try:
            lists = [path.read_text() for path in Path(f"/proc/{each}/task").glob("*/children")]
        except OSError:  # it has ended meanwhile
            continue
        found += [int(child) for text in lists for child in text.split()]
    return found


def _status(pid: int) -> dict[str, int]:
    """Return the memory lines of /proc's status, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {
        name: int(value.split()[0]) * 1024
        for name, _, value in (line.partition(":") for line in lines)
        if name in ("VmHWM", "RssAnon")
    }
