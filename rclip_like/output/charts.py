"""Draw the charts of a report as PNG files: lines, confusions, and rows of pictures."""

from __future__ import annotations

import io
import os
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.report import LineChart, MatrixChart
from rclip_like.files import make_folder
from rclip_like.output.report import shown_cell
from rclip_like.output.terminal import escaped
from rclip_like.settings.folders import cache_folder

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Chart, Line, PictureChart, Unit

_DPI = 150
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind people can distinguish."""
_MARKERS = "osD^vPX"
_DASHES = ("-", "--", "-.", ":")
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a label may hold dollars
    "text.usetex": False,
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_MOST_NAMED_LABELS = 120
_MOST_WRITTEN_COUNTS = 20
_LABEL_LENGTH = 28


CHART_MARK = "clipfind report chart"
"""What each chart's PNG says of the program that made it; only such files are ever replaced."""


def chart_png(chart: Chart) -> bytes:
    """Return a chart as the bytes of a PNG file; equal charts give equal bytes.

    Raises MeasureError if matplotlib is missing.
    """
    require_research("drawing a chart")
    with _matplotlib():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        if isinstance(chart, LineChart):
            figure = _lines_figure(chart)
        elif isinstance(chart, MatrixChart):
            figure = _matrix_figure(chart)
        else:
            figure = _pictures_figure(chart)
        FigureCanvasAgg(figure)  # needs no window system, and shares no state with other figures
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": CHART_MARK})
        return file.getvalue()


@contextmanager
def _matplotlib() -> Iterator[None]:
    """Let the block draw with matplotlib's default style, and its font list in our cache folder.

    A matplotlibrc in the working folder could change the style, and even run LaTeX.
    """
    folder = cache_folder() / "matplotlib"
    with suppress(OSError):  # without a cache folder matplotlib uses a temporary one
        make_folder(folder)
    before = os.environ.get("MPLCONFIGDIR")
    os.environ["MPLCONFIGDIR"] = str(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for instance of glyphs that the font lacks
            import matplotlib
            import matplotlib.font_manager  # reads or writes the font list

            with matplotlib.rc_context():
                matplotlib.rcdefaults()
                matplotlib.rcParams.update(_STYLE)
                yield
    finally:
        if before is None:
            os.environ.pop("MPLCONFIGDIR", None)
        else:
            os.environ["MPLCONFIGDIR"] = before


# ---- Lines


def _lines_figure(chart: LineChart) -> Any:
    from matplotlib.figure import Figure

    is_square = chart.diagonal and chart.x_unit == chart.y_unit
    figure = Figure(figsize=(5.2, 5.2) if is_square else (6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    if chart.diagonal:
        ends = _diagonal_ends(chart)
        axes.plot(ends, ends, color="0.6", linewidth=1, linestyle=":", zorder=1)
    for number, line in enumerate(chart.lines):
        _draw_line(axes, line, number)
    for number, (name, level) in enumerate(chart.levels.items()):
        colour = _COLOURS[(len(chart.lines) + number) % len(_COLOURS)]
        dashes = _DASHES[(number + 1) % len(_DASHES)]
        axes.axhline(level, color=colour, linewidth=1.3, linestyle=dashes, label=_legend(name))
    _scale_axes(axes, chart)
    axes.set_title(_folded(chart.title, 70), loc="left")
    axes.set_xlabel(_folded(chart.x_title, 80))
    axes.set_ylabel(_folded(chart.y_title, 50))
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    if len(chart.lines) + len(chart.levels) > 1:
        _add_legend(figure, axes)
    return figure


def _draw_line(axes: Any, line: Line, number: int) -> None:
    colour = _COLOURS[number % len(_COLOURS)]
    axes.plot(
        line.x,
        line.y,
        color=colour,
        marker=_MARKERS[number % len(_MARKERS)],
        linestyle=_DASHES[number % len(_DASHES)],
        markersize=4,
        linewidth=1.5,
        label=_legend(line.name),
        zorder=3,
        clip_on=False,  # draw a mark at 0 or 100 % whole
    )
    if line.low and line.high:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)


def _scale_axes(axes: Any, chart: LineChart) -> None:
    if chart.is_log_x:
        axes.set_xscale("log", base=2)
        marks = sorted({x for line in chart.lines for x in line.x})
        if 0 < len(marks) <= 12:
            axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
            axes.minorticks_off()
    _limit_shares(axes.yaxis, axes.set_ylim, chart.y_unit, _heights(chart), chart.diagonal)
    if not chart.is_log_x:
        across = [x for line in chart.lines for x in line.x]
        _limit_shares(axes.xaxis, axes.set_xlim, chart.x_unit, across, chart.diagonal)


def _limit_shares(axis: Any, limit: Any, unit: Unit, values: list[float], is_whole: bool) -> None:
    """Show an axis of shares in per cent, from 0 to a little over the largest, at most 100."""
    if unit not in ("share", "points"):
        return
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1.0, symbol=" %" if unit == "share" else ""))
    if unit == "share":
        largest = max((value for value in values if np.isfinite(value)), default=1.0)
        limit(0.0, 1.0 if is_whole else min(1.02, max(largest * 1.12, 0.02)))


def _heights(chart: LineChart) -> list[float]:
    lines = [value for line in chart.lines for value in (*line.y, *line.high)]
    return [*lines, *chart.levels.values()]


def _diagonal_ends(chart: LineChart) -> tuple[float, float]:
    if chart.x_unit == chart.y_unit == "share":
        return 0.0, 1.0
    values = [value for line in chart.lines for value in line.x] or [0.0, 1.0]
    return min(values), max(values)


def _add_legend(figure: Any, axes: Any) -> None:
    handles, names = axes.get_legend_handles_labels()
    columns = 1 if max(map(len, names)) > 34 else 2 if max(map(len, names)) > 18 else 3
    figure.legend(handles, names, loc="outside lower left", ncols=columns, fontsize=8)


def _legend(name: str) -> str:
    """Return a name for a legend; matplotlib leaves out names that begin with _."""
    return f" {_short(name, 60)}" if name.startswith("_") else _short(name, 60)


# ---- Confusions


def _matrix_figure(chart: MatrixChart) -> Any:
    """Draw the shares of each row, so that rare labels have as strong colours as frequent ones.

    The scale is a square root, so that a few pictures beside the diagonal can be seen.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    number = len(chart.labels)
    has_labels = number <= _MOST_NAMED_LABELS
    side = min(max(3.2, 0.17 * number), 18.0) if has_labels else 7.0
    figure = Figure(figsize=(side + 2.4, side + 1.9), layout="constrained")
    axes = figure.add_subplot()
    totals = chart.counts.sum(axis=1, keepdims=True)
    shares = chart.counts / np.maximum(totals, 1)
    scale = PowerNorm(0.5, vmin=0.0, vmax=1.0)
    shown = axes.imshow(shares, cmap="Blues", norm=scale, interpolation="nearest")
    bar = figure.colorbar(shown, ax=axes, shrink=0.5, aspect=18)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    bar.set_label("share of the true label's pictures", fontsize=8)
    axes.set_title(_folded(chart.title, int(9 * side)), loc="left")
    _name_labels(axes, chart, side if has_labels else None)
    if number <= _MOST_WRITTEN_COUNTS:
        _write_counts(axes, chart, shares)
    for spine in axes.spines.values():
        spine.set_visible(True)
    return figure


def _name_labels(axes: Any, chart: MatrixChart, side: float | None) -> None:
    """Write the labels beside the matrix; side: its length in inches, None for too many labels."""
    number = len(chart.labels)
    if side is None:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(f"given label; report.json has the names of the {number:,} labels in order")
        axes.set_ylabel("true label")
        return
    names = [_short(label, _LABEL_LENGTH) for label in chart.labels]
    size = min(8.0, 72.0 * 0.75 * side / max(number, 1))
    axes.set_xticks(range(number), names, rotation=90, fontsize=size)
    axes.set_yticks(range(number), names, fontsize=size)
    axes.set_xlabel("given label")
    axes.set_ylabel("true label")


def _write_counts(axes: Any, chart: MatrixChart, shares: Any) -> None:
    for (down, across), count in np.ndenumerate(chart.counts):
        if count:
            colour = "white" if shares[down, across] > 0.4 else "black"
            axes.text(
                across,
                down,
                shown_cell(count.item(), "count")[0],
                color=colour,
                ha="center",
                va="center",
                fontsize=7,
            )


# ---- Pictures


def _pictures_figure(chart: PictureChart) -> Any:
    from matplotlib.figure import Figure

    across = max((len(pictures) for _, pictures in chart.rows), default=1) or 1
    down = max(len(chart.rows), 1)
    figure = Figure(figsize=(max(1.5 * across + 1.3, 4.0), 1.9 * down + 0.5), layout="constrained")
    figure.suptitle(_folded(chart.title, 18 * across + 15), fontsize=10, x=0.02, ha="left")
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
    for row, (title, pictures) in zip(grid, chart.rows, strict=False):
        row[0].set_ylabel(
            _folded(title, 16), rotation=0, ha="right", va="center", fontsize=8, labelpad=6
        )
        for axes, (pixels, caption) in zip(row, pictures, strict=False):
            axes.imshow(pixels, interpolation="lanczos")
            axes.set_xlabel(_folded(caption, 20), fontsize=7)
    return figure


def _short(text: str, length: int) -> str:
    text = escaped(" ".join(text.split()))
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _folded(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(escaped(text), width, max_lines=4, placeholder=" …"))
