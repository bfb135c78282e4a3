"""What is made of a query, and how a failure is told: faults 8, 10 and 14 of the list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from processes import write_pictures

from bench.faults.table import Observation, fault
from bench.tools import Outcome, Tool


@fault(8, "Paths become words, times of day become weights")
def spell_a_picture(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Ask with one picture in five spellings, and for a time of day."""
    home = write_pictures(folder / "home")
    tool.index(home)
    deep = home / "deep"
    tool.index(deep)
    expected = _ask(tool, home, str(home / "one.png"), home)
    for where, query in ((deep, "../one.png"), (home, "~/one.png"), (home, "one.png")):
        found = _ask(tool, where, query, home)
        # A picture query leaves its own file out, words leave out none.
        same = set(found) <= set(expected) and bool(found)
        same = same and all(abs(found[name] - expected[name]) < 0.002 for name in found)
        yield Observation(f"{query}: {'the picture' if same else 'words'}", same)
    whole, rest = (_ask(tool, home, query, home) for query in ("3:00 am", "00 am"))
    is_weight = all(abs(whole[name] - 3 * rest[name]) < 0.005 for name in rest)
    yield Observation(f"3:00 am: {'three times “00 am”' if is_weight else 'words'}", not is_weight)


def _ask(tool: Tool, folder: Path, query: str, home: Path) -> dict[str, float]:
    outcome = tool.run(folder, *tool.searching(query), HOME=str(home))
    scores = tool.scores(folder, outcome.stdout)
    return {os.path.basename(path): score for path, score in scores.items()}


@fault(10, "Tracebacks; errors printed as if they were results")
def fail(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Fail in six ways."""
    album = write_pictures(folder / "album")
    tool.index(album)
    yield _close_pipe(tool, album)
    for what, query in (
        ("a folder as query", "./deep"),
        ("a web address without a server", "http://127.0.0.1:9/a.jpg"),
        ("a missing picture", "./gone.jpg"),
    ):
        yield _told(what, tool.run(album, *tool.searching(query)))
    yield _told("no weights and no network", tool.run_without_weights(album))
    tool.database.write_bytes(b"no database at all" * 1000)
    yield _told("garbage as index", tool.run(album, *tool.searching("anything")))


def _close_pipe(tool: Tool, folder: Path) -> Observation:
    ours, theirs = os.pipe()
    os.close(ours)
    with open(tool.home / "talk", "wb") as talk:
        process = tool.start(folder, *tool.searching("anything"), stdout=theirs, stderr=talk)
        os.close(theirs)
        process.wait()
    outcome = Outcome(process.returncode, b"", (tool.home / "talk").read_bytes())
    return Observation(f"a closed pipe: {_manner(outcome)}", not outcome.stderr)


def _told(what: str, outcome: Outcome) -> Observation:
    results = outcome.stdout.count(b"\n")
    is_right = outcome.status == 2 and not results and outcome.stderr.count(b"\n") == 1
    printed = f", {results} on stdout" if results else ""
    return Observation(f"{what}: exit {outcome.status}, {_manner(outcome)}{printed}", is_right)


def _manner(outcome: Outcome) -> str:
    if outcome.has_traceback:
        return "a traceback"
    lines = outcome.stderr.count(b"\n")
    return {0: "nothing on stderr", 1: "one line on stderr"}.get(lines, f"{lines} on stderr")


@fault(14, "Scores of sums are no cosines; exit 0 when nothing is found")
def sum_up(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Add weighted pictures, and search where there is nothing."""
    album = write_pictures(folder / "album")
    tool.index(album)
    scores = tool.search(album, "5:./one.png", "-a", "3:./two.png").values()
    most = max(scores, default=float("nan"))
    yield Observation(f"five times one and three times another: {most:.3f}", abs(most) <= 1)
    (folder / "empty").mkdir()
    tool.index(folder / "empty")
    status = tool.run(folder / "empty", *tool.searching("anything")).status
    yield Observation(f"nothing found: exit {status}", status == 1)
