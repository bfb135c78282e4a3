"""Write a report into a folder: JSON, Markdown, HTML and a PNG per chart, each file whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from rclip_like.errors import MeasureError, ModelError
from rclip_like.files import make_folder, write_whole
from rclip_like.models.regular import read_json
from rclip_like.output.report import (
    CHART_FILE,
    FORMAT,
    chart_file,
    charts_of,
    report_markdown,
    report_object,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rclip_like.evaluate.report import Report

REPORT_JSON, REPORT_MARKDOWN, REPORT_HTML = "report.json", "report.md", "report.html"
REPORT_KIND = "report"
_HTML_MARK = f'<meta name="generator" content="clipfind {REPORT_KIND}">'
_FOLDER_MODE, _FILE_MODE = 0o777, 0o666  # before the umask, since reports are shared
_MOST_BYTES = 256 << 20
_HEAD_BYTES = 512
"""The first bytes of a chart's PNG or of a page, which name the program that made it."""


def write_report(
    report: Report, folder: Path, page: Callable[[Report, Mapping[str, bytes]], str]
) -> None:
    """Write report.json, .md and .html and a PNG per chart into a folder, each file whole.

    page: makes the HTML of the report and of its charts' PNG, by the names of their files.
    All files are rendered before the first is written. An earlier report there is replaced; other
    files stay. Raises MeasureError if a file of the same name is not from a report, or if the
    folder cannot be written.
    """
    from rclip_like.output.charts import chart_png

    charts = {chart_file(section, chart): chart_png(chart) for section, chart in charts_of(report)}
    contents = {
        REPORT_JSON: f"{report_object(report, with_files=True)}\n".encode(),
        REPORT_MARKDOWN: report_markdown(report).encode(),
        REPORT_HTML: page(report, charts).encode(),
        **charts,
    }
    earlier = earlier_charts(folder)
    _refuse_others(folder, contents if earlier is None else ())
    _refuse_others(folder, [name for name in charts if not _is_chart(folder / name)])
    _refuse_others(folder, [] if _is_page(folder / REPORT_HTML) else [REPORT_HTML])
    try:
        make_folder(folder, _FOLDER_MODE)
        # report.json first: if writing stops half-way, the next run recognises the folder.
        for name, content in contents.items():
            with write_whole(folder / name, _FILE_MODE) as draft:
                draft.write_bytes(content)
        for name in (earlier or frozenset()) - set(contents):
            if _is_chart(folder / name):  # report.json may name any file
                (folder / name).unlink()
    except OSError as error:
        raise MeasureError(f"the report cannot be written: {error}") from error


def check_report_folder(folder: Path) -> None:
    """Raise MeasureError if a report cannot be written into a folder. Called before measuring."""
    if folder.exists() and not folder.is_dir():
        raise MeasureError(f"{folder} is not a folder; name a folder for the report")
    if earlier_charts(folder) is None:
        _refuse_others(folder, (REPORT_JSON, REPORT_MARKDOWN))
    _refuse_others(folder, [] if _is_page(folder / REPORT_HTML) else [REPORT_HTML])


def earlier_charts(folder: Path) -> frozenset[str] | None:
    """Return the file names of the charts of a folder's report, None if it has no report."""
    with suppress(OSError, ModelError):
        written = read_json(folder / REPORT_JSON, _MOST_BYTES)
        if isinstance(written, dict) and written.get("format") == FORMAT:
            names = written.get("files")
            names = map(str, names if isinstance(names, list) else ())
            return frozenset(name for name in names if CHART_FILE.fullmatch(name))
    return None


def _is_chart(path: Path) -> bool:
    """Return whether a file is a chart of an earlier report, and not a link to one."""
    from rclip_like.output.charts import CHART_MARK

    return _bears(path, CHART_MARK)


def _is_page(path: Path) -> bool:
    """Return whether a file is the page of an earlier report, and not a link to one."""
    return _bears(path, _HTML_MARK)


def _bears(path: Path, mark: str) -> bool:
    with suppress(OSError):
        if not path.is_symlink() and path.is_file():
            with path.open("rb") as file:
                return mark.encode() in file.read(_HEAD_BYTES)
    return False


def _refuse_others(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).is_symlink() or (folder / name).exists():
            raise MeasureError(
                f"{folder / name} exists and is not from an earlier report; name another folder"
            )
