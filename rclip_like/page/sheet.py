"""The contact sheet: one HTML file that shows what a search found, with all pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from os.path import basename, dirname
from typing import NamedTuple
from urllib.parse import quote_from_bytes

from rclip_like.images.thumbnails import SMALL, ThumbnailCache, Wanted, thumbnails
from rclip_like.settings import ReadSettings
from rclip_like.values import Match, Trouble

MARK = '<meta name="generator" content="clipfind contact sheet">'
"""Which file is a contact sheet, within its first bytes."""


class Heading(NamedTuple):
    """What stands above the pictures: the query, and lines on how it was searched."""

    title: str
    details: tuple[tuple[str, str], ...]


class Card(NamedTuple):
    """One picture as the sheet shows it; all texts are for people.

    address: of the original, a file URI. thumbnail: WebP in base64, "" if there is none; then
    `reason` says why. width, height: of the thumbnail as it is shown, in CSS pixels.
    """

    rank: int
    score: str
    name: str
    folder: str
    address: str
    facts: tuple[str, ...]
    thumbnail: str
    reason: str
    width: int
    height: int


def contact_sheet(
    heading: Heading,
    matches: Sequence[Match],
    cache: ThumbnailCache,
    limits: ReadSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> Iterator[str]:
    """Yield the parts of the HTML file that shows the matches in order.

    It opens from a disk, runs no script and loads nothing. on_progress: called with the number of
    pictures done and of all. Raises ReaderError.
    """
    from jinja2 import Environment, StrictUndefined  # 0.1 s that other commands do without

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("rclip_like.page").joinpath("sheet.html").read_text("utf-8")
    template = environment.from_string(source)
    cards = _reported(_cards(matches, cache, limits), len(matches), on_progress)
    yield from template.generate(heading=heading, cards=cards, number=len(matches), mark=MARK)


def _reported(
    cards: Iterator[Card], total: int, on_progress: Callable[[int, int], None] | None
) -> Iterator[Card]:
    for number, card in enumerate(cards, 1):
        if on_progress is not None:
            on_progress(number, total)
        yield card


def _cards(matches: Sequence[Match], cache: ThumbnailCache, limits: ReadSettings) -> Iterator[Card]:
    wanted = (
        Wanted(match.absolute_bytes, match.version.digest if match.version else b"")
        for match in matches
    )
    for match, found in zip(matches, thumbnails(wanted, SMALL, cache, limits), strict=True):
        path = match.path_bytes
        is_missing = isinstance(found, Trouble)
        width, height = _shown_size(match)
        yield Card(
            match.rank,
            f"{match.score:.4f}",
            shown(basename(path)),
            shown(dirname(path)),
            f"file://{quote_from_bytes(match.absolute_bytes)}",
            tuple(_facts(match)),
            "" if isinstance(found, Trouble) else base64.b64encode(found).decode("ascii"),
            found.sentence if isinstance(found, Trouble) else "",
            SMALL if is_missing else width,
            SMALL if is_missing else height,
        )


def shown(text: bytes) -> str:
    """Return a name as a page shows it: what is not text, or is a control, as a replacement."""
    decoded = text.decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in decoded)


def _facts(match: Match) -> Iterator[str]:
    if match.taken_at:
        yield match.taken_at[:16].replace("T", " ")
    if match.facts is not None:
        yield f"{match.facts.width} \N{MULTIPLICATION SIGN} {match.facts.height}"
        if match.facts.camera:
            yield shown(match.facts.camera.encode("utf-8", "replace"))


def _shown_size(match: Match) -> tuple[int, int]:
    if match.facts is None:
        return SMALL, SMALL
    width, height = match.facts.width, match.facts.height
    ratio = min(1.0, SMALL / max(width, height))
    return max(1, round(width * ratio)), max(1, round(height * ratio))
