"""The benchmarks' own arithmetic: ratios, verdicts, tables, JSON, and what counts as agreement."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import bench
import pytest
from bench import agreement, data, peer
from bench.budgets import BUDGETS, Budget
from bench.faults.table import Observation, Row
from bench.faults.table import as_json as fault_as_json
from bench.faults.table import as_markdown as faults_as_markdown
from bench.measure import Program, Run, Summary, in_turn
from bench.memory import family, memory_of
from bench.report import Result, as_json, as_markdown

AT_MOST = Budget("a query", "s", limit=0.5)
AT_LEAST = Budget("indexing", "photos/s", limit=1.5, least=True)
ABSOLUTE = Budget("memory", "MB", limit=250, absolute=True)


@pytest.mark.parametrize(
    ("budget", "value", "reference", "is_met"),
    [
        (AT_MOST, 1.0, 2.0, True),
        (AT_MOST, 1.1, 2.0, False),
        (AT_MOST, 1.0, None, None),
        (AT_LEAST, 15.0, 10.0, True),
        (AT_LEAST, 14.9, 10.0, False),
        (ABSOLUTE, 250.0, None, True),
        (ABSOLUTE, 251.0, 1000.0, False),
        (Budget("for the record", "s"), 1.0, 1.0, None),
    ],
)
def test_a_budget_judges_the_ratio_or_the_figure_itself(
    budget: Budget, value: float, reference: float | None, is_met: bool | None
) -> None:
    assert budget.is_met(value, reference) is is_met


def test_a_row_of_the_table_says_figures_ratio_budget_and_verdict() -> None:
    *_, first, second = as_markdown(
        [Result("query", 0.42, 1.0), Result("rows-100000-memory", 300.0, 735.0)]
    ).splitlines()
    assert first.split(" | ")[1:] == ["0.420 s", "1.00 s", "0.42 x", "<= 0.5 x", "pass |"]
    assert second.split(" | ")[1:] == ["300 MB", "735 MB", "0.41 x", "<= 250 MB", "FAIL |"]


def read_table(text: str) -> list[list[str]]:
    """Return the cells of the rows of the first table in a text."""
    lines = [line for line in text.partition("\n| what | clipfind |")[2].splitlines() if line]
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[2:])
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in rows]


def test_the_page_on_speed_shows_every_budget_and_the_verdicts_that_its_figures_bear() -> None:
    rows = read_table((Path(bench.__file__).parent / "SPEED.md").read_text(encoding="utf-8"))
    shown = {what.partition(", against")[0]: cells for what, *cells in rows}
    # A machine has either of two budgets for the same indexing.
    either = {BUDGETS["index"].what, BUDGETS["index-fp32"].what}
    assert len(either & shown.keys()) == 1
    assert shown.keys() | either == {budget.what for budget in BUDGETS.values()}
    for budget in BUDGETS.values():
        if budget.what in shown:
            figure, reference, _, limit, verdict = shown[budget.what]
            value, other = (
                None if cell == "-" else float(cell.split()[0].replace(",", ""))
                for cell in (figure, reference)
            )
            is_met = {"pass": True, "FAIL": False, "": None}[verdict]
            assert value is not None
            assert (limit, is_met) == (budget.in_words(), budget.is_met(value, other))


def test_without_the_peer_a_row_has_no_verdict() -> None:
    (line,) = as_markdown([Result("query", 0.42)]).splitlines()[2:]
    assert line.split(" | ")[2:] == ["-", "", "<= 0.5 x", " |"]


def test_json_holds_what_the_table_does_and_the_conditions() -> None:
    row = json.loads(as_json(Result("index", 18.0, 12.0, {"photos": 400, "repeats": 5})))
    assert (row["clipfind"], row["reference"], row["ratio"], row["met"]) == (18.0, 12.0, 1.5, True)
    assert (row["bench"], row["photos"], row["budget"]) == ("index", 400, ">= 1.5 x")
    assert row["versions"]["clipfind"]


def test_every_part_has_a_budget_of_its_name() -> None:
    from bench.__main__ import PARTS

    for part in PARTS:
        assert [name for name in BUDGETS if name.startswith(part)], part


def test_the_pairs_of_the_training_programs_are_told_apart_by_their_captions(
    tmp_path: Path,
) -> None:
    from bench.program import write_table

    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:05}.jpg").touch()
    header, *rows = write_table(folder).read_text().splitlines()
    images, captions = zip(*(row.split(",") for row in rows), strict=True)
    assert (header, images[0]) == ("image,caption", "photos/00000.jpg")
    assert len(set(captions)) == len(set(images)) == 20
    assert {len(caption.split()) for caption in captions} == {10}


def test_medians_are_of_the_runs_after_the_warm_up(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def measured(name: str) -> Program:
        code = f"open({str(log)!r}, 'a').write('{name}' + __import__('sys').argv[1])"
        return Program(lambda n: (sys.executable, "-c", code, str(n)))

    summaries = in_turn([measured("a"), measured("b")], repeats=2)
    assert log.read_text() == "a0b0a1b1a2b2"
    assert all(summary.wall_s > 0 for summary in summaries)
    runs = [Run(wall, wall / 2, int(wall * 1e6)) for wall in (1.0, 9.0, 2.0)]
    assert Summary.of(runs) == Summary(2.0, 1.0, 2.0, (1.0, 9.0))


def test_a_program_that_fails_is_not_timed() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        in_turn([Program(lambda _: (sys.executable, "-c", "raise OSError('no such thing')"))], 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_memory_is_that_of_all_descendants() -> None:
    inner = "held = bytearray(60_000_000); print('ready', flush=True); input()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    assert len(family(process.pid)) == 2
    assert memory_of(process.pid).private > 60_000_000
    process.communicate(b"\n")


def test_answers_agree_up_to_pairs_closer_than_the_tolerance() -> None:
    expected = {"a": 0.5, "b": 0.4995, "c": 0.1}
    assert agreement.compare({"a": 0.4995, "b": 0.4999, "c": 0.1}, expected) < 0.001
    with pytest.raises(agreement.Disagreement, match="differ"):
        agreement.compare(expected | {"c": 0.102}, expected)
    with pytest.raises(agreement.Disagreement, match="not in both"):
        agreement.compare({"a": 0.5}, expected)


def test_the_faults_are_told_with_what_was_seen_and_whether_it_is_right() -> None:
    seen = [Observation("exit 1", False), Observation("3 | 4 rows", True)]
    row = Row(2, "Aborts", {"rclip 4.0.8": None, "clipfind": seen})
    assert faults_as_markdown(row) == "| 2 | Aborts | not here | ✗ exit 1; ✓ 3 \\| 4 rows |"
    described = json.loads(fault_as_json(row))
    assert described["clipfind"] == {"right": False, "did": ["exit 1", "3 | 4 rows"]}
    assert described["rclip 4.0.8"]["right"] is None


def test_data_is_refused_where_the_disk_has_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    data.need(1)
    with pytest.raises(data.NoSpace, match="are free"):
        data.need(1e18)


def test_photos_to_measure_with_are_the_same_each_time_and_no_two_equal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLIPFIND_STARTER", raising=False)
    made = []
    for name in ("one", "two"):
        monkeypatch.setattr(data, "FOLDER", tmp_path / name)
        made.append([path.read_bytes() for path in sorted(data.photos(30, (64, 48)).iterdir())])
    assert made[0] == made[1]
    assert len(set(made[0])) == 30


def test_a_missing_peer_is_said_and_nothing_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peer, "FOLDER", tmp_path)
    monkeypatch.setattr(peer, "_ENVIRONMENT", tmp_path / "peer")
    monkeypatch.setattr(peer, "_candidates", lambda: iter(("/no/python",)))
    peer._build.cache_clear()
    assert not peer.is_here()
    assert "rclip 4.0.8 is left out: no Python 3.12" in capsys.readouterr().err
    peer._build.cache_clear()
