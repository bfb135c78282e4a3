"""The contact sheet: one HTML file that shows what was found, with all pictures inside."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import chain, islice
from os.path import basename, dirname
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from PIL import Image

from rclip_like.errors import counted
from rclip_like.images.thumbnails import SMALL, ThumbnailCache, Wanted, thumbnails
from rclip_like.output.matches import moment
from rclip_like.page.documents import render
from rclip_like.settings import ReadSettings
from rclip_like.values import Crop, Match, PictureFacts, Trouble

KIND = "contact sheet"
MARK = f'<meta name="generator" content="clipfind {KIND}">'
"""Which file is a contact sheet, within its first bytes."""


class Heading(NamedTuple):
    """What stands above the pictures: the query, and lines on how it was searched."""

    title: str
    details: tuple[tuple[str, str], ...]


class Entry(NamedTuple):
    """One picture to show: `path` the way its folder was named, `digest` that of its content.

    score: as people read it, "" for none, and `score_name` what it is. taken_at: ISO 8601, the
    date of the file where `facts` have none. rank: from 1, None for none. words: where those of
    the query stand, and how.
    """

    path: bytes
    absolute: bytes
    digest: bytes
    score: str = ""
    score_name: str = "score"
    taken_at: str | None = None
    facts: PictureFacts | None = None
    crop: Crop | None = None
    rank: int | None = None
    words: tuple[tuple[str, str], ...] = ()
    second: float | None = None


class Group(NamedTuple):
    """Pictures under a title, in order; `note` says what should be known of them."""

    title: str
    entries: Sequence[Entry]
    note: str = ""
    number: int | None = None
    """How many pictures the group has, where it shows fewer."""


class Card(NamedTuple):
    """One picture as the sheet shows it; all texts are for people.

    address: of the original, a file URI. folder: the way it was named, `full`: from the top of the
    file system. thumbnail: WebP in base64, "" if there is none; then `reason` says why. width,
    height: of the thumbnail in pixels, which `is_small` if the picture is. rank: "" for none.
    words: as in "text: modern". mark: the crop that was found, as its left, top, width and height
    in percent, None if it was the whole.
    """

    name: str
    folder: str
    full: str
    address: str
    score: str
    score_name: str
    facts: tuple[str, ...]
    thumbnail: str
    reason: str
    width: int
    height: int
    is_small: bool
    rank: str
    words: tuple[str, ...]
    mark: tuple[float, float, float, float] | None


def contact_sheet(
    heading: Heading,
    matches: Sequence[Match],
    cache: ThumbnailCache,
    limits: ReadSettings,
    on_progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], str] = str,
) -> Iterator[str]:
    """Yield the parts of the HTML file that shows the matches in order; as `grouped_sheet`."""
    group = Group("Pictures", [entry_of(match) for match in matches])
    return grouped_sheet(heading, [group], cache, limits, on_progress, say)


def grouped_sheet(
    heading: Heading,
    groups: Sequence[Group],
    cache: ThumbnailCache,
    limits: ReadSettings,
    on_progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], str] = str,
) -> Iterator[str]:
    """Yield the parts of the HTML file that shows the groups one after the other.

    It opens from a disk, runs no script and loads nothing. on_progress: called with the number of
    pictures done and of all. say: puts the reason why there is no thumbnail into the words of the
    command line. Raises ReaderError.
    """
    entries = list(chain.from_iterable(group.entries for group in groups))
    cards = _reported(_cards(entries, cache, limits, say), len(entries), on_progress)
    shown_groups = [
        {
            "title": group.title,
            "note": group.note,
            "count": counted(group.number or len(group.entries), "picture"),
            "cards": islice(cards, len(group.entries)),
        }
        for group in groups
    ]
    yield from render(
        "sheet.html", kind=KIND, title=heading.title, heading=heading, groups=shown_groups
    )


def entry_of(match: Match) -> Entry:
    """Return a match of a search as the sheet shows it, without a score if that is not a number."""
    return Entry(
        match.path_bytes,
        match.absolute_bytes,
        match.version.digest if match.version else b"",
        f"{match.score:.4f}" if math.isfinite(match.score) else "",
        taken_at=match.taken_at,
        facts=match.facts,
        crop=match.crop,
        rank=match.rank,
        words=match.words,
        second=match.second,
    )


def shown(text: bytes) -> str:
    """Return a name as a page shows it: what is not text, or is a control, as a replacement."""
    decoded = text.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in decoded)


def _reported(
    cards: Iterator[Card], total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[Card]:
    for number, card in enumerate(cards, 1):
        if on_progress is not None:
            on_progress(number, total)
        yield card


def _cards(
    entries: Sequence[Entry],
    cache: ThumbnailCache,
    limits: ReadSettings,
    say: Callable[[str], str],
) -> Iterator[Card]:
    wanted = (Wanted(entry.absolute, entry.digest, entry.second) for entry in entries)
    for entry, found in zip(entries, thumbnails(wanted, SMALL, cache, limits), strict=True):
        width = height = SMALL
        if not isinstance(found, Trouble):
            with Image.open(BytesIO(found)) as image:
                width, height = image.size
        yield Card(
            name=shown(basename(entry.path)),
            folder=shown(dirname(entry.path)),
            full=shown(dirname(entry.absolute)),
            address=f"file://{quote_from_bytes(entry.absolute)}",
            score=entry.score,
            score_name=entry.score_name,
            facts=tuple(_facts(entry)),
            thumbnail="" if isinstance(found, Trouble) else base64.b64encode(found).decode("ascii"),
            reason=say(found.sentence) if isinstance(found, Trouble) else "",
            width=width,
            height=height,
            is_small=max(width, height) < SMALL,
            rank="" if entry.rank is None else f"{entry.rank:,}.",
            words=tuple(
                shown(f"{where}: {text}".encode("utf-8", "replace")) for where, text in entry.words
            ),
            mark=_mark(entry),
        )


def _mark(entry: Entry) -> tuple[float, float, float, float] | None:
    """Return where the entry's crop lies, in percent of the picture."""
    if entry.crop is None or entry.facts is None:
        return None
    across, down = 100 / entry.facts.width, 100 / entry.facts.height
    x, y, width, height = entry.crop
    return (
        round(x * across, 2),
        round(y * down, 2),
        round(width * across, 2),
        round(height * down, 2),
    )


def _facts(entry: Entry) -> Iterator[str]:
    if entry.second is not None:
        yield f"at {moment(entry.second)}"
    if entry.taken_at:
        is_of_file = entry.facts is not None and not entry.facts.taken_at
        yield entry.taken_at[:16].replace("T", " ") + " (file's date)" * is_of_file
    if entry.facts is not None:
        yield f"{entry.facts.width} \N{MULTIPLICATION SIGN} {entry.facts.height}"
        if entry.facts.camera:
            yield shown(entry.facts.camera.encode("utf-8", "replace"))
        if entry.facts.place:
            yield shown(str(entry.facts.place).encode("utf-8", "replace"))
