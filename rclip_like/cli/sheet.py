"""`clipfind search --html FILE`: the results as a contact sheet."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.errors import UsageError
from rclip_like.files import write_whole
from rclip_like.output.progress import progress_bar
from rclip_like.output.stream import OutputError, Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal
from rclip_like.settings import MOST_THUMBNAIL_MEGABYTES, Option, ReadSettings, ThumbnailCacheSize

if TYPE_CHECKING:
    from rclip_like.page.sheet import Heading
    from rclip_like.query import Query
    from rclip_like.values import Match

ALONE = ("--files", "--json", "--format", "--null", "--explain")
"""Options that say how lines are printed, which a sheet replaces."""
_MODE = 0o666  # before the umask, since sheets are shared
_HEAD_BYTES = 512
_UNLISTED = frozenset(
    ("QUERY", "[PATH]...", "--html", "--add", "--subtract", "--quiet", "--verbose")
)


class SheetOptions(NamedTuple):
    """How results become pictures to look at."""

    html: Annotated[
        Path | None,
        Option(
            "--html",
            metavar="FILE",
            help="Write the results as a contact sheet, one HTML file with small pictures inside, "
            "instead of printing them; -: to stdout. It replaces an earlier sheet, no other file.",
        ),
    ] = None
    cache_megabytes: ThumbnailCacheSize = MOST_THUMBNAIL_MEGABYTES


def check_sheet(options: SheetOptions) -> None:
    """Raise UsageError if no sheet can be written there. Called before searching."""
    path = options.html
    if path is None:
        return
    if str(path) == "-":
        if is_terminal(stdout()):
            raise UsageError("--html - writes pages of code; send it into a file or a program")
        return
    from rclip_like.page.sheet import MARK

    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file for the contact sheet")
    if path.is_symlink() or path.exists():
        with path.open("rb") as file:
            if not path.is_file() or MARK.encode() not in file.read(_HEAD_BYTES):
                raise UsageError(f"{path} exists and is not a contact sheet; name another file")


def write_sheet(
    matches: "Sequence[Match]",
    heading: "Heading",
    options: SheetOptions,
    read: ReadSettings,
    talk: Talk,
) -> None:
    """Write the sheet to its file or to stdout. Raises OutputError and ReaderError."""
    from rclip_like.images.thumbnails import ThumbnailCache
    from rclip_like.page.sheet import contact_sheet

    assert options.html is not None
    cache = ThumbnailCache(options.cache_megabytes * 1_000_000)
    with progress_bar("making thumbnails", "pictures", quiet=talk.quiet) as show:
        parts = contact_sheet(heading, matches, cache, read, show)
        pieces = (part.encode() for part in parts)
        if str(options.html) == "-":
            write_out(pieces)
            return
        try:
            with write_whole(options.html, _MODE) as draft, draft.open("wb") as file:
                file.writelines(pieces)
        except OSError as error:
            raise OutputError(f"{options.html} cannot be written: {error.strerror}") from error
    talk.note(f"the contact sheet is in {options.html}")


def heading_of(
    query: "Query", paths: Sequence[str], given: Given, matches: "Sequence[Match]"
) -> "Heading":
    """Return what stands above the pictures: the query, and what it was searched with."""
    from rclip_like.page.sheet import Heading

    signed = [f"+ {each}" for each in query.add] + [
        f"\N{MINUS SIGN} {each}" for each in query.subtract
    ]
    details = [("searched", ", ".join(paths) or "the current folder")]
    if given.get("--all"):
        details = [("searched", "everything indexed")]
    if options := " ".join(_typed(given)):
        details.append(("options", options))
    details.append(("pictures", f"{len(matches):,}"))
    if matches:
        details.append(("model", matches[0].model))
    details.append(("made", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")))
    return Heading(" ".join([query.text, *signed]), tuple(details))


def _typed(given: Given) -> Iterator[str]:
    for name, value in given.items():
        if name in _UNLISTED:
            continue
        for each in value if isinstance(value, (list, tuple)) else [value]:
            yield name if each is True else f"{name} {shlex.quote(str(each))}"
