"""Render a report as text for a terminal, as one JSON object, and as Markdown."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rclip_like.evaluate.report import Interval, LineChart, MatrixChart, signed
from rclip_like.output.matches import json_text
from rclip_like.output.terminal import escaped

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Cell, Chart, Column, Report, Section, Table, Unit

FORMAT = "clipfind report 1"
"""The `format` in a report's JSON, by which a later run recognises it."""
_WIDTH = 100
_MOST_ROWS = 50
_MOST_COLUMNS_TEXT = 48
_NOTHING = "-"
CHART_FILE = re.compile(r"[a-z0-9_][a-z0-9_.-]*\.png")
_DIGEST = re.compile("[0-9a-f]{64}")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def report_text(report: Report) -> Iterator[str]:
    """Yield a report as lines of text, without its charts, and with the first rows of long tables.

    Control characters in labels and captions are escaped.
    """
    yield escaped(report.title)
    yield from _aligned((key, plain_value(value)) for key, value in report.made.items())
    for section in report.sections:
        yield ""
        yield escaped(section.title)
        yield "-" * _width(escaped(section.title))
        for sentence in section.sentences:
            yield from wrapped(sentence)
        for table in shown_tables(section):
            yield ""
            yield from text_table(table)
        others = [*beside(section)]
        if others:
            yield ""
        for lead, text in others:
            yield from wrapped(text, f"{lead}: ")
    if report.notes:
        yield ""
    for note in report.notes:
        yield from wrapped(note)


def report_object(report: Report, *, with_files: bool = False) -> str:
    """Return a report as one JSON object; rows of tables are objects by column key.

    Shares are numbers in [0, 1]; an interval is an object with value, low and high; numbers that
    are not finite are null. with_files: include the names of the charts' files.
    """
    return json_text(_object(report, with_files=with_files))


def report_markdown(report: Report) -> str:
    """Return a report as Markdown that shows the charts of its folder."""
    return "\n\n".join(_markdown_blocks(report)) + "\n"


def chart_file(section: Section, chart: Chart) -> str:
    """Return the name of a chart's file in the report's folder."""
    name = f"{section.key}-{chart.key}.png"
    assert CHART_FILE.fullmatch(name), name
    return name


def charts_of(report: Report) -> Iterator[tuple[Section, Chart]]:
    """Yield each chart with its section."""
    for section in report.sections:
        for chart in section.charts:
            yield section, chart


def beside(section: Section) -> Iterator[tuple[str, str]]:
    """Yield what stands beside a section's own figures, each text after its lead."""
    every = ("The paper", section.paper), ("Others", section.others), ("Limits", section.limits)
    return ((lead, text) for lead, text in every if text)


def shown_tables(section: Section) -> Iterator[Table]:
    """Yield the tables of a section that texts show."""
    return (table for table in section.tables if not table.only_json)


# ---- JSON


def _object(report: Report, *, with_files: bool = False) -> dict[str, object]:
    files = {"files": [chart_file(*each) for each in charts_of(report)]} if with_files else {}
    return {
        "format": FORMAT,
        "title": report.title,
        "when": report.when,
        "made": json_value(report.made),
        "sections": [_section_object(section) for section in report.sections],
        "notes": list(report.notes),
        **files,
    }


def _section_object(section: Section) -> dict[str, object]:
    return {
        "key": section.key,
        "title": section.title,
        "sentences": list(section.sentences),
        "tables": [_table_object(table) for table in section.tables],
        "charts": [_chart_object(section, chart) for chart in section.charts],
        "paper": section.paper,
        "others": section.others,
        "limits": section.limits,
    }


def _table_object(table: Table) -> dict[str, object]:
    keys = [column.key for column in table.columns]
    return {
        "key": table.key,
        "title": table.title,
        "columns": [column._asdict() for column in table.columns],
        "rows": [dict(zip(keys, map(json_value, row), strict=True)) for row in table.rows],
        "note": table.note,
    }


def _chart_object(section: Section, chart: Chart) -> dict[str, object]:
    described: dict[str, object] = {
        "key": chart.key,
        "title": chart.title,
        "file": chart_file(section, chart),
    }
    if isinstance(chart, LineChart):
        lines = [json_value(line._asdict()) for line in chart.lines]
        levels = json_value(chart.levels)
        return {**described, "kind": "lines", "lines": lines, "levels": levels}
    if isinstance(chart, MatrixChart):
        labels, counts = list(chart.labels), chart.counts.tolist()
        return {**described, "kind": "matrix", "labels": labels, "counts": counts}
    rows = [
        {"title": title, "captions": [caption for _, caption in pictures]}
        for title, pictures in chart.rows
    ]
    return {**described, "kind": "pictures", "rows": rows}


def json_value(value: object) -> object:
    """Return a value for JSON: intervals as objects, NumPy's numbers as plain ones."""
    if isinstance(value, Interval):
        return {key: json_value(number) for key, number in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [json_value(inner) for inner in value]
    value = _number(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> Any:
    """Return a NumPy number as a plain one, and any other value unchanged."""
    return value.item() if hasattr(value, "item") else value


# ---- Text


def shown_cell(cell: Cell, unit: Unit) -> tuple[str, str]:
    """Return the text of a cell, and that of its interval, "" without one.

    Shares are in per cent with one decimal; points have a sign, counts separators of thousands,
    and one decimal if they are not whole.
    """
    if isinstance(cell, Interval):
        value = shown_cell(cell.value, unit)[0]
        ends = [shown_cell(end, unit)[0].removesuffix(" %") for end in (cell.low, cell.high)]
        return value, "" if _NOTHING in (value, *ends) else f"({' to '.join(ends)})"
    if isinstance(cell, str):
        return cell, ""
    number: int | float | None = _number(cell)
    return _figure(number, unit) if number is not None else _NOTHING, ""


def _figure(number: int | float, unit: Unit) -> str:
    if not math.isfinite(number):
        return _NOTHING
    if unit == "share":
        return f"{100 * number:.1f} %"
    if unit == "points":
        return signed(100 * number, 1)
    if isinstance(number, int) or abs(number) >= 1000:
        return f"{number:,.0f}"
    if unit == "count":
        return f"{number:.0f}" if number == round(number) else f"{number:.1f}"
    return f"{number:#.3g}" if abs(number) < 1 else f"{number:.3g}"


def text_table(table: Table) -> Iterator[str]:
    """Yield a table's title, if it has one, and its rows and note as lines of text."""
    yield from wrapped(table.title)
    columns = [
        list(_text_column(column, [row[number] for row in table.rows[:_MOST_ROWS]]))
        for number, column in enumerate(table.columns)
    ]
    for cells in zip(*columns, strict=True):
        yield f"  {'  '.join(cells)}".rstrip()
    if (more := len(table.rows) - _MOST_ROWS) > 0:
        yield f"  ... {more:,} more; --report DIR writes all of them"
    yield from wrapped(table.note)


def _text_column(column: Column, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield a column's title and cells, padded to one width, numbers on the right."""
    shorten = _shortened if column.unit == "text" else escaped
    parts = [
        (shorten(value), ends) for value, ends in (shown_cell(cell, column.unit) for cell in cells)
    ]
    value_width = max((_width(value) for value, _ in parts), default=0)
    ends_width = max((len(ends) for _, ends in parts), default=0)
    whole = value_width + (1 + ends_width if ends_width else 0)
    title = column_title(column)
    width = max(_width(title), whole)
    if column.unit == "text":
        yield _padded(title, width)
        yield from (_padded(value, width) for value, _ in parts)
        return
    yield _padded(title, width, right=True)
    for value, ends in parts:
        right = f" {ends:>{ends_width}}" if ends_width else ""
        yield _padded(f"{_padded(value, value_width, right=True)}{right}", width, right=True)


def column_title(column: Column) -> str:
    """Return what stands above a column, with its unit where the figures do not show it."""
    return escaped(f"{column.title}, points" if column.unit == "points" else column.title)


def _shortened(text: str) -> str:
    text = escaped(text)
    return text if len(text) <= _MOST_COLUMNS_TEXT else f"{text[: _MOST_COLUMNS_TEXT - 3]}..."


def _padded(text: str, width: int, *, right: bool = False) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrapped(text: str, lead: str = "", *, is_indented: bool = False) -> Iterator[str]:
    """Yield a text as lines of at most 100 columns, without control characters.

    is_indented: its further lines begin below its first word, not below the lead.
    """
    if text:
        space = " " * (len(lead) * is_indented)
        yield from textwrap.wrap(
            lead + escaped(text), _WIDTH, subsequent_indent=space, break_on_hyphens=False
        )


def _aligned(pairs: Iterator[tuple[str, str]]) -> Iterator[str]:
    rows = list(pairs)
    width = max((len(key) for key, _ in rows), default=0)
    space = " " * (width + 2)
    for key, value in rows:
        lead = f"{escaped(key.replace('_', ' ')):<{width}}  "
        for line in value.split("\n"):
            yield from textwrap.wrap(
                lead + escaped(line), _WIDTH, subsequent_indent=space, break_on_hyphens=False
            )
            lead = space


def plain_value(value: object) -> str:
    """Return a value of `made` as text: the pairs of a mapping with commas, several on lines.

    Of a digest only the first digits are shown.
    """
    value = _number(value)
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key.replace('_', ' ')} {plain_value(each)}" for key, each in value.items()
        )
    if isinstance(value, tuple | list):
        is_nested = any(isinstance(each, Mapping) for each in value)
        return ("\n" if is_nested else "; ").join(map(plain_value, value))
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return value[:12]
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: _NOTHING}[value]
    return f"{value:,}" if isinstance(value, int) else str(value)


# ---- Markdown


def _markdown_blocks(report: Report) -> Iterator[str]:
    yield f"# {_marked(report.title)}"
    made = [
        f"- {_marked(key.replace('_', ' '))}: {_marked(line)}"
        for key, value in report.made.items()
        for line in plain_value(value).split("\n")
    ]
    yield "\n".join(made)
    for section in report.sections:
        yield f"## {_marked(section.title)}"
        yield from map(_marked, section.sentences)
        for table in shown_tables(section):
            yield f"### {_marked(table.title)}"
            yield "\n".join(_markdown_table(table))
            if table.note:
                yield _marked(table.note)
        for chart in section.charts:
            yield f"![{_marked(chart.title)}]({chart_file(section, chart)})"
        yield from (f"**{lead}:** {_marked(text)}" for lead, text in beside(section))
    yield from map(_marked, report.notes)
    if report.when:
        yield _marked(report.when)


def _markdown_table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(_marked(column_title(column)) for column in table.columns)} |"
    rules = (":---" if column.unit == "text" else "---:" for column in table.columns)
    yield f"| {' | '.join(rules)} |"
    for row in table.rows:
        cells = (
            " ".join(filter(None, shown_cell(cell, column.unit)))
            for cell, column in zip(row, table.columns, strict=True)
        )
        yield f"| {' | '.join(map(_marked, cells))} |"


def _marked(text: str) -> str:
    """Return text escaped for Markdown."""
    return _MARKDOWN.sub(r"\\\1", escaped(text))
