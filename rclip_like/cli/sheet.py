"""`--html FILE` of `search` and `classify`: the pictures found as a contact sheet."""

import heapq
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.cli.remedies import said
from rclip_like.errors import UsageError
from rclip_like.files import open_at_once, write_whole
from rclip_like.output.progress import progress_bar
from rclip_like.output.stream import OutputError, Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal
from rclip_like.settings import MOST_THUMBNAIL_MEGABYTES, Option, ReadSettings, ThumbnailCacheSize

if TYPE_CHECKING:
    from rclip_like.classify.values import LabelledPicture, LabelScore
    from rclip_like.page.sheet import Entry, Group, Heading
    from rclip_like.query import Query
    from rclip_like.values import Match

ALONE = ("--files", "--json", "--format", "--null", "--explain")
"""Options that say how lines are printed, which a sheet replaces."""
_MODE = 0o666  # before the umask, since sheets are shared
_HEAD_BYTES = 512
_UNLISTED = frozenset(
    ("QUERY", "[PATH]...", "--html", "--add", "--subtract", "--labels", "--all")
    + ("--quiet", "--verbose", "--color", "--threads", "--thumbnail-cache")
)
"""Options that the heading tells in other words, or that change nothing of what is shown."""
_MOST_IN_TITLE = 12
_MOST_OF_LABEL, _LEAST_OF_LABEL, _MOST_OF_ALL = 200, 4, 4000
"""How many pictures of a label are shown, and of all labels together."""


class SheetOptions(NamedTuple):
    """How results become pictures to look at."""

    html: Annotated[
        Path | None,
        Option(
            "--html",
            metavar="FILE",
            help="Write the results as a contact sheet, one HTML file with thumbnails inside, "
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
        with open(path, "rb", opener=open_at_once) as file:
            if not path.is_file() or MARK.encode() not in file.read(_HEAD_BYTES):
                raise UsageError(f"{path} exists and is not a contact sheet; name another file")


def write_sheet(
    groups: "Sequence[Group]",
    heading: "Heading",
    options: SheetOptions,
    read: ReadSettings,
    talk: Talk,
) -> None:
    """Write the sheet to its file or to stdout. Raises OutputError and ReaderError."""
    from rclip_like.images.thumbnails import ThumbnailCache
    from rclip_like.page.sheet import grouped_sheet

    assert options.html is not None
    cache = ThumbnailCache(options.cache_megabytes * 1_000_000)
    with progress_bar("making thumbnails", "pictures", quiet=talk.quiet) as show:
        parts = grouped_sheet(heading, groups, cache, read, show, said)
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


def group_of_matches(matches: "Sequence[Match]") -> "Group":
    """Return the results of a search as the one group of a sheet."""
    from rclip_like.page.sheet import Group, entry_of

    return Group("Pictures", [entry_of(match) for match in matches])


def groups_of_labels(
    pictures: "Iterable[LabelledPicture]", labels: "Sequence[str | None]"
) -> "list[Group]":
    """Return a group for each of these labels that a picture has, None for pictures without one.

    Each has its likeliest pictures first: _MOST_OF_LABEL of them, or fewer where the labels are
    many, so that the file can still be opened.
    """
    from rclip_like.classify.values import NONE_OF_THESE
    from rclip_like.page.sheet import Group

    most = max(_LEAST_OF_LABEL, min(_MOST_OF_LABEL, _MOST_OF_ALL // max(1, len(labels))))
    counts: Counter[str | None] = Counter()
    likeliest: dict[str | None, list[tuple[float, int, Entry]]] = {label: [] for label in labels}
    for number, picture in enumerate(pictures):
        for each in picture.labels or (picture.best,):
            label = each.label if picture.labels else None
            if label not in likeliest:
                continue
            counts[label] += 1
            # Of equal probabilities the earlier one; the number also keeps entries uncompared.
            heapq.heappush(likeliest[label], (each.probability, -number, _entry(picture, each)))
            if counts[label] > most:
                heapq.heappop(likeliest[label])
    groups = []
    for label, kept in likeliest.items():
        entries = [entry for _, _, entry in sorted(kept, reverse=True)]
        note = f"The {most:,} likeliest are shown." if counts[label] > most else ""
        if entries:
            groups.append(Group(label or NONE_OF_THESE, entries, note, counts[label]))
    return groups


def _entry(picture: "LabelledPicture", each: "LabelScore") -> "Entry":
    from rclip_like.page.sheet import Entry

    chance = f"{100 * each.probability:.1f} %"
    return Entry(
        picture.path_bytes,
        picture.absolute_bytes,
        picture.version.digest if picture.version else b"",
        chance if picture.labels else f"{each.label} {chance}",
        "probability" if picture.labels else "likeliest label",
        picture.facts and picture.facts.taken_at,
        picture.facts,
    )


def heading_of_search(
    query: "Query", paths: Sequence[str], given: Given, matches: "Sequence[Match]"
) -> "Heading":
    """Return what stands above the pictures: the query, and what it was searched with."""
    signed = [f"+ {each}" for each in query.add] + [
        f"\N{MINUS SIGN} {each}" for each in query.subtract
    ]
    model = matches[0].model if matches else ""
    title = " ".join([query.text, *signed])
    return _heading(title, "searched", paths, given, len(matches), model)


def heading_of_labels(
    labels: Collection[str], paths: Sequence[str], given: Given, number: int, model: str
) -> "Heading":
    """Return what stands above labelled pictures: the labels, and how they were given."""
    title = ", ".join(labels) if len(labels) <= _MOST_IN_TITLE else f"{len(labels):,} labels"
    return _heading(title, "labelled", paths, given, number, model)


def _heading(
    title: str, verb: str, paths: Sequence[str], given: Given, number: int, model: str
) -> "Heading":
    from rclip_like.page.sheet import Heading

    details = [(verb, ", ".join(paths) or "the current folder")]
    if given.get("--all"):
        details = [(verb, "everything indexed")]
    if options := " ".join(_typed(given)):
        details.append(("options", options))
    details.append(("pictures", f"{number:,}"))
    if model:
        details.append(("model", model))
    details.append(("made", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")))
    return Heading(title, tuple(details))


def _typed(given: Given) -> Iterator[str]:
    for name, value in given.items():
        if name in _UNLISTED:
            continue
        for each in value if isinstance(value, (list, tuple)) else [value]:
            yield name if each is True else f"{name} {shlex.quote(str(each))}"
