"""A report as one HTML file, with its charts inside."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rclip_like.output.report import (
    beside,
    chart_file,
    column_title,
    plain_value,
    shown_cell,
    shown_tables,
)
from rclip_like.output.report_folder import REPORT_KIND
from rclip_like.output.terminal import escaped
from rclip_like.page.documents import render

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Report, Section, Table


def report_page(report: Report, charts: Mapping[str, bytes]) -> str:
    """Return the HTML file that says what the report's Markdown says, and shows its charts.

    charts: the PNG of each, by the name of its file in the report's folder.
    """
    made = [
        (key.replace("_", " "), [escaped(line) for line in plain_value(value).split("\n")])
        for key, value in report.made.items()
    ]
    parts = render(
        "report.html",
        kind=REPORT_KIND,
        title=escaped(report.title),
        made=made,
        sections=[_section(section, charts) for section in report.sections],
        notes=[escaped(note) for note in report.notes],
        when=report.when,
    )
    return "".join(parts)


def _section(section: Section, charts: Mapping[str, bytes]) -> dict[str, object]:
    pictures = [
        (escaped(chart.title), base64.b64encode(charts[chart_file(section, chart)]).decode("ascii"))
        for chart in section.charts
    ]
    return {
        "key": section.key,
        "title": escaped(section.title),
        "sentences": [escaped(sentence) for sentence in section.sentences],
        "tables": [_table(table) for table in shown_tables(section)],
        "charts": pictures,
        "beside": [(lead, escaped(text)) for lead, text in beside(section)],
    }


def _table(table: Table) -> dict[str, object]:
    return {
        "title": escaped(table.title),
        "columns": [(column_title(column), column.unit == "text") for column in table.columns],
        "rows": [list(_cells(table, number)) for number in range(len(table.rows))],
        "note": escaped(table.note),
    }


def _cells(table: Table, number: int) -> Iterator[tuple[str, str, bool]]:
    """Yield each cell of a row: its text, that of its interval, and whether it is words."""
    for cell, column in zip(table.rows[number], table.columns, strict=True):
        value, ends = shown_cell(cell, column.unit)
        yield escaped(value), ends, column.unit == "text"
