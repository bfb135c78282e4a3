"""What commands that measure say at their end: the report, and what they could not use."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.cli.remedies import said
from rclip_like.output.reports import counted, trouble_sentence
from rclip_like.output.stream import Talk, write_lines

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Report
    from rclip_like.values import Trouble

_NUM_NAMED = 3


def check_folder(folder: Path | None) -> None:
    """Raise MeasureError where a report cannot go into the folder, before anything is measured."""
    if folder is not None:
        from rclip_like.output.report_folder import check_report_folder

        check_report_folder(folder)


def deliver(report: "Report", folder: Path | None, talk: Talk, json: Iterable[str] | None) -> None:
    """Write the report into the folder, if one is named, and print the lines of JSON, if asked for.

    Without either, print the report as text.
    """
    if folder is not None:
        from rclip_like.output.report_folder import write_report

        write_report(report, folder)
        talk.note(f"the report is in {folder}")
    if json is not None:
        write_lines(json)
    elif folder is None:
        from rclip_like.output.report import report_text

        write_lines(report_text(report))


def tell_of_unusable(troubles: "Sequence[Trouble]", noun: str, talk: Talk) -> None:
    """Say on stderr how many things could not be used, and name the first, with -v all of them."""
    if not troubles:
        return
    talk.note(f"{counted(len(troubles), noun)} could not be used:")
    named = troubles if talk.verbose else troubles[:_NUM_NAMED]
    for trouble in named:
        talk.note(f"  {said(trouble_sentence(trouble))}")
    if len(named) < len(troubles):
        talk.note(f"  and {len(troubles) - len(named):,} more; -v names all")
