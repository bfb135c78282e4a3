"""A report as one page: it says what the Markdown says, shows the charts, and does no harm."""

from __future__ import annotations

import re

import numpy as np

from rclip_like.evaluate.report import (
    Cell,
    Column,
    Interval,
    MatrixChart,
    Report,
    Section,
    Table,
)
from rclip_like.output.charts import chart_png
from rclip_like.output.report import report_markdown
from rclip_like.page.report import report_page

HOSTILE = "</td><script>alert(1)</script>{{ 7 * 7 }}\x1b[31m\u202e\"'"
COLUMNS = (Column("label", "label", "text"), Column("recall", "recall@1", "share"))


def report_of(label: str = "cat", title: str = "Figures of photos") -> Report:
    rows: tuple[tuple[Cell, ...], ...] = ((label, Interval(0.481, 0.465, 0.497)), ("dog", None))
    table = Table("recall", "Recall of labels", COLUMNS, rows, "Ties count with their chance.")
    hidden = Table("all", "All of it", COLUMNS, rows, only_json=True)
    chart = MatrixChart("confusion", "Confusion", ("a", "b"), np.eye(2, dtype=np.int64))
    first = Section("labels", "Labels", (f"It finds {label}.",), (table, hidden), (chart,), "More.")
    second = Section("limits", "Limits of it", ("Few pictures.",))
    made = {"models": [{"name": "builtin"}, {"name": "other"}], "pictures": 1996}
    return Report(title, made, (first, second), ("A note.",), "2026-01-01T00:00:00")


def page_of(report: Report) -> str:
    section = report.sections[0]
    return report_page(report, {"labels-confusion.png": chart_png(section.charts[0])})


def texts_of(page: str) -> str:
    body = page.partition("<body>")[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_the_page_says_what_the_markdown_says_and_shows_the_chart() -> None:
    report = report_of()
    page, markdown = page_of(report), report_markdown(report)
    shown = texts_of(page)
    for said in (
        *("Figures of photos", "name builtin", "name other", "1,996", "Labels", "Limits of it"),
        *("It finds cat.", "Recall of labels", "recall@1", "48.1 %", "(46.5 to 49.7)"),
        *("Ties count with their chance.", "The paper", "More.", "A note.", "2026-01-01T00:00:00"),
    ):
        assert said in shown, said
        assert said in markdown.replace("\\", ""), said
    assert "All of it" not in shown
    (chart,) = re.findall(r'<img src="data:image/png;base64,[^"]+" alt="([^"]*)"', page)
    assert chart == "chart: Confusion"


def test_its_headings_are_in_order_and_the_sections_can_be_jumped_to() -> None:
    page = page_of(report_of())
    assert re.findall(r"<(h\d)", page) == ["h1", "h2", "h3", "h2"]
    assert re.findall(r'href="#([\w-]+)"', page) == ["report", "labels", "limits"]
    assert set(re.findall(r' id="([\w-]+)"', page)) == {"report", "labels", "limits"}
    assert 'role="region" tabindex="0"' in page  # a wide table is scrolled by keys


def test_labels_and_titles_do_no_harm_and_nothing_is_loaded() -> None:
    page = page_of(report_of(HOSTILE, f"Figures of {HOSTILE}"))
    assert "<script" not in page
    assert "{{ 7 * 7 }}" in texts_of(page)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert not re.search(r"https?://|url\(|@import|<link|javascript:", page)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
