"""Pictures as bytes for a terminal, decoded again and compared with what was drawn."""

from __future__ import annotations

import re
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from terminal_pictures import blocks_in, colour_of_256, kitty_in, sixels_in

from rclip_like.output.preview import (
    Cells,
    alone,
    box_beside,
    draw,
    nearest_of_256,
    shown_match,
)
from rclip_like.output.protocol import CellSize, Graphics
from rclip_like.output.terminal import Screen
from rclip_like.values import Match, PictureFacts

CELL = CellSize(10, 20)
BLOCKS = Graphics("blocks", CELL)
SIXEL = Graphics("sixel", CELL)
KITTY = Graphics("kitty", CELL)
TERMINAL = Cells(80, 40)
SCREEN = Screen(is_terminal=True, has_colours=True)


def photo(width: int = 240, height: int = 160) -> Image.Image:
    """Return a picture with smooth colours and an edge, as photos have them."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    pixels = np.stack([255 * x, 255 * y, np.where(x + y > 1, 220, 30)], -1)
    return Image.fromarray(pixels.astype(np.uint8))


def webp(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "WEBP", lossless=True)
    return written.getvalue()


def match(path: bytes = b"album/cat.jpg", **fields: object) -> Match:
    about = {"taken_at": "2018-05-03T12:30:45", "facts": PictureFacts(4000, 3000, camera="Leica")}
    return Match(path, b"/home/" + path, 0.50251, 1, "tiny", **(about | fields))  # type: ignore[arg-type]


def test_half_blocks_show_two_pixels_a_cell() -> None:
    drawing = draw(photo(), Cells(24, 8), BLOCKS)
    assert drawing.size == (24, 8)
    wanted = photo().resize((24, 16), Image.Resampling.LANCZOS)
    shown = blocks_in([line.decode() for line in drawing.lines])
    assert np.array_equal(shown, np.asarray(wanted))


def test_an_odd_row_of_half_blocks_has_nothing_below() -> None:
    drawing = draw(photo(30, 3), Cells(40, 10), BLOCKS)
    assert drawing.size == (30, 2)
    assert b"48;2" not in drawing.lines[1]
    assert drawing.lines[1].endswith(b"\x1b[0m")


def test_without_24_bits_the_nearest_of_256_colours_stand() -> None:
    random = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    palette = np.array([colour_of_256(number) for number in range(16, 256)])
    for pixels in (random, np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 256, 3)):
        nearest = nearest_of_256(pixels)
        away = ((palette[:, None, None] - pixels.astype(int)) ** 2).sum(-1)
        chosen = np.take_along_axis(away, nearest[None].astype(int) - 16, 0)[0]
        assert np.array_equal(chosen, away.min(0))
    drawing = draw(photo(), Cells(24, 8), BLOCKS._replace(has_true_colours=False))
    assert b"8;2;" not in b"".join(drawing.lines)


def test_a_sixel_stream_shows_the_picture() -> None:
    shown = alone(draw(photo(), Cells(24, 8), SIXEL), is_on_terminal=True)
    pixels = sixels_in(shown)
    assert pixels.shape == (160, 240, 3)
    away = np.abs(pixels.astype(int) - np.asarray(photo()).astype(int))
    assert away.mean() < 6
    assert np.percentile(away, 99) < 32


@pytest.mark.skipif(shutil.which("sixel2png") is None, reason="libsixel is not installed")
def test_libsixel_reads_a_sixel_stream_as_we_do(tmp_path: Path) -> None:
    shown = draw(photo(241, 163), Cells(80, 24), SIXEL).graphic
    command = ["sixel2png", "-o", str(tmp_path / "x.png")]
    subprocess.run(command, input=shown, check=True, timeout=60)
    with Image.open(tmp_path / "x.png") as image:
        away = np.asarray(image.convert("RGB")).astype(int) - sixels_in(shown)
    assert np.abs(away).max() <= 1  # of rounding percents


def test_in_a_pipe_a_graphic_comes_without_moving_the_cursor() -> None:
    drawing = draw(photo(), Cells(24, 8), SIXEL)
    assert alone(drawing, is_on_terminal=False) == drawing.graphic + b"\n"


def test_sixels_of_few_colours_are_exact_but_for_percents() -> None:
    flag = Image.new("RGB", (30, 14), (255, 0, 0))
    flag.paste((0, 51, 102), (10, 3, 23, 11))
    pixels = sixels_in(alone(draw(flag, Cells(24, 8), SIXEL), is_on_terminal=True))
    assert np.abs(pixels.astype(int) - np.asarray(flag).astype(int)).max() <= 1


def test_kittys_payload_is_the_picture_itself() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 150, 3), dtype=np.uint8)
    image, keys = kitty_in(
        alone(draw(Image.fromarray(noise), Cells(24, 8), KITTY), is_on_terminal=True)
    )
    assert np.array_equal(np.asarray(image), noise)
    assert keys["a"] == "T"
    assert keys["f"] == "100"
    assert keys["C"] == "1"  # the cursor stays
    assert ("c" in keys) != ("r" in keys)  # both would stretch the picture


@pytest.mark.parametrize("size", [(900, 2), (2, 900), (1, 1), (3000, 2000), (50, 1000)])
@pytest.mark.parametrize("graphics", [BLOCKS, SIXEL, KITTY], ids=lambda each: each.protocol)
def test_a_picture_fits_its_box_in_its_own_shape(graphics: Graphics, size: tuple[int, int]) -> None:
    box = Cells(30, 10)
    drawing = draw(photo(*size), box, graphics)
    assert 1 <= drawing.size.columns <= box.columns
    assert 1 <= drawing.size.rows <= box.rows
    if drawing.graphic:
        shown = kitty_in(drawing.graphic)[0].size if graphics is KITTY else None
        width, height = shown or sixels_in(drawing.graphic).shape[1::-1]
        assert width <= size[0]
        assert height <= size[1]
        assert abs(width - size[0] * height / size[1]) < max(2, size[0] / size[1])
    for line in drawing.lines:
        assert line.decode().count("\u2580") == drawing.size.columns


@pytest.mark.parametrize("graphics", [SIXEL, KITTY], ids=lambda each: each.protocol)
def test_room_is_made_before_a_graphic_is_drawn(graphics: Graphics) -> None:
    shown = shown_match(match(), webp(photo()), TERMINAL, graphics, SCREEN)
    head = re.match(rb"(\n+)\x1b\[(\d+)A\x1b7", shown)
    assert head is not None
    assert len(head[1]) == int(head[2]) == 8
    after = shown.rpartition(b"\x1b8")[2]
    assert after.count(b"\n") == 8 + 1
    assert after.startswith(b"\x1b[34C")
    assert b"album/cat.jpg" in after


def test_what_is_known_stands_beside_the_picture() -> None:
    shown = shown_match(match(), webp(photo()), TERMINAL, BLOCKS, Screen(is_terminal=True))
    texts = [line.rpartition(b"\x1b[0m")[2].strip() for line in shown.splitlines()]
    assert texts[:5] == [
        *(b"1. 0.5025", b"album/cat.jpg", b"2018-05-03 12:30"),
        *("4000 \N{MULTIPLICATION SIGN} 3000".encode(), b"Leica"),
    ]


@pytest.mark.parametrize("columns", [20, 30, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    long = match("album/東京/".encode() + b"x" * 150 + b".jpg", terms=(("a cup of tea", 0.5),))
    plain = Screen(is_terminal=True)
    shown = shown_match(long, webp(photo()), Cells(columns, 40), BLOCKS, plain).decode()
    for line in shown.splitlines():
        text = re.sub(r"\x1b\[[\d;]*m", "", line)
        assert len(text) + text.count("東") + text.count("京") <= columns
    names = [re.sub(r".*\x1b\[0m|^ +", "", line).strip() for line in shown.splitlines()]
    assert long.path in "".join(names)


def test_names_change_nothing_on_the_terminal() -> None:
    odd = match(b"\x1b[31m\nred\x9b\xff.jpg", facts=PictureFacts(1, 1, camera="\x1b]0;x\x07"))
    shown = shown_match(odd, "a \x1b[2J reason", TERMINAL, BLOCKS, Screen(is_terminal=True))
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", shown)
    assert b"\\x1b[31m\\nred" in shown


def test_why_there_is_no_thumbnail_stands_in_its_box() -> None:
    shown = shown_match(match(), "is cut short", Cells(60, 40), KITTY, SCREEN).decode()
    first, second, third, *_ = shown.splitlines()
    assert first.startswith("┌──")
    assert second.startswith("│no preview: is cut sho│")
    assert third.startswith("│rt")
    assert "\x1b_G" not in shown


def test_boxes_leave_room_for_text_and_for_the_prompt() -> None:
    assert box_beside(Cells(80, 40)) == (32, 10)
    assert box_beside(Cells(40, 40)) == (16, 5)
    assert box_beside(Cells(300, 40)) == (36, 12)
    assert box_beside(Cells(80, 6)) == (32, 4)
    assert box_beside(Cells(10, 1)) == (8, 1)
