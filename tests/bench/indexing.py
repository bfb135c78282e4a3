"""Indexing, beside the peer's, beside its own limits, and where nothing has changed."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.agreement import check_photos
from bench.data import SMALL, files, photos
from bench.measure import Program, Summary, details, figures_of, in_turn, program, run
from bench.peer import FOLDER, model
from bench.report import Result
from bench.rows import index_files
from bench.scale import Scale
from bench.tools import Clipfind, Rclip, Tool
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_tower import choose_device, choose_precision

_NUM_CHECKED = 24
_BARE_WALK = """
import os, sys
def walk(folder):
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                walk(entry.path)
            else:
                entry.stat(follow_symlinks=False)
walk(sys.argv[1])
"""


def measure_indexing(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time a first run over large photos by two models, each as a whole process."""
    folder = photos(scale.num_photos)
    agreement: dict[str, object] = {}
    if has_peer:
        found = check_photos(photos(min(_NUM_CHECKED, scale.num_photos)))
        agreement = {"score_difference": found.difference, "score_spread": found.spread}
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        tools: list[Tool] = [
            Clipfind(Path(name, "same"), model(), "auto"),
            Clipfind(Path(name, "builtin"), "builtin", "auto"),
            *([Rclip(Path(name, "rclip"))] if has_peer else []),
        ]
        summaries = in_turn([_first_run(tool, folder) for tool in tools], scale.repeats)
        for tool in tools:
            assert tool.num_rows() == scale.num_photos, f"{tool.name} indexed {tool.num_rows()}"
    theirs = summaries[2:]
    for at, label in ((0, _same_model()), (1, "index-builtin")):
        yield _rate(label, [summaries[at], *theirs], scale, **agreement)


def measure_pipeline(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Hold the rate of a run against what encoding alone and decoding alone would allow."""
    folder = photos(scale.num_photos)
    for name, which in (("pipeline", "builtin"), ("pipeline-same", str(model()))):
        rates = figures_of("bench.pipeline", str(folder), which, str(scale.repeats))
        limit = 1 / (1 / rates["encode"] + 1 / rates["decode"])
        yield Result(name, rates["whole"], limit, {"photos": scale.num_photos, **rates})


def measure_unchanged(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time a run over files that are as they were, and a bare walk that looks at each."""
    yield time_unchanged(scale, "unchanged", lambda _: None)


def time_unchanged(scale: Scale, name: str, prepare: Callable[[Path], None]) -> Result:
    """Return how long such a run takes beside the bare walk; `prepare` is given the index."""
    folder = files(scale.num_files).resolve()
    with tempfile.TemporaryDirectory(dir=FOLDER) as home:
        ours = Clipfind(Path(home), "builtin", "auto")
        count = index_files(ours.database, folder, resolve("builtin"))
        prepare(ours.database)
        said = ours.index(folder).stderr.decode()
        assert f"{count:,} unchanged" in said or f"{count} unchanged" in said, said
        walk = Program(lambda _: (sys.executable, "-c", _BARE_WALK, str(folder)))
        summaries = in_turn([program(ours, folder, lambda _: ours.indexing()), walk], scale.repeats)
    walls = [each.wall_s for each in summaries]
    more = details(summaries, scale.repeats, files=count)
    return Result(name, walls[0], walls[1], more)


def measure_growth(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Compare the rate of a first run over many small photos with that over a few.

    What a run over one photo takes counts for none of them: it would hide a decline.
    """
    one, few, many = (photos(count, SMALL) for count in (1, *scale.growth))
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        ours = Clipfind(Path(name), "builtin", "auto")
        # Before and after, as the machine may have become busier meanwhile.
        # The first is to warm up: a cold start would be taken off the others.
        _, start, *runs = [run(_first_run(ours, each), 0) for each in (one, one, few, many, few)]
        assert ours.num_rows() == scale.growth[0]
    small, large = Summary.of([runs[0], runs[2]]), Summary.of(runs[1:2])
    rates = [
        (count - 1) / (each.wall_s - start.wall_s)
        for count, each in zip(reversed(scale.growth), (large, small), strict=True)
    ]
    more = details([large, small], 1, photos=scale.growth, start_s=start.wall_s)
    yield Result("growth", *rates, more)


def _first_run(tool: Tool, folder: Path) -> Program:
    """Return the run that finds no index."""

    def forget() -> None:
        for path in tool.database.parent.glob(f"{tool.database.name}*"):
            path.unlink()

    return program(tool, folder.resolve(), lambda _: tool.first_search(), forget)


def _same_model() -> str:
    """Return the budget's name: a processor that gains nothing from bf16 has one of its own."""
    has_bf16 = choose_precision("auto", choose_device("cpu")) == "bf16"
    return "index" if has_bf16 else "index-fp32"


def _rate(name: str, summaries: Sequence[Summary], scale: Scale, **more: object) -> Result:
    rates = [scale.num_photos / each.wall_s for each in summaries]
    conditions = details(summaries, scale.repeats, photos=scale.num_photos, **more)
    return Result(name, rates[0], rates[1] if len(rates) > 1 else None, conditions)
