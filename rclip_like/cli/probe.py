"""`clipfind probe`: learn the labels of a labelled folder, write them to a file, and report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Color, JsonObject, Offline, ReportFolder, open_library
from rclip_like.cli.reporting import check_folder, deliver, tell_of_unusable
from rclip_like.errors import UsageError, counted
from rclip_like.output.progress import progress_bar
from rclip_like.output.stream import Talk
from rclip_like.probe.settings import SHOTS, ProbeSettings
from rclip_like.settings import (
    Argument,
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
)

if TYPE_CHECKING:
    from rclip_like.output.progress import Show
    from rclip_like.probe.settings import ProbeProgress

_NUM_NAMED = 3
"""The number of unusable pictures that are named without -v."""
_TELLING_SECONDS = 5
"""If all fits are expected to take longer, a note says so."""


class ProbeOptions(NamedTuple):
    """What `probe` takes."""

    folder: Annotated[
        Path,
        Argument(
            "LABELLED_FOLDER",
            help="A folder with a folder of pictures for each label; folders train, val and test "
            "in it are used as its splits.",
        ),
    ]
    output: Annotated[
        Path,
        Option(
            "--output -o",
            metavar="PROBE",
            help="The file to write the probe to, a new one that ends in .safetensors. Required.",
        ),
    ]
    settings: ProbeSettings = ProbeSettings()
    shots: Annotated[
        str,
        Option(
            "--shots",
            metavar="LIST",
            help="The numbers of training pictures per label for the few-shot curve, separated by "
            "commas; 0: no curve.",
        ),
    ] = ",".join(map(str, SHOTS))
    json: JsonObject = False
    report: ReportFolder = None
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()


def run(options: ProbeOptions) -> int:
    """Fit the probe, write it and print the report; return 0."""
    from rclip_like.output.report import report_object

    settings = options.settings._replace(shots=_shots_of(options.shots))
    check_folder(options.report)
    with (
        open_library(options.library, options.encoder, options.read) as library,
        progress_bar("reading the pictures", "pictures", quiet=options.talk.quiet) as show,
    ):
        probed = library.probe(
            options.folder,
            options.output,
            settings,
            on_progress=lambda progress: _show(progress, show, options.talk),
        )
    json = [report_object(probed.report)] if options.json else None
    deliver(probed.report, options.report, options.talk, json)
    tell_of_unusable(probed.troubles, "file", options.talk)
    number = counted(len(probed.probe.labels), "label")
    options.talk.note(f"{options.output} has {number}; use it with classify --probe")
    return 0


def _shots_of(typed: str) -> tuple[int, ...]:
    """Return the numbers in a list with commas, ascending; () for 0. Raises UsageError."""
    words = [word.strip() for word in typed.split(",")]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise UsageError(f"--shots {typed}: write whole numbers with commas, such as 1,2,4")
    numbers = sorted({int(word) for word in words})
    if numbers != [0] and numbers[0] == 0:
        raise UsageError(f"--shots {typed}: 0 means no curve and must be the only number")
    return () if numbers == [0] else tuple(numbers)


def _show(progress: "ProbeProgress", show: "Show | None", talk: Talk) -> None:
    if (seconds := progress.expected_seconds) is not None and seconds > _TELLING_SECONDS:
        span = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"
        talk.note(f"fitting {counted(progress.total or 0, 'probe')}, which takes about {span}")
    if show is not None:
        title = "fitting" if progress.stage == "fitting" else "reading the pictures"
        show(progress.done, progress.total, title)
