"""`clipfind doctor`: check the index and this installation, and mend what is safe."""

from __future__ import annotations

from dataclasses import replace

from rclip_like.cli.commands import every_option
from rclip_like.cli.configuration import read_configuration
from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.upkeep import DoctorOptions
from rclip_like.cli.prune import WAITING
from rclip_like.cli.remedies import advised, said
from rclip_like.errors import ConfigError
from rclip_like.output.stream import write_lines
from rclip_like.output.upkeep import doctor_lines, doctor_object
from rclip_like.reports import DoctorReport, Finding
from rclip_like.settings import config_file

WELL, WARNED, ILL = 0, 1, 2


def run(options: DoctorOptions) -> int:
    """Print what was found; return 0 if all is well, 1 for warnings, 2 for a problem."""
    talk = talk_of(options)
    with open_library(options) as library:
        report = library.doctor(repair=options.repair, on_wait=lambda: talk.note(WAITING))
    report = replace(
        report,
        findings=(*report.findings, _check_configuration()),
        repaired=tuple(map(said, report.repaired)),
    )
    lines = doctor_lines(report, advised, mended=options.repair)
    write_lines([doctor_object(report, advised)] if options.json else lines)
    return _status(report)


def _check_configuration() -> Finding:
    try:
        values = read_configuration(every_option())
    except ConfigError as error:
        return Finding("settings", said(error), "problem", ("its settings were left out here",))
    there = f"{len(values)} settings" if config_file().exists() else "none"
    return Finding("settings", f"{config_file()}: {there}")


def _status(report: DoctorReport) -> int:
    if report.has("problem"):
        return ILL
    return WARNED if report.has("warning") else WELL
