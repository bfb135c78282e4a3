"""One picture as bytes for a terminal: half blocks, sixel, or kitty's protocol."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from rclip_like.output.matches import lines_of_match
from rclip_like.output.protocol import Graphics
from rclip_like.output.terminal import Screen, chopped, escaped, width_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from rclip_like.values import Match, Pixels

END = b"\x1b\\\x1b[0m\n"
"""Ends a picture that was interrupted, so that what follows is text again."""
_PLAIN = "\x1b[0m"
_MOST_COLOURS = 256
_BAND_ROWS = 6
_CHUNK = 4096
"""Bytes of base64 that kitty's protocol allows in one sequence."""
_LONG_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)
_CUBE_LEVELS = (0, 95, 135, 175, 215, 255)
_FIRST_GREY, _NUM_GREYS = 232, 24
_NARROWEST, _WIDEST = 8, 36
"""Of the boxes of a list, in columns."""
_GAP = 2


class Cells(NamedTuple):
    """A size in cells of a terminal."""

    columns: int
    rows: int

    def pixels_shown(self, graphics: Graphics) -> int:
        """Return how many pixels the longer side of a picture in a box of this size can show."""
        if graphics.protocol == "blocks":
            return max(self.columns, 2 * self.rows)
        return max(self.columns * graphics.cell.width, self.rows * graphics.cell.height)


class Drawing(NamedTuple):
    """A picture drawn: the cells that it takes, and either its lines or what draws it at once.

    lines: one for each row, as wide as the picture. graphic: drawn from the cursor on, which it
    may leave anywhere; b"" where the picture consists of lines.
    """

    size: Cells
    lines: tuple[bytes, ...] = ()
    graphic: bytes = b""


def picture_of(webp: bytes) -> Image.Image:
    """Return a thumbnail as an RGB picture."""
    return Image.open(BytesIO(webp)).convert("RGB")


def draw(image: Image.Image, box: Cells, graphics: Graphics) -> Drawing:
    """Return the whole RGB picture, as large as the box allows, but not enlarged.

    With half blocks a cell shows two pixels, one above the other.
    """
    cell = graphics.cell
    if graphics.protocol == "blocks":
        pixel = cell.width, cell.height / 2
        columns, height = _fitted(image.size, (box.columns, 2 * box.rows), pixel, cell.width)
        small = image.resize((columns, height), Image.Resampling.LANCZOS)
        lines = tuple(_block_lines(_as_pixels(small), has_true_colours=graphics.has_true_colours))
        return Drawing(Cells(columns, len(lines)), lines)
    most = box.columns * cell.width, box.rows * cell.height
    width, height = _fitted(image.size, most, (1, 1), 1)
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    size = Cells(-(-width // cell.width), -(-height // cell.height))
    if graphics.protocol == "sixel":
        return Drawing(size, graphic=sixel(small))
    # Given one side alone, the terminal keeps the picture's shape.
    is_wide = width * box.rows * cell.height >= height * box.columns * cell.width
    return Drawing(size, graphic=kitty(small, *((size.columns, 0) if is_wide else (0, size.rows))))


def _fitted(
    size: tuple[int, int], most: tuple[int, int], pixel: tuple[float, float], largest: float
) -> tuple[int, int]:
    """Return in how many pixels of the screen a picture of this size is shown.

    most: of the screen's pixels each way. pixel: width and height of one of them. largest: into how
    many units of those a pixel of the picture may be enlarged.
    """
    scale = min(
        largest,
        *(number * unit / side for number, unit, side in zip(most, pixel, size, strict=True)),
    )
    wide, high = (round(side * scale / unit) for side, unit in zip(size, pixel, strict=True))
    return min(max(1, wide), most[0]), min(max(1, high), most[1])


def _as_pixels(image: Image.Image) -> Pixels:
    import numpy as np

    return np.asarray(image)


def _block_lines(pixels: Pixels, *, has_true_colours: bool) -> Iterator[bytes]:
    """Yield one line for two rows of pixels: the upper one as foreground, the lower as background.

    An upper half block is drawn in each cell. The last line of an odd height has no background.
    """
    if has_true_colours:
        colours = [[f"2;{r};{g};{b}" for r, g, b in row] for row in pixels.tolist()]
    else:
        colours = [[f"5;{number}" for number in row] for row in nearest_of_256(pixels).tolist()]
    for top in range(0, len(colours), 2):
        upper = colours[top]
        lower = colours[top + 1] if top + 1 < len(colours) else [""] * len(upper)
        line, before = [], ("", "")
        for above, below in zip(upper, lower, strict=True):
            codes = [f"38;{above}"] if above != before[0] else []
            codes += [f"48;{below}"] if below != before[1] else []
            line.append(f"\x1b[{';'.join(codes)}m\u2580" if codes else "\u2580")
            before = above, below
        yield ("".join(line) + _PLAIN).encode()


def nearest_of_256(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return for RGB (H, W, 3) the nearest colours (H, W) among xterm's cube and greys."""
    import numpy as np

    wanted = pixels.astype(np.int32)
    levels = np.array(_CUBE_LEVELS)
    steps = np.abs(wanted[..., None] - levels).argmin(-1)
    grey = np.clip((wanted.mean(-1) - 8 + 5) // 10, 0, _NUM_GREYS - 1).astype(np.int32)
    from_cube = ((levels[steps] - wanted) ** 2).sum(-1)
    from_grey = (((8 + 10 * grey)[..., None] - wanted) ** 2).sum(-1)
    cube = 16 + steps @ np.array([36, 6, 1])
    nearest: npt.NDArray[np.uint8] = np.where(
        from_grey < from_cube, _FIRST_GREY + grey, cube
    ).astype(np.uint8)
    return nearest


def sixel(image: Image.Image) -> bytes:
    """Return an RGB picture as a sixel sequence, in at most 256 colours of its own."""
    import numpy as np

    reduced = image.quantize(_MOST_COLOURS, Image.Quantize.MEDIANCUT)
    indices = np.asarray(reduced)
    palette = np.array(reduced.getpalette()).reshape(-1, 3)
    parts = [f'\x1bP0;1;0q"1;1;{image.width};{image.height}'.encode()]
    for number in np.unique(indices):
        red, green, blue = (round(level * 100 / 255) for level in palette[number].tolist())
        parts.append(f"#{number};2;{red};{green};{blue}".encode())
    for top in range(0, image.height, _BAND_ROWS):
        parts += [b"-"] if top else []
        parts += _sixel_band(indices[top : top + _BAND_ROWS])
    return b"".join((*parts, b"\x1b\\"))


def _sixel_band(rows: npt.NDArray[np.uint8]) -> Iterator[bytes]:
    """Yield what draws up to six rows of colour numbers: for each colour the bits of its pixels."""
    import numpy as np

    bits = np.zeros((_MOST_COLOURS, rows.shape[1]), np.uint8)
    columns = np.arange(rows.shape[1])
    for number, row in enumerate(rows):
        bits[row, columns] |= 1 << number
    for colour in np.unique(rows):
        drawn = (bits[colour] + ord("?")).tobytes().rstrip(b"?")
        yield f"#{colour}".encode() + _LONG_RUN.sub(_repeated, drawn) + b"$"


def _repeated(run: re.Match[bytes]) -> bytes:
    return f"!{len(run[0])}".encode() + run[1]


def kitty(image: Image.Image, columns: int, rows: int) -> bytes:
    """Return an RGB picture as kitty's graphics protocol sends it: a PNG in pieces of base64.

    columns, rows: in how many cells the terminal shows it; where one is 0, the shape decides. The
    cursor stays, and the terminal answers nothing.
    """
    written = BytesIO()
    image.save(written, "PNG", compress_level=6)
    content = base64.b64encode(written.getvalue())
    sides = "".join(f",{key}={side}" for key, side in (("c", columns), ("r", rows)) if side)
    keys, parts = f"a=T,f=100,C=1,q=2{sides},", []
    for start in range(0, len(content), _CHUNK):
        is_last = start + _CHUNK >= len(content)
        head = f"\x1b_G{keys}m={0 if is_last else 1};".encode()
        parts.append(head + content[start : start + _CHUNK] + b"\x1b\\")
        keys = "q=2,"
    return b"".join(parts)


def alone(drawing: Drawing, *, is_on_terminal: bool) -> bytes:
    """Return what shows a picture and leaves the cursor on the line below it.

    Programs that show previews, as fzf does, let a graphic pass and know where it is to stand.
    """
    if drawing.graphic and not is_on_terminal:
        return drawing.graphic + b"\n"
    if drawing.graphic:
        return _with_room(drawing.graphic, drawing.size.rows) + b"\n" * drawing.size.rows
    return b"".join(line + b"\n" for line in drawing.lines)


def box_beside(terminal: Cells) -> Cells:
    """Return the box for each picture of a list on a terminal of this size."""
    width = min(max(terminal.columns * 2 // 5, _NARROWEST), _WIDEST)
    return Cells(width, max(1, min(width // 3, terminal.rows - 2)))


def shown_match(
    match: Match,
    picture: bytes | str,
    terminal: Cells,
    graphics: Graphics,
    screen: Screen,
) -> bytes:
    """Return a match with its picture on the left and what is known of it on the right.

    picture: the thumbnail as WebP, or why there is none, which its box then says. terminal: its
    size, by which the box and the lines of text are measured.
    """
    box = box_beside(terminal)
    texts = lines_of_match(match, max(_NARROWEST, terminal.columns - box.columns - _GAP), screen)
    if isinstance(picture, str):
        drawing = _framed(picture, box)
    else:
        drawing = draw(picture_of(picture), box, graphics)
    return _beside(drawing, box, texts) + b"\n"


def _framed(reason: str, box: Cells) -> Drawing:
    """Return a box with a text in it, as far as it has room."""
    inside = box.columns - 2
    edge = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * inside
    side = "\N{BOX DRAWINGS LIGHT VERTICAL}"
    lines = chopped(f"no preview: {escaped(reason)}", inside)[: max(1, box.rows - 2)]
    framed = (
        f"\u250c{edge}\u2510",
        *(side + line + " " * (inside - width_of(line)) + side for line in lines),
        f"\u2514{edge}\u2518",
    )
    return Drawing(Cells(box.columns, len(framed)), tuple(line.encode() for line in framed))


def _beside(drawing: Drawing, box: Cells, texts: Sequence[str]) -> bytes:
    """Return what shows a picture in the middle of the box's width, and lines of text beside it.

    It is as high as the picture, or as the texts are.
    """
    rows = max(drawing.size.rows, len(texts))
    before = (box.columns - drawing.size.columns) // 2
    lines = [text.encode() for text in texts] + [b""] * (rows - len(texts))
    if drawing.graphic:
        shift = f"\x1b[{before}C".encode() if before else b""
        head = _with_room(shift + drawing.graphic, rows)
        away = f"\x1b[{box.columns + _GAP}C".encode()
        return head + b"".join((away + line if line else b"") + b"\n" for line in lines)
    drawn = [*drawing.lines, *[b" " * drawing.size.columns] * (rows - len(drawing.lines))]
    after = box.columns - drawing.size.columns - before + _GAP
    return b"".join(
        b" " * before + picture + (b" " * after + line if line else b"") + b"\n"
        for picture, line in zip(drawn, lines, strict=True)
    )


def _with_room(graphic: bytes, rows: int) -> bytes:
    """Return what draws from the cursor on and leaves it there, with as many rows below it.

    Without the room made first, the screen would scroll while the picture is drawn.
    """
    return b"\n" * rows + f"\x1b[{rows}A\x1b7".encode() + graphic + b"\x1b8"
