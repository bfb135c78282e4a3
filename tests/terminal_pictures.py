"""What a terminal would show of bytes sent to it: pictures as blocks, sixels or by kitty."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

Array = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
_CUBE = (0, 95, 135, 175, 215, 255)
_SIXTEEN = (
    *((0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205)),
    *((0, 205, 205), (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0)),
    *((255, 255, 0), (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255)),
)
_SEQUENCE = re.compile(r"\x1b\[([\d;:]*)m|\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)|(.)", re.DOTALL)


@dataclass(frozen=True)
class Cell:
    """One character of a screen with its colours; None is the terminal's own."""

    text: str = " "
    ink: Colour | None = None
    paper: Colour | None = None
    is_bold: bool = False
    is_dim: bool = False


def colour_of_256(number: int) -> Colour:
    """Return the RGB of one of xterm's 256 colours."""
    if number < 16:
        return _SIXTEEN[number]
    if number < 232:
        number -= 16
        return _CUBE[number // 36], _CUBE[number // 6 % 6], _CUBE[number % 6]
    return (8 + 10 * (number - 232),) * 3


def cells_of(line: str) -> list[Cell]:
    """Return the cells of a line with colours as `tmux capture-pane -e` or a program writes it."""
    style, cells = Cell(), []
    for sequence in _SEQUENCE.finditer(line):
        codes, text = sequence.groups()
        if text:
            cells.append(replace(style, text=text))
        elif codes is not None:
            style = _styled(style, [int(code or 0) for code in re.split("[;:]", codes)])
    return cells


def _styled(style: Cell, codes: list[int]) -> Cell:
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = Cell()
        elif code in (1, 2):
            style = replace(style, is_bold=code == 1, is_dim=code == 2)
        elif code in (38, 48):
            colour = tuple(codes[1:4]) if codes[0] == 2 else colour_of_256(codes[1])
            del codes[: 4 if codes[0] == 2 else 2]
            style = replace(style, **{"ink" if code == 38 else "paper": colour})
        elif code in (39, 49):
            style = replace(style, **{"ink" if code == 39 else "paper": None})
        elif code in range(30, 38) or code in range(90, 98):
            style = replace(style, ink=_SIXTEEN[code - 30 if code < 90 else code - 82])
        elif code in range(40, 48):
            style = replace(style, paper=_SIXTEEN[code - 40])
    return style


def blocks_in(lines: list[str]) -> Array:
    """Return the pixels (H, W, 3) that half blocks show, two for each cell; others are left out.

    A lower half without a colour of its own is 0.
    """
    rows = []
    for line in lines:
        cells = [cell for cell in cells_of(line) if cell.text == "\u2580"]
        if cells:
            rows.append([cell.ink or (0, 0, 0) for cell in cells])
            rows.append([cell.paper or (0, 0, 0) for cell in cells])
    return np.array(rows, dtype=np.uint8)


def sixels_in(shown: bytes) -> Array:
    """Return the pixels (H, W, 3) of the first sixel sequence; each of them has to be drawn."""
    found = re.search(rb'\x1bP[\d;]*q"1;1;(\d+);(\d+)([^\x1b]*)\x1b\\', shown)
    assert found is not None
    width, height = int(found[1]), int(found[2])
    pixels = np.full((height + 6, width, 3), 255, np.uint8)
    drawn = np.zeros((height + 6, width), bool)
    palette: dict[int, Array] = {}
    x, y, colour = 0, 0, -1
    pattern = rb"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|(\$)|(-)"
    matches = list(re.finditer(pattern, found[3]))
    assert sum(len(each[0]) for each in matches) == len(found[3])
    for each in matches:
        number, red, green, blue, times, repeated, single, start, below = each.groups()
        if number is not None:
            colour = int(number)
            if red is not None:
                levels = [int(level) * 255 / 100 for level in (red, green, blue)]
                palette[colour] = np.array(levels).round().astype(np.uint8)
        elif start or below:
            x, y = 0, y + (6 if below else 0)
        else:
            bits = (repeated or single)[0] - ord("?")
            end = x + int(times or 1)
            for bit in (bit for bit in range(6) if bits >> bit & 1):
                assert not drawn[y + bit, x:end].any()
                pixels[y + bit, x:end], drawn[y + bit, x:end] = palette[colour], True
            x = end
    assert drawn[:height].all()
    assert not drawn[height:].any()
    return pixels[:height]


def kitty_in(shown: bytes) -> tuple[Image.Image, dict[str, str]]:
    """Return the first picture sent by kitty's protocol, and the keys of its first piece."""
    pieces = re.findall(rb"\x1b_G([^;]*);([^\x1b]*)\x1b\\", shown)
    keys = [dict(each.split("=") for each in piece.decode().split(",")) for piece, _ in pieces]
    end = next(number for number, each in enumerate(keys) if each["m"] == "0") + 1
    assert all(each["m"] == "1" for each in keys[: end - 1])
    assert all(each["q"] == "2" for each in keys[:end])  # else the answer lands in the prompt
    assert all(len(payload) <= 4096 for _, payload in pieces)
    assert all(len(payload) % 4 == 0 for _, payload in pieces)
    png = base64.b64decode(b"".join(payload for _, payload in pieces[:end]), validate=True)
    return Image.open(BytesIO(png)), keys[0]
