"""Reports as text, JSON, Markdown and files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from described import as_described

from rclip_like.errors import MeasureError
from rclip_like.evaluate.report import (
    Cell,
    Column,
    Interval,
    Line,
    LineChart,
    MatrixChart,
    PictureChart,
    Report,
    Section,
    Table,
)
from rclip_like.output.report import (
    report_markdown,
    report_object,
    report_text,
)
from rclip_like.output.report_folder import check_report_folder, earlier_charts
from rclip_like.output.report_folder import write_report as write_report_with
from rclip_like.page.report import report_page

HOSTILE = "a\x1b[31m|cat\n<b>*$x_{1}$ \u202egod"
COLUMNS = (
    Column("label", "label", "text"),
    Column("pictures", "pictures", "count"),
    Column("recall", "recall@1", "share"),
    Column("difference", "difference", "points"),
    Column("ece", "ECE"),
)
ROWS: tuple[tuple[Cell, ...], ...] = (
    ("cat", 12345, Interval(0.481, 0.465, 0.4974), Interval(0.012, -0.003, 0.027), 0.0344),
    ("red car", 7, Interval(0.05, 0.01, 0.2), None, float("nan")),
)


def _report(*rows: tuple[Cell, ...], charts: bool = False) -> Report:
    table = Table("recall", "Recall", COLUMNS, rows or ROWS, "Ties count with their chance.")
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    drawn = (
        LineChart("curve", "Curve", "k", "accuracy", (Line("probe", (1, 2), (0.1, float("nan"))),)),
        MatrixChart("confusion", "Confusion", ("a", "b"), np.eye(2, dtype=np.int64)),
        PictureChart("pictures", "Pictures", (("row", ((pixels, "a caption"),)),)),
    )
    section = Section(
        "retrieval",
        "Retrieval",
        ("It finds.",),
        (table,),
        drawn if charts else (),
        "More.",
        "Few.",
        "Less.",
    )
    made = {"models": [{"name": "builtin"}], "pictures": 1996, "seed": np.int64(0)}
    return Report("Figures of photos", made, (section,), ("A note.",), "2026-01-01T00:00:00")


def write_report(report: Report, folder: Path) -> None:
    write_report_with(report, folder, report_page)


def test_text_aligns_columns_and_shows_shares_in_per_cent_with_their_interval() -> None:
    lines = list(report_text(_report()))
    assert "  label    pictures               recall@1   difference, points     ECE" in lines
    assert "  cat        12,345  48.1 % (46.5 to 49.7)  +1.2 (-0.3 to +2.7)  0.0344" in lines
    assert "  red car         7   5.0 %  (1.0 to 20.0)     -                      -" in lines


def test_text_says_what_made_the_report_what_the_paper_found_and_the_limits() -> None:
    lines = list(report_text(_report()))
    assert lines[0] == "Figures of photos"
    assert "pictures  1,996" in lines
    assert lines.index("The paper: More.") < lines.index("Others: Less.")
    assert "Limits: Few." in lines
    assert lines[-1] == "A note."


def test_a_figure_without_an_interval_stands_alone() -> None:
    nothing = float("nan")
    report = _report(("cat", 3, Interval(1.0, nothing, nothing), None, 1.0))
    (row,) = (line for line in report_text(report) if line.startswith("  cat"))
    assert row.split() == ["cat", "3", "100.0", "%", "-", "1"]
    table = as_described(report_object(report))["sections"][0]["tables"][0]
    assert table["rows"][0]["recall"] == {"value": 1.0, "low": None, "high": None}


def test_columns_stand_straight_beside_wide_characters() -> None:
    lines = list(report_text(_report(("红色的汽车", 1, 0.5, 0.0, 1.0), ("cat", 2, 0.5, 0.0, 1.0))))
    wide, narrow = (next(line for line in lines if name in line) for name in ("红", "cat"))
    assert len(wide) + 5 == len(narrow)


def test_nothing_in_a_text_is_obeyed_by_a_terminal() -> None:
    text = "\n".join(report_text(_report((HOSTILE, 1, 0.5, 0.0, 1.0))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "a\\x1b[31m|cat\\n<b>" in text


def test_a_long_table_is_cut_in_text_alone() -> None:
    report = _report(*((f"label {number}", 1, 0.5, 0.0, 1.0) for number in range(60)))
    text = "\n".join(report_text(report))
    assert "label 49" in text
    assert "label 50" not in text
    assert "10 more" in text
    assert "label 59" in report_markdown(report)
    assert "label 59" in report_object(report)


def test_json_has_each_row_as_an_object_by_column_key() -> None:
    described = as_described(report_object(_report(charts=True)))
    table = described["sections"][0]["tables"][0]
    assert table["rows"][0]["recall"] == {"value": 0.481, "low": 0.465, "high": 0.4974}
    assert table["rows"][0]["pictures"] == 12345
    assert table["rows"][1]["ece"] is None
    assert described["made"]["seed"] == 0


def test_markdown_shows_labels_as_they_stand_in_a_table() -> None:
    text = report_markdown(_report((HOSTILE, 1, 0.5, None, 1.0)))
    row = next(line for line in text.splitlines() if "cat" in line)
    assert row.startswith(r"| a\\x1b\[31m\|cat\\n\<b\>\*\$x\_\{1\}\$ ")
    assert row.replace(r"\|", "").count("|") == len(COLUMNS) + 1


def test_what_others_report_stands_apart_from_the_paper() -> None:
    text = report_markdown(_report())
    assert "**The paper:** More.\n\n**Others:** Less.\n\n**Limits:** Few." in text
    assert as_described(report_object(_report()))["sections"][0]["others"] == "Less."


def test_a_report_is_written_with_its_charts(tmp_path: Path) -> None:
    write_report(_report(charts=True), tmp_path / "new" / "report")
    files = {path.name for path in (tmp_path / "new" / "report").iterdir()}
    drawn = {f"retrieval-{key}.png" for key in ("curve", "confusion", "pictures")}
    assert files == {"report.json", "report.md", "report.html"} | drawn
    described = as_described((tmp_path / "new" / "report" / "report.json").read_bytes())
    assert set(described["files"]) == drawn
    assert "](retrieval-curve.png)" in (tmp_path / "new" / "report" / "report.md").read_text()


def test_a_later_report_replaces_an_earlier_one_and_its_charts(tmp_path: Path) -> None:
    write_report(_report(charts=True), tmp_path)
    (tmp_path / "mine.txt").write_text("mine")
    write_report(_report(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.json",
        "report.md",
        "report.html",
        "mine.txt",
    }


@pytest.mark.parametrize("name", ["report.md", "report.html", "report.json", "retrieval-curve.png"])
def test_a_file_of_someone_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(MeasureError, match="is not from an earlier report"):
        write_report(_report(charts=True), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "{}"


def test_a_page_of_someone_else_beside_an_earlier_report_is_left_alone(tmp_path: Path) -> None:
    write_report(_report(), tmp_path)
    (tmp_path / "report.html").write_text("mine")
    for refuses in (check_report_folder, lambda folder: write_report(_report(), folder)):
        with pytest.raises(MeasureError, match=r"report\.html exists and is not from an earlier"):
            refuses(tmp_path)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_an_earlier_report_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    folder, other = tmp_path / "report", tmp_path / "other.png"
    other.write_text("mine")
    write_report(_report(), folder)
    forged = json.loads((folder / "report.json").read_text()) | {"files": ["../other.png"]}
    (folder / "report.json").write_text(json.dumps(forged))
    write_report(_report(), folder)
    assert other.read_text() == "mine"


def test_a_picture_that_an_earlier_report_names_is_left_alone(tmp_path: Path) -> None:
    write_report(_report(), tmp_path)
    (tmp_path / "holiday.png").write_bytes(b"mine")
    names = {"files": ["holiday.png", "retrieval-curve.png"]}
    forged = json.loads((tmp_path / "report.json").read_text()) | names
    (tmp_path / "report.json").write_text(json.dumps(forged))
    write_report(_report(), tmp_path)
    assert (tmp_path / "holiday.png").read_bytes() == b"mine"
    (tmp_path / "retrieval-curve.png").write_bytes(b"mine, too")
    with pytest.raises(MeasureError, match="is not from an earlier report"):
        write_report(_report(charts=True), tmp_path)
    assert (tmp_path / "retrieval-curve.png").read_bytes() == b"mine, too"


@pytest.mark.parametrize("content", ["[" * 100_000, '{"format": "clipfind report 1", "files": 5}'])
def test_an_odd_report_is_no_earlier_report_or_has_no_charts(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    assert not earlier_charts(tmp_path)


def test_a_report_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "report.json")
    with pytest.raises(MeasureError, match="is not from an earlier report"):
        check_report_folder(tmp_path)


def test_a_folder_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MeasureError, match="not a folder"):
        check_report_folder(tmp_path / "file")
    (tmp_path / "report.md").write_text("mine")
    with pytest.raises(MeasureError, match="is not from an earlier report"):
        check_report_folder(tmp_path)
    check_report_folder(tmp_path / "new")
