"""`clipfind doctor`: check the index and this installation, and mend what is safe."""

from dataclasses import replace
from typing import Annotated, NamedTuple

from rclip_like.cli.commands import COMMANDS, accepted_by_any
from rclip_like.cli.options import JsonObject, open_library
from rclip_like.cli.remedies import advised, said
from rclip_like.cli.upkeep import WAITING
from rclip_like.errors import ConfigError
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.upkeep import doctor_lines, doctor_object
from rclip_like.reports import Finding
from rclip_like.settings import LibraryChoice, Option, config_file
from rclip_like.settings.configuration import read_configuration

WELL, WARNED, ILL = 0, 1, 2


class DoctorOptions(NamedTuple):
    """What `doctor` takes."""

    repair: Annotated[
        bool,
        Option("--repair", help="Mend what can be mended safely, after a copy of the index."),
    ] = False
    json: JsonObject = False
    library: LibraryChoice = LibraryChoice()
    talk: Talk = Talk()


def run(options: DoctorOptions) -> int:
    """Print what was found; return 0 if all is well, 1 for warnings, 2 for a problem."""
    with open_library(options.library) as library:
        report = library.doctor(repair=options.repair, on_wait=lambda: options.talk.note(WAITING))
    report = replace(
        report,
        findings=(*report.findings, _check_configuration()),
        repaired=tuple(map(said, report.repaired)),
    )
    lines = doctor_lines(report, advised, mended=options.repair)
    write_lines([doctor_object(report, advised)] if options.json else lines)
    if report.has("problem"):
        return ILL
    return WARNED if report.has("warning") else WELL


def _check_configuration() -> Finding:
    try:
        values = read_configuration(accepted_by_any(COMMANDS["doctor"]))
    except ConfigError as error:
        return Finding("settings", said(error), "problem", ("its settings were left out here",))
    there = f"{len(values)} settings" if config_file().exists() else "none"
    return Finding("settings", f"{config_file()}: {there}")
