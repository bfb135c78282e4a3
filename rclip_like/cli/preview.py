"""`clipfind preview FILE`, and `search --preview`: pictures in the terminal."""

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rclip_like.cli.remedies import said
from rclip_like.errors import ClipfindError, UsageError
from rclip_like.output.stream import Talk, stdout, write_out
from rclip_like.output.terminal import Screen, is_terminal
from rclip_like.settings import (
    MOST_THUMBNAIL_MEGABYTES,
    Argument,
    Option,
    ReadSettings,
    Setting,
    ThumbnailCacheSize,
)

if TYPE_CHECKING:
    from rclip_like.images.thumbnails import ThumbnailCache
    from rclip_like.output.preview import Cells
    from rclip_like.values import Match

SHOWN, NOT_SHOWN = 0, 2
WITHOUT_EFFECT = tuple(
    (each, "--preview") for each in ("--files", "--json", "--format", "--null", "--html")
)
"""Pairs of options of `search`; the second has no effect beside the first."""
_SIZE = re.compile(r"([1-9]\d{0,3})x([1-9]\d{0,3})")

PreviewProtocol = Annotated[
    Literal["auto", "kitty", "sixel", "blocks"],
    Setting(
        "--preview-protocol",
        metavar="NAME",
        help="How the terminal is sent pictures: kitty, sixel, blocks (coloured half blocks, which "
        "every terminal shows), or auto, which finds out.",
    ),
]


class PreviewError(ClipfindError):
    """A file cannot be shown."""


class PreviewSettings(NamedTuple):
    """What `search` takes to show pictures beside the results."""

    preview: Annotated[
        bool,
        Option(
            "--preview -p",
            help="Draw each picture beside its score and path. Only on a terminal.",
        ),
    ] = False
    protocol: PreviewProtocol = "auto"


class PreviewOptions(NamedTuple):
    """What `preview` takes."""

    file: Annotated[str, Argument("FILE", help="A picture in any format that clipfind reads.")]
    size: Annotated[
        str | None,
        Option(
            "--size",
            metavar="COLSxROWS",
            help="How large it may be, in cells of the terminal, as 80x24. Default: what fzf says "
            "in FZF_PREVIEW_COLUMNS and FZF_PREVIEW_LINES, else the terminal's size.",
        ),
    ] = None
    protocol: PreviewProtocol = "auto"
    cache_megabytes: ThumbnailCacheSize = MOST_THUMBNAIL_MEGABYTES
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    talk: Talk = Talk()


def run(options: PreviewOptions) -> int:
    """Draw one picture; raises PreviewError where there is none to draw."""
    box = _box(options.size)
    name = options.file if os.path.lexists(options.file) else os.path.expanduser(options.file)
    path = os.fsencode(name)
    from rclip_like.images.thumbnails import ThumbnailCache
    from rclip_like.output.preview import alone, draw, picture_of
    from rclip_like.output.protocol import graphics_of

    graphics = graphics_of(stdout(), options.protocol)
    cache = ThumbnailCache(options.cache_megabytes * 1_000_000)
    webp = _thumbnail(path, box.pixels_shown(graphics), cache, options.read)
    drawing = draw(picture_of(webp), box, graphics)
    write_out([alone(drawing, is_on_terminal=is_terminal(stdout()))])
    return SHOWN


def _box(size: str | None) -> "Cells":
    """Return the cells that a single picture may take; raises UsageError for nonsense."""
    from rclip_like.output.preview import Cells

    if size is not None:
        found = _SIZE.fullmatch(size)
        if found is None:
            raise UsageError(f"--size wants columns and rows, as 80x24, not {size!r}")
        return Cells(int(found[1]), int(found[2]))
    of_fzf = [os.environ.get(f"FZF_PREVIEW_{each}", "") for each in ("COLUMNS", "LINES")]
    if _SIZE.fullmatch("x".join(of_fzf)):
        columns, rows = map(int, of_fzf)
        return Cells(max(1, columns - 1), rows)  # fzf drops a coloured character in the last column
    if not is_terminal(stdout()):
        raise UsageError("stdout is not a terminal; say how large the picture may be: --size 80x24")
    columns, rows = _terminal_size()
    return Cells(columns, max(1, rows - 1))  # the prompt takes a row


def _terminal_size() -> tuple[int, int]:
    """Return columns and rows of the terminal that is stdout, 80 and 24 where it does not say."""
    output = stdout()
    assert output is not None
    size = os.get_terminal_size(output.fileno())
    return size.columns or 80, size.lines or 24


def _thumbnail(path: bytes, num_pixels: int, cache: "ThumbnailCache", read: ReadSettings) -> bytes:
    """Return a file's thumbnail of so many pixels as WebP; raises PreviewError and ReaderError."""
    from rclip_like.images.thumbnails import Wanted, thumbnails
    from rclip_like.values import Trouble
    from rclip_like.walk.identity import content_digest

    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "is not a path"
        raise PreviewError(f"{os.fsdecode(path)}: {reason}") from error
    digest = content_digest(path, status.st_size)
    if digest is None:
        raise PreviewError(f"{os.fsdecode(path)}: is not a regular file, or cannot be read")
    wanted = [Wanted(os.path.abspath(path), digest)]
    (found,) = thumbnails(wanted, _thumbnail_size(num_pixels), cache, read)
    if isinstance(found, Trouble):
        raise PreviewError(f"{os.fsdecode(path)}: {said(found.sentence)}")
    return found


def _thumbnail_size(num_pixels: int) -> int:
    from rclip_like.images.thumbnails import LARGE, SMALL

    return SMALL if num_pixels <= SMALL else LARGE


def can_draw() -> bool:
    """Return whether the terminal obeys what draws pictures."""
    return os.environ.get("TERM") != "dumb"


def show_matches(
    matches: "Sequence[Match]",
    screen: Screen,
    protocol: str,
    cache_megabytes: int,
    read: ReadSettings,
) -> None:
    """Draw each match, beside what is known of it, as soon as its thumbnail is there.

    Raises ReaderError.
    """
    if not matches:
        return
    from rclip_like.images.thumbnails import ThumbnailCache, Wanted, thumbnails
    from rclip_like.output.preview import END, Cells, box_beside, shown_match
    from rclip_like.output.protocol import graphics_of

    terminal = Cells(*_terminal_size())
    graphics = graphics_of(stdout(), protocol)
    size = _thumbnail_size(box_beside(terminal).pixels_shown(graphics))
    cache = ThumbnailCache(cache_megabytes * 1_000_000)
    wanted = (
        Wanted(match.absolute_bytes, match.version.digest if match.version else b"", match.second)
        for match in matches
    )
    try:
        for match, found in zip(matches, thumbnails(wanted, size, cache, read), strict=True):
            picture = found if isinstance(found, bytes) else said(found.sentence)
            write_out([shown_match(match, picture, terminal, graphics, screen)])
    except KeyboardInterrupt:  # maybe in the middle of a picture
        write_out([END])
        raise
