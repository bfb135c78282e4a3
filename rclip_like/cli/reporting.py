"""The end of a command that measures: write or print the report, and name unusable files."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.cli.remedies import said
from rclip_like.errors import counted
from rclip_like.output.reports import trouble_sentence
from rclip_like.output.stream import Talk, write_lines

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Report
    from rclip_like.values import Trouble

_NUM_NAMED = 3


def check_folder(folder: Path | None) -> None:
    """Raise MeasureError if a report cannot be written into the folder. Called before measuring."""
    if folder is not None:
        from rclip_like.output.report_folder import check_report_folder

        check_report_folder(folder)


def deliver(report: "Report", folder: Path | None, talk: Talk, json: Iterable[str] | None) -> None:
    """Write the report into a folder, print it as lines of JSON, or both; else print it as text.

    folder, json: None if not asked for.
    """
    if folder is not None:
        from rclip_like.output.report_folder import earlier_charts, write_report
        from rclip_like.page.report import report_page

        replaces = earlier_charts(folder) is not None
        write_report(report, folder, report_page)
        talk.note(f"the report is in {folder}" + " instead of an earlier one" * replaces)
    if json is not None:
        write_lines(json)
    elif folder is None:
        from rclip_like.output.report import report_text

        write_lines(report_text(report))


def tell_of_unusable(troubles: "Sequence[Trouble]", noun: str, talk: Talk) -> None:
    """Note how many files could not be used, and name the first ones; -v names all."""
    if not troubles:
        return
    talk.note(f"{counted(len(troubles), noun)} could not be used:")
    named = troubles if talk.verbose else troubles[:_NUM_NAMED]
    for trouble in named:
        talk.note(f"  {said(trouble_sentence(trouble))}")
    if len(named) < len(troubles):
        talk.note(f"  and {len(troubles) - len(named):,} more; -v names all")
