"""Queries with filters over many rows, beside the same query without."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.data import need
from bench.measure import Program, details, in_turn, program
from bench.peer import FOLDER, model
from bench.report import Result
from bench.rows import clipfind_rows
from bench.scale import Scale
from bench.tools import Clipfind
from rclip_like.store import Store

SEED = 26
_BYTES_A_ROW = 3_000
_NUM_TOWNS = 2_000

FILTERS = {
    "none": (),
    "dates, a hundredth": ("--on", "2001"),
    "dates, 99 hundredths": ("--after", "2010"),
    "dates, nothing": ("--before", "1990"),
    "camera, a hundredth": ("--camera", "leica"),
    "camera, 99 hundredths": ("--camera", "canon"),
    "camera, nothing": ("--camera", "kodak"),
    "orientation, a hundredth": ("--orientation", "portrait"),
    "orientation, 99 hundredths": ("--orientation", "landscape"),
    "orientation, nothing": ("--orientation", "panorama"),
    "min-size, a hundredth": ("--min-size", "6000x4000"),
    "min-size, all": ("--min-size", "2000"),
    "min-size, nothing": ("--min-size", "100MP"),
    "near, a hundredth": ("--near", "60.39,5.32"),
    "near, 99 hundredths": ("--near", "55.68,12.57", "--within-km", "100"),
    "near, nothing": ("--near", "0,0"),
    "type, all": ("--type", "jpeg"),
    "type, nothing": ("--type", "png"),
    "place, a hundredth": ("--place", "norway"),
    "place, 99 hundredths": ("--place", "denmark"),
    "place, nothing": ("--place", "chile"),
    "dates and camera, a hundredth each": ("--on", "2001", "--camera", "leica"),
    "dates and place, 99 hundredths each": ("--after", "2010", "--place", "denmark"),
}
"""By what they keep of the pictures; each fact is spread over them by chance of its own."""


def measure_filters(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time a new query over the most rows with each filter; the result is of the slowest."""
    tool, album = rows_with_facts(scale.rows[-1])
    programs = [_program(tool, album, options) for options in FILTERS.values()]
    summaries = dict(zip(FILTERS, in_turn(programs, scale.repeats), strict=True))
    plain = summaries.pop("none")
    slowest = max(summaries, key=lambda name: summaries[name].cpu_s)
    every = {
        name: [round(each.cpu_s, 3), round(each.wall_s, 3)] for name, each in summaries.items()
    }
    entries = details([summaries[slowest], plain], scale.repeats, rows=scale.rows[-1])
    more = {"slowest": slowest, "cpu_and_wall_s": every}
    yield Result("filters", summaries[slowest].cpu_s, plain.cpu_s, {**entries, **more})


def _program(tool: Clipfind, album: Path, options: tuple[str, ...]) -> Program:
    made = program(tool, album, lambda n: (*tool.showing(f"a red car number {n}"), *options))
    return replace(made, statuses=(0, 1))  # 1: nothing was found


def rows_with_facts(count: int) -> tuple[Clipfind, Path]:
    """Return an index of so many pictures with dates, cameras, sizes and places, and its folder."""
    plain, album = clipfind_rows(count, model())
    tool = Clipfind(FOLDER / "rows" / f"{count}-facts", plain.model)
    if not (tool.home / "ready").exists():
        need(count * _BYTES_A_ROW)
        for path in plain.database.parent.glob(f"{plain.database.name}*"):
            shutil.copy2(path, tool.database.parent / path.name)
        with Store.open(tool.database, create=False):  # in today's form
            pass
        with closing(sqlite3.connect(tool.database, isolation_level=None)) as connection:
            _put_facts(connection, count)
        (tool.home / "ready").touch()
    return tool, album


def _size(*, is_portrait: bool, is_large: bool) -> tuple[int, int]:
    sides = (6000, 4500) if is_large else (4000, 3000)
    return sides[::-1] if is_portrait else sides


def _put_facts(connection: sqlite3.Connection, count: int) -> None:
    random = np.random.default_rng(SEED)
    is_rare = random.random((count, 5)) < 0.01
    days, towns = random.integers(1, 29, count), random.integers(0, _NUM_TOWNS, count)
    years, months = random.integers(2010, 2026, count), random.integers(1, 13, count)
    connection.execute("BEGIN")
    connection.executemany(
        "INSERT OR IGNORE INTO places VALUES (?, ?, ?, ?, ?, ?)",
        [
            (2 * number + is_far + 1, "NO" if is_far else "DK", "Norway" if is_far else "Denmark")
            + (f"State {number % 20}", f"County {number % 200}", f"Town {number}")
            for number in range(_NUM_TOWNS)
            for is_far in (False, True)
        ],
    )
    connection.executemany(
        "UPDATE contents SET taken_at = ?, taken_from = 'original', camera = ?, width = ?,"
        " height = ?, latitude = ?, longitude = ?, place_id = ? WHERE content_id = ?",
        (
            (
                f"{2001 if rare[0] else years[n]}-{months[n]:02}-{days[n]:02}T12:00:00",
                "LEICA M10" if rare[1] else f"Canon EOS {n % 40}D",
                *_size(is_portrait=rare[2], is_large=rare[3]),
                (60.39 if rare[4] else 55.68) + towns[n] / 1e6,
                (5.32 if rare[4] else 12.57) + towns[n] / 1e6,
                int(2 * towns[n] + rare[4] + 1),
                n + 1,
            )
            for n, rare in enumerate(is_rare.tolist())
        ),
    )
    connection.execute("COMMIT")
