"""The README's picture of a search in the terminal.

`PYTHONPATH=tests python -m shots.terminal docs/terminal.webp` makes it anew: clipfind draws on a
terminal of tmux, and what that shows is drawn with a font.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from readme_examples import Workplace
from terminal_pictures import Cell, cells_of
from tmux_session import tmux_session

COMMAND = "clipfind cat album -t 3 -p"
COLUMNS = 72
_CELL = 10, 20
_FONT_SIZE = 16
_MARGIN = 14
_INK, _PAPER = (216, 222, 233), (29, 32, 40)
_BLOCK = "\u2580"


def screenshot(lines: Sequence[str], columns: int) -> Image.Image:
    """Return what a terminal of so many columns shows, from lines with colours.

    lines: as `tmux capture-pane -e -p` prints them.
    """
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    plain, bold = (
        ImageFont.truetype(fonts / f"DejaVuSansMono{kind}.ttf", _FONT_SIZE)
        for kind in ("", "-Bold")
    )
    wide, high = _CELL
    size = columns * wide + 2 * _MARGIN, len(lines) * high + 2 * _MARGIN
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        for column, cell in enumerate(cells_of(line)):
            x, y = _MARGIN + column * wide, _MARGIN + row * high
            if cell.paper is not None:
                draw.rectangle((x, y, x + wide - 1, y + high - 1), cell.paper)
            if cell.text == _BLOCK:
                draw.rectangle((x, y, x + wide - 1, y + high // 2 - 1), cell.ink or _INK)
            elif cell.text.strip():
                draw.text((x, y), cell.text, _ink(cell), bold if cell.is_bold else plain)
    return image


def _ink(cell: Cell) -> tuple[int, ...]:
    ink = cell.ink or _INK
    dimmed = tuple((2 * a + b) // 3 for a, b in zip(ink, _PAPER, strict=True))
    return dimmed if cell.is_dim else ink


def searched(command: str, columns: int = COLUMNS, rows: int = 40) -> list[str]:
    """Return the lines that a terminal shows when the command was typed, the last prompt left out.

    The album that it searches is the README's.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace.make(Path(folder))
        place.run("clipfind index album -q")
        environment = place.environment | {"TERM": "screen", "CLIPFIND_QUIET": "true"}
        with tmux_session(place.folder, environment, columns=columns, rows=rows) as session:
            session.type(command)
            session.press("Enter")
            session.wait_until(lambda text: text.rstrip().endswith("\n$"))
            shown = session.lines(coloured=True)
    while not shown[-1].strip("$ \n"):
        shown.pop()
    return shown


def main(path: str) -> None:
    """Write the picture."""
    screenshot(searched(COMMAND), COLUMNS).save(path, lossless=True, method=6)


if __name__ == "__main__":
    main(*sys.argv[1:])
