"""Run two commands in turn and say how one compares with the other."""

from __future__ import annotations

import platform
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

REPEATS = 7
SAMPLING_S = 0.002

Command = Callable[[int], Sequence[str]]
"""The command line of the n-th run, so that every run can ask something new."""


@dataclass(frozen=True)
class Run:
    """What one process took; private memory is the peak of its anonymous pages, if known."""

    wall_s: float
    cpu_s: float
    private_bytes: int | None


def compare(ours: Command, reference: Command) -> dict[str, object]:
    """Return medians, spreads and ratios of both, run in turn after one warm-up each."""
    pairs = [(_run(ours(n)), _run(reference(n))) for n in range(REPEATS + 1)][1:]
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        **_summary("", first),
        **_summary("reference_", second),
        "wall_ratio": round(_median_wall(first) / _median_wall(second), 3),
        "cpu_ratio": round(_median_cpu(first) / _median_cpu(second), 3),
        "per_s": round(1 / _median_wall(first), 2),
        "warm_up": 1,
        "repeats": REPEATS,
        "versions": _versions(),
    }


def _summary(prefix: str, runs: Sequence[Run]) -> dict[str, object]:
    walls = sorted(run.wall_s for run in runs)
    known = [run.private_bytes for run in runs if run.private_bytes]
    return {
        f"{prefix}median_s": round(_median_wall(runs), 4),
        f"{prefix}spread_s": [round(walls[0], 4), round(walls[-1], 4)],
        f"{prefix}cpu_s": round(_median_cpu(runs), 4),
        f"{prefix}private_mib": round(median(known) / 2**20, 1) if known else None,
    }


def _median_wall(runs: Sequence[Run]) -> float:
    return median(run.wall_s for run in runs)


def _median_cpu(runs: Sequence[Run]) -> float:
    return median(run.cpu_s for run in runs)


def _run(command: Sequence[str]) -> Run:
    start, before_s = time.perf_counter(), _children_cpu_s()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _private_bytes(process.pid))
        time.sleep(SAMPLING_S)
    wall_s, cpu_s = time.perf_counter() - start, _children_cpu_s() - before_s
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {errors.decode()}")
    return Run(wall_s, cpu_s, peak or None)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def _versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("clipfind", "numpy")}
    return {"python": platform.python_version(), "machine": platform.machine(), **packages}
