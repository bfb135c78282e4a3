"""Run programs in turn, so that what the machine does beside falls on all of them alike."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.memory import Memory, memory_of
from bench.tools import Tool, Word

SAMPLING_S = 0.02


def _prepare_nothing() -> None:
    pass


@dataclass(frozen=True)
class Program:
    """A program to be timed as a whole process.

    command: its command line in the n-th run, so that every run can ask something new.
    prepare: called before each run, untimed. statuses: with which it may end.
    """

    command: Callable[[int], Sequence[Word]]
    folder: Path | None = None
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    prepare: Callable[[], None] = _prepare_nothing
    statuses: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Run:
    """What one process and all that it started took; private memory is 0 where not known."""

    wall_s: float
    cpu_s: float
    private_bytes: int


@dataclass(frozen=True)
class Summary:
    """The medians of a program's runs, and the span of their wall times."""

    wall_s: float
    cpu_s: float
    private_mb: float
    span_s: tuple[float, float]

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Summary:
        """Return the summary of at least one run."""
        walls = [run.wall_s for run in runs]
        return cls(
            median(walls),
            median(run.cpu_s for run in runs),
            median(run.private_bytes for run in runs) / 1e6,
            (min(walls), max(walls)),
        )

    def as_details(self, prefix: str) -> dict[str, object]:
        """Return it as entries for JSON, each name with the prefix."""
        return {
            f"{prefix}wall_s": round(self.wall_s, 4),
            f"{prefix}span_s": [round(each, 4) for each in self.span_s],
            f"{prefix}cpu_s": round(self.cpu_s, 4),
            f"{prefix}private_mb": round(self.private_mb, 1),
        }


def program(
    tool: Tool,
    folder: Path,
    arguments: Callable[[int], Sequence[Word]],
    prepare: Callable[[], None] = _prepare_nothing,
) -> Program:
    """Return a tool's command, run inside the folder, as a program to be timed."""
    return Program(lambda n: tool.command(*arguments(n)), folder, tool.environment, prepare)


def in_turn(programs: Sequence[Program], repeats: int, warm_ups: int = 1) -> list[Summary]:
    """Return the medians of the programs, run one after the other `repeats` times.

    Raises RuntimeError when one fails.
    """
    rounds = [[run(each, n) for each in programs] for n in range(warm_ups + repeats)]
    return [Summary.of(runs) for runs in zip(*rounds[warm_ups:], strict=True)]


def details(summaries: Iterable[Summary], repeats: int, **conditions: object) -> dict[str, object]:
    """Return entries for JSON: conditions, and summaries of clipfind and of the reference."""
    named = dict(zip(("", "reference_"), summaries, strict=False))
    entries = (summary.as_details(prefix) for prefix, summary in named.items())
    return {**conditions, "repeats": repeats, **{k: v for each in entries for k, v in each.items()}}


def run(measured: Program, number: int) -> Run:
    """Run a program once and return what it took. Raises RuntimeError when it fails."""
    measured.prepare()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start, before_s = time.perf_counter(), _children_cpu_s()
        process = subprocess.Popen(
            measured.command(number),
            cwd=measured.folder,
            env=measured.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        peaks = Memory()
        while process.poll() is None:
            peaks = peaks.at_most(memory_of(process.pid))
            time.sleep(SAMPLING_S)
        wall_s, cpu_s = time.perf_counter() - start, _children_cpu_s() - before_s
        err.seek(0)
        if process.returncode not in measured.statuses:
            said = err.read()[-2000:].decode(errors="replace")
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}: {said}")
    return Run(wall_s, cpu_s, peaks.private)


def figures_of(module: str, *arguments: str) -> dict[str, float]:
    """Return the figures that a module of the benchmarks prints, run as a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", module, *arguments]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
