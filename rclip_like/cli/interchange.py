"""`clipfind export` and `import`: an index as files, and back."""

from pathlib import Path
from typing import Annotated, NamedTuple

from rclip_like.cli.options import NOTHING_GIVEN, Given, open_library
from rclip_like.errors import UsageError
from rclip_like.output.stream import Talk
from rclip_like.settings import LibraryChoice, LibrarySettings, Option, Setting

Replace = Annotated[bool, Option("--replace", help="Write over what is there already.")]


class ExportOptions(NamedTuple):
    """What `export` takes."""

    copy: Annotated[
        Path | None,
        Setting(
            "--db",
            metavar="FILE",
            help="Write a whole copy of the index to FILE. The index itself is the default one, or "
            "the one that CLIPFIND_DB or the configuration file names.",
        ),
        "Export",
    ] = None
    replace: Replace = False
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def export(options: ExportOptions) -> int:
    """Write a whole copy of the index and say how large it is; return 0."""
    if options.copy is None or "--db" not in options.given:
        raise UsageError("export needs --db FILE")
    from rclip_like.settings.configuration import configured

    found = configured(LibrarySettings).library.database
    with open_library(LibraryChoice(database=found)) as library:
        size_bytes = library.copy_index(options.copy, replace=options.replace)
    options.talk.note(f"copied the index, {size_bytes / 1e6:,.1f} MB, to {options.copy}")
    return 0
