"""Odd names, odd trees, and how often a tree is walked: faults 2, 3, 9, 11 and 15 of the list."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from processes import ODD_NAMES, write_pictures
from witness import Witness

from bench.faults.table import Observation, fault
from bench.tools import Tool

FEW = (b"a.png", b"b.png", b"c.png")


@fault(2, "A name that is not UTF-8 aborts the run")
def name_in_latin_1(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index good names beside one from an old system."""
    write_pictures(folder / "album", (*FEW, b"caf\xe9.png"))
    outcome = tool.index(folder / "album")
    yield Observation(
        f"exit {outcome.status}{_inside(outcome.has_traceback)}, {tool.num_rows()} of 4 indexed",
        (outcome.status, tool.num_rows()) == (0, 4),
    )


@fault(3, "A link to the parent folder multiplies its pictures")
def link_to_parent(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index a folder with a link that leads round."""
    write_pictures(folder / "album", (*FEW, b"sub/d.png"))
    (folder / "album/sub/up").symlink_to("..")
    tool.index(folder / "album")
    yield Observation(f"4 pictures made {tool.num_rows()} rows", tool.num_rows() == 4)


@fault(9, "Patterns that exclude nothing, without a word; any replaces the defaults")
def exclude(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Leave a folder out in four spellings."""
    album = write_pictures(folder / "album", (b"a.png", b"sub/b.png", b"node_modules/c.png"))
    tool.index(album)
    for label, pattern in (
        ("sub", "sub"),
        ("sub/", "sub/"),
        ("an absolute path", str(album / "sub")),
        ("su*", "su*"),
    ):
        outcome = tool.run(album, *tool.searching("anything", tool.exclude, pattern))
        is_left_out = "sub/b.png" not in tool.scores(album, outcome.stdout)
        is_told = pattern.encode() in outcome.stderr
        what = "left out" if is_left_out else "said to match nothing" if is_told else "ignored"
        yield Observation(f"{label}: {what}", is_left_out or is_told)
    tool.index(album, tool.exclude, "other")
    rows = tool.num_rows(album / "node_modules")
    yield Observation(f"with another exclusion {rows} rows from node_modules", rows == 0)


@fault(11, "Broken files told in every run; odd names lost, or harmful to a terminal")
def odd_names(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index a broken file twice, and names that break columns and terminals."""
    album = write_pictures(folder / "album", (*FEW, b"broken.png"))
    (album / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    told = [tool.index(album).stderr.count(b"broken.png") for _ in range(3)]
    yield Observation(f"a broken file named {told} times in three runs", told == [1, 0, 0])
    names = [name for name in ODD_NAMES if b"\xff" not in name]
    odd = write_pictures(folder / "odd", tuple(names))
    tool.index(odd)
    yield Observation(
        f"{tool.num_rows(odd)} of {len(names)} odd names indexed",
        tool.num_rows(odd) == len(names),
    )
    found = tool.search(odd, "anything")
    whole = sum(os.fsdecode(name) in found for name in names)
    yield Observation(f"{whole} of {len(names)} given back whole", whole == len(names))
    shown = tool.on_terminal(odd, *tool.showing("anything"))
    raw = shown.count("\x1b[31m")
    yield Observation(f"{raw} escape codes of names reach a terminal", raw == 0)


@fault(15, "Walks the tree twice, asks for each file, drops the index with the model")
def walk_twice(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Watch a run in which nothing changed, then change the model."""
    names = tuple(f"{number % 10}/{number}.png".encode() for number in range(50))
    album = write_pictures(folder / "album", names)
    tool.index(album)
    witness = Witness(tool.home / "witness")
    tool.run(album, *tool.indexing(), **witness.environment)
    # Below the folder itself, whose first entry is looked at to see that a disk is mounted there.
    times = max(witness.folders(album / str(number)).total() for number in range(10))
    yield Observation(f"each folder listed {times} times", times == 1)
    asked = len(witness.statements("SELECT"))
    yield Observation(f"{asked} SELECTs for 50 unchanged files", asked < 50)
    tool.change_model(folder)
    tool.index(write_pictures(folder / "other"))
    kept = tool.num_rows(album)
    yield Observation(f"after a change of model {kept} of 50 rows kept", kept == 50)


def _inside(has_traceback: bool) -> str:
    return " with a traceback" if has_traceback else ""
