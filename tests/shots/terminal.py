"""The README's picture of a search in the terminal.

`PYTHONPATH=tests python -m shots.terminal docs/terminal.webp` makes it anew: clipfind draws half
blocks on a terminal of tmux and sixels on one that shows them, and what these show is drawn with a
font, side by side.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from processes import read_terminal
from readme_examples import Workplace
from terminal_pictures import Cell, cells_of, sixels_in
from tmux_session import tmux_session

COMMAND = "clipfind cat album -t 3 -p"
COLUMNS = 56
_CELL = 10, 20
_FONT_SIZE = 16
_MARGIN = 14
_INK, _PAPER = (216, 222, 233), (29, 32, 40)
_BLOCK = "\u2580"
_MOVE = re.compile(
    r"(\n+)\x1b\[(\d+)A\x1b7(?:\x1b\[(\d+)C)?(\x1bP[^\x1b]*\x1b\\)\x1b8|\x1b\[(\d+)C"
)
"""Room made and a graphic drawn in it, or a move to the right."""


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


def with_sixels(shown: str, columns: int) -> Image.Image:
    """Return what a terminal of so many columns shows of a search with sixels.

    shown: what clipfind sends it. Where it moves the cursor to the right, spaces are put.
    """
    graphics: list[tuple[int, int, str]] = []
    lines: list[str] = []
    for line in _MOVE.sub(_kept_apart, shown).split("\n"):
        while (found := re.search(r"\x00(\d+) ([^\x00]*)\x00", line)) is not None:
            graphics.append((len(lines), int(found[1]), found[2]))
            line = line.replace(found[0], "")
        lines.append(line)
    image = screenshot(lines, columns)
    for row, column, sixels in graphics:
        place = _MARGIN + column * _CELL[0], _MARGIN + row * _CELL[1]
        image.paste(Image.fromarray(sixels_in(sixels.encode())), place)
    return image


def _kept_apart(found: re.Match[str]) -> str:
    room, rows, before, sixels, right = found.groups()
    if sixels is None:
        return " " * int(right)
    return "\n" * (len(room) - int(rows)) + f"\0{before or 0} {sixels}\0"


def searched(place: Workplace, command: str, columns: int = COLUMNS, rows: int = 40) -> list[str]:
    """Return the lines that tmux shows when the command was typed."""
    environment = place.environment | {"TERM": "screen", "CLIPFIND_QUIET": "true"}
    with tmux_session(place.folder, environment, columns=columns, rows=rows) as session:
        session.type(command)
        session.press("Enter")
        session.wait_until(lambda text: text.rstrip().endswith("\n$"))
        shown = session.lines(coloured=True)
    while not shown[-1].strip():
        shown.pop()
    return shown


def sent(place: Workplace, command: str, columns: int = COLUMNS, rows: int = 40) -> str:
    """Return what a command sends to a terminal that shows sixels, between two prompts."""
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", rows, columns, columns * _CELL[0], rows * _CELL[1])
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    environment = place.environment | {"TERM": "foot", "CLIPFIND_QUIET": "true"}
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=place.folder, env=environment, stdout=theirs
    )
    os.close(theirs)
    shown = read_terminal(ours)
    os.close(ours)
    assert process.wait(timeout=120) == 0
    return f"$ {command}\n{shown}$ "


def main(path: str) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        place = Workplace.make(Path(folder))
        place.run("clipfind index album -q")
        left = screenshot(searched(place, COMMAND), COLUMNS)
        right = with_sixels(sent(place, COMMAND), COLUMNS)
    gap = _MARGIN
    size = left.width + gap + right.width, max(left.height, right.height)
    both = Image.new("RGB", size, (255, 255, 255))
    for image, x in ((left, 0), (right, left.width + gap)):
        both.paste(_PAPER, (x, 0, x + image.width, size[1]))
        both.paste(image, (x, 0))
    both.save(path, quality=82, method=6)


if __name__ == "__main__":
    main(*sys.argv[1:])
