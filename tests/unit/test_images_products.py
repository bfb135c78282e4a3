"""Animations: which of their frames are read, and what bounds the reading."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rclip_like.errors import PictureError
from rclip_like.images import products, read_picture
from rclip_like.images.products import MOST_FRAMES, differing
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SHADES = (0, 250, 50, 200, 100, 150)


def greys(shades: Sequence[int], size: tuple[int, int] = (40, 40)) -> list[Image.Image]:
    return [Image.new("RGB", size, (shade, shade, shade)) for shade in shades]


def save(path: Path, images: Sequence[Image.Image], **options: object) -> Path:
    """Write the frames, the equal ones too, in the format that the name's ending says."""
    pillow_heif.register_heif_opener()
    name = {".mpo": "MPO", ".apng": "PNG"}.get(path.suffix)
    images[0].save(path, name, save_all=True, append_images=images[1:], **options)
    return path


def read(path: Path, limits: ReadSettings = ReadSettings()) -> Picture:  # noqa: B008
    return read_picture(os.fsencode(path), SMALL, limits)


def shades_of(picture: Picture) -> list[int]:
    """Return the mean grey of the whole picture and of each frame."""
    assert picture.pixels is not None
    return [round(float(part.mean())) for part in (picture.pixels, *picture.frames)]


@pytest.mark.parametrize("ending", ["gif", "apng", "png", "webp", "avif", "heic"])
def test_all_frames_of_a_short_animation_are_read(ending: str, tmp_path: Path) -> None:
    found = shades_of(read(save(tmp_path / f"a.{ending}", greys(SHADES[:3]))))
    np.testing.assert_allclose(found, SHADES[:3], atol=4)


@pytest.mark.parametrize("count", [5, 9, 40, 133])
def test_of_a_long_animation_a_few_evenly_spaced_frames_are_read(
    count: int, tmp_path: Path
) -> None:
    path = save(tmp_path / "a.gif", greys(range(count)))
    first, *later = shades_of(read(path))
    assert first == 0
    assert 2 <= len(later) <= MOST_FRAMES
    steps = np.diff([0, *later])
    assert len(set(steps.tolist())) == 1
    assert later[-1] + steps[0] >= count


def test_frames_that_look_like_an_earlier_one_are_left_out(tmp_path: Path) -> None:
    assert shades_of(read(save(tmp_path / "a.gif", greys((10, 200, 10))))) == [10, 200]


def test_what_is_left_keeps_its_order_and_the_whole_picture_comes_first() -> None:
    first, second = greys((1, 2))
    assert differing([first, second, first.copy(), second.copy()]) == [first, second]


@pytest.mark.parametrize("ending", ["tif", "mpo"])
def test_pages_and_what_a_camera_appends_are_no_frames(ending: str, tmp_path: Path) -> None:
    assert read(save(tmp_path / f"a.{ending}", greys(SHADES))).frames == ()


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "avif", "heic", "bmp"])
def test_a_still_picture_has_no_frames(ending: str, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    greys([9])[0].save(tmp_path / f"a.{ending}")
    assert read(tmp_path / f"a.{ending}").frames == ()


def test_frames_are_turned_as_the_picture_is(tmp_path: Path) -> None:
    halves = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]
    for image in halves:
        image.paste("white", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture = read(save(tmp_path / "a.png", halves, exif=exif))
    assert [part[-1, 0].tolist() for part in (picture.pixels, *picture.frames)] == [[255] * 3] * 2


def test_what_is_transparent_in_a_frame_is_white(tmp_path: Path) -> None:
    pair = [Image.new("RGBA", (40, 40), colour) for colour in ((0, 0, 0, 255), (0, 0, 0, 0))]
    path = save(tmp_path / "a.webp", pair, lossless=True)
    assert shades_of(read(path)) == [0, 255]


BLACK, WHITE = (b",\0\0\0\0\1\0\1\0\0\2\2" + code + b"\1\0" for code in (b"\x44", b"\x4c"))


def one_pixel_gif(*runs: tuple[bytes, int]) -> bytes:
    """Return a GIF of one pixel that is black or white for so many frames, run by run."""
    palette = bytes((0, 0, 0, 255, 255, 255))
    body = b"".join(frame * count for frame, count in runs)
    return b"GIF89a\1\0\1\0\x80\0\0" + palette + body + b";"


@pytest.mark.parametrize(("num_black", "num_parts"), [(350, 2), (500, 1)])
def test_of_ten_thousand_frames_the_first_five_hundred_are_looked_at(
    num_black: int, num_parts: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(one_pixel_gif((BLACK, num_black), (WHITE, 10_000 - num_black)))
    with Image.open(path) as image:
        assert image.n_frames == 10_000
    assert len(shades_of(read(path))) == num_parts


@pytest.mark.parametrize(("side", "last"), [(100, 160), (250, 80), (810, 0)])
def test_of_a_large_canvas_fewer_frames_are_looked_at(
    side: int, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_WALKED_PIXELS", products._WALKED_PIXELS // 100)
    shades = [image.convert("L") for image in greys(range(0, 200, 10), (side, side))]
    path = save(tmp_path / "a.gif", shades)
    assert shades_of(read(path))[-1] == last


def test_no_more_frames_are_begun_when_a_quarter_of_the_time_is_over(tmp_path: Path) -> None:
    path = save(tmp_path / "a.gif", greys(SHADES))
    assert len(shades_of(read(path, ReadSettings(max_seconds=0)))) == 1


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_a_broken_frame_costs_the_frames_from_it_on_and_not_the_picture(
    ending: str, tmp_path: Path
) -> None:
    noise = [Image.effect_noise((60, 60), 90 + number).convert("RGB") for number in range(4)]
    path = save(tmp_path / f"a.{ending}", noise)
    whole = path.read_bytes()
    assert len(shades_of(read(path))) == 4
    path.write_bytes(whole[: len(whole) * 6 // 10])
    if ending == "webp":  # its reader wants all of the file before it gives the first frame
        with pytest.raises(PictureError):
            read(path)
    else:
        assert 1 <= len(shades_of(read(path))) < 4
