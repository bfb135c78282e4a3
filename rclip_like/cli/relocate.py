"""`clipfind relocate`: a folder of pictures that was moved is found at its new path."""

from typing import Annotated, NamedTuple

from rclip_like.cli.options import WAITING, JsonObject, open_library
from rclip_like.output.relocation import relocation_object, relocation_sentence
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.terminal import escaped_path
from rclip_like.settings import Argument, Database, LibraryChoice, Option, Wait

DONE, NOTHING_THERE = 0, 1


class RelocateOptions(NamedTuple):
    """What `relocate` takes."""

    old: Annotated[str, Argument("OLD", help="The folder as it was indexed; it may be gone.")]
    new: Annotated[str, Argument("NEW", help="The folder in which its pictures are now.")]
    dry_run: Annotated[bool, Option("--dry-run", help="Only say how many paths would change.")] = (
        False
    )
    force: Annotated[
        bool,
        Option("--force", help="Do it even if pictures are still in OLD, or none is in NEW."),
    ] = False
    wait: Wait = True
    json: JsonObject = False
    database: Database = None
    talk: Talk = Talk()


def relocate(options: RelocateOptions) -> int:
    """Follow the folder and say how many paths changed; return 0, or 1 if none was indexed."""
    talk = options.talk
    with open_library(LibraryChoice(database=options.database)) as library:
        report = library.relocate(
            options.old,
            options.new,
            force=options.force,
            dry_run=options.dry_run,
            wait=options.wait,
            on_wait=lambda: talk.note(WAITING),
        )
    if options.json:
        write_lines([relocation_object(report)])
    if report.is_empty:
        talk.note(f"{escaped_path(report.old)}: nothing is indexed there")
        return NOTHING_THERE
    talk.note(relocation_sentence(report))
    return DONE
