"""A report as one plain value; `output` renders it as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rclip_like.values import Pixels


class Interval(NamedTuple):
    """A figure with its confidence interval, 95 % unless the column says otherwise.

    low and high are NaN if there is no interval, for instance because all values are equal.
    """

    value: float
    low: float
    high: float


def signed(number: float, digits: int) -> str:
    """Return a difference with its sign; one that rounds to zero has a plus: `+0.0`."""
    return f"{number:+z.{digits}f}"


Cell: TypeAlias = "str | int | float | Interval | None"
"""None: not defined, such as a top-5 accuracy with three labels."""


Unit: TypeAlias = Literal["text", "count", "share", "points", "number"]
"""How figures are shown. A share is at most 1 and shown in per cent; a relative change may be
negative. Points are differences of shares, shown with their sign."""


class Column(NamedTuple):
    """A table's column: `key` names it in JSON, `title` in texts."""

    key: str
    title: str
    unit: Unit = "number"


class Table(NamedTuple):
    """Rows with one cell per column; `only_json` leaves a long table out of texts."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    only_json: bool = False


class Line(NamedTuple):
    """One line of a chart: points (n,), and a band around them unless `low` and `high` are ()."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class LineChart(NamedTuple):
    """Lines over one axis; `levels` are horizontal lines by name; `diagonal` draws x = y.

    An axis of shares is in per cent, from 0 to 100.
    """

    key: str
    title: str
    x_title: str
    y_title: str
    lines: tuple[Line, ...]
    levels: Mapping[str, float] = {}
    x_unit: Unit = "number"
    y_unit: Unit = "share"
    is_log_x: bool = False
    diagonal: bool = False


class MatrixChart(NamedTuple):
    """A confusion matrix: counts (L, L) with a row per true label, a column per predicted one.

    They are float64 if pictures count in parts.
    """

    key: str
    title: str
    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64] | npt.NDArray[np.float64]


class PictureChart(NamedTuple):
    """Rows of pictures: each row has a title, and each picture a caption."""

    key: str
    title: str
    rows: tuple[tuple[str, tuple[tuple[Pixels, str], ...]], ...]


Chart: TypeAlias = LineChart | MatrixChart | PictureChart


class Section(NamedTuple):
    """One part of a report: findings in sentences, with their tables and charts.

    Keys are lower-case letters, digits, hyphens, dots and underscores; a chart's file is named
    after the section's key and its own. `paper`: the finding of the CLIP paper itself on the same
    question, with its figures. `limits`: what this measurement does not show. `others`: findings
    from other sources, which it names.
    """

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    paper: str = ""
    limits: str = ""
    others: str = ""


class Report(NamedTuple):
    """What a run of `classify`, `probe` or `evaluate` measured.

    made: what the report was made with, such as models and their fingerprints, the number of
    pictures, the seed and the version, as plain values for JSON. when: the only date or time, so
    that the reports of two runs can be compared.
    """

    title: str
    made: Mapping[str, object]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    when: str = ""
