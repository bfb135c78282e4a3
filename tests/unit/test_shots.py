"""The README's pictures of what clipfind shows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
from shots.terminal import _CELL, _MARGIN, _PAPER, screenshot, with_sixels

DOCS = Path(__file__).parents[2] / "docs"
MOST_BYTES = 60_000


def test_a_screenshot_has_the_colours_of_each_half_of_a_cell() -> None:
    image = screenshot(["\x1b[38;2;1;2;3m\x1b[48;2;4;5;6m\u2580\x1b[0m \x1b[1m#", ""], 4)
    wide, high = _CELL
    assert image.size == (4 * wide + 2 * _MARGIN, 2 * high + 2 * _MARGIN)
    assert image.getpixel((_MARGIN, _MARGIN)) == (1, 2, 3)
    assert image.getpixel((_MARGIN + wide - 1, _MARGIN + high - 1)) == (4, 5, 6)
    assert image.getpixel((_MARGIN + wide, _MARGIN)) == _PAPER
    letter = (_MARGIN + 2 * wide, _MARGIN, _MARGIN + 3 * wide, _MARGIN + high)
    assert len(image.crop(letter).getcolors() or ()) > 2


def test_sixels_stand_where_the_cursor_was() -> None:
    sixels = '\x1bP0;1;0q"1;1;2;1#7;2;100;0;0#7!2@$\x1b\\'
    shown = f"first\n\n\n\n\x1b[2A\x1b7\x1b[3C{sixels}\x1b8\x1b[5Cbeside\n\nlast"
    image = with_sixels(shown, 12)
    wide, high = _CELL
    assert image.height == 5 * high + 2 * _MARGIN
    corner = _MARGIN + 3 * wide, _MARGIN + 2 * high
    assert image.getpixel(corner) == (255, 0, 0)
    assert image.getpixel((corner[0] - 1, corner[1])) == _PAPER


def test_the_readmes_picture_of_a_terminal_is_small() -> None:
    assert 0 < (DOCS / "terminal.webp").stat().st_size <= MOST_BYTES
