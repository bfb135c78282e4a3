"""A report as one plain value, from which its text, its JSON and its Markdown are all made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rclip_like.values import Pixels


class Interval(NamedTuple):
    """A figure and the interval around it, 95 % unless the column says otherwise."""

    value: float
    low: float
    high: float


Cell: TypeAlias = "str | int | float | Interval | None"
"""None where there is nothing to say, such as a top-5 figure for three labels."""


Unit: TypeAlias = Literal["text", "count", "share", "points", "number"]
"""How figures are shown. A share is at most 1 and shown in per cent, negative only where it is of
a change; points are differences of shares, shown with their sign."""


class Column(NamedTuple):
    """A table's column: `key` names it in JSON, `title` for people."""

    key: str
    title: str
    unit: Unit = "number"


class Table(NamedTuple):
    """Rows of cells, one for each column; `only_json` leaves long listings out of texts."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    only_json: bool = False


class Line(NamedTuple):
    """One line of a chart: points (n,), and the band around them where there is one."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


class LineChart(NamedTuple):
    """Lines over one axis; `levels` are horizontal ones, by name; `diagonal` draws x = y.

    An axis of shares is in per cent and keeps within 0 and 100.
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
    """A confusion: counts (L, L), the true label down, the given one across."""

    key: str
    title: str
    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]


class PictureChart(NamedTuple):
    """Pictures in rows: each row has a title, and each picture a caption."""

    key: str
    title: str
    rows: tuple[tuple[str, tuple[tuple[Pixels, str], ...]], ...]


Chart: TypeAlias = LineChart | MatrixChart | PictureChart


class Section(NamedTuple):
    """One part of a report: what was found in sentences, and the tables and charts it rests on.

    Keys are lower-case letters, digits, hyphens, dots and underscores; a chart's file is named
    after the section's key and its own. `paper` says what the CLIP paper found of the same, with
    its figures; `limits` what ours does not show.
    """

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    paper: str = ""
    limits: str = ""


class Report(NamedTuple):
    """What a run of `classify`, `probe` or `evaluate` measured.

    made: what made it, such as the models and their fingerprints, the number of pictures, the
    seed, and the version; plain values that JSON takes. Dates and times stand under `when` alone,
    so that two runs can be compared.
    """

    title: str
    made: Mapping[str, object]
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    when: str = ""
