"""Hostile and damaged pictures: each costs itself, in bounded time and memory."""

from __future__ import annotations

import os
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from damaged_pictures import ENDINGS, whole, write_damaged, write_whole
from PIL import Image
from read_in_process import read_picture

from rclip_like.errors import PictureError
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing

SMALL = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
LIMITS = ReadSettings(max_megapixels=500)
BOUNDS = ReadSettings(max_megapixels=500, workers=2, max_seconds=10, max_memory_bytes=1 << 30)


def read(path: Path) -> Picture:
    return read_picture(os.fsencode(path), SMALL, LIMITS)


def read_beside_good_ones(folder: Path, num_bad: int) -> tuple[int, int]:
    """Read damaged pictures of every kind with a good one each; return how many were read."""
    paths = write_damaged(folder, num_bad) + write_whole(folder, len(ENDINGS))
    with Readers(BOUNDS) as readers:
        tasks = [ReadTask(os.fsencode(path), model_products(SMALL)) for path in paths]
        results = {result.path: result for result in readers.read_all(tasks)}
    assert len(results) == len(paths)
    num_good = sum(
        isinstance(result, Picture)
        for path, result in results.items()
        if os.path.basename(path).startswith(b"good")
    )
    return num_good, len(results) - num_good


def test_damaged_pictures_cost_no_good_one(tmp_path: Path) -> None:
    assert read_beside_good_ones(tmp_path, 8 * len(ENDINGS)) == (len(ENDINGS), 8 * len(ENDINGS))


@pytest.mark.long
def test_a_thousand_damaged_pictures_cost_no_good_one(tmp_path: Path) -> None:
    assert read_beside_good_ones(tmp_path, 60 * len(ENDINGS)) == (len(ENDINGS), 60 * len(ENDINGS))


def png_that_claims(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes whose header promises this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (2**31 - 1, 2**31 - 1), (500_000, 1001)])
def test_a_bomb_is_refused_by_its_header(size: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_that_claims(*size))
    with pytest.raises(PictureError, match="more than 500 megapixels"):
        read(tmp_path / "a.png")


def test_a_bomb_in_an_icon_is_refused(tmp_path: Path) -> None:
    inner = png_that_claims(50_000, 50_000)
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    (tmp_path / "a.ico").write_bytes(struct.pack("<HHH", 0, 1, 1) + entry + inner)
    with pytest.raises(PictureError, match="more than 500 megapixels"):
        read(tmp_path / "a.ico")


def test_a_file_that_grows_meanwhile_is_not_trusted(tmp_path: Path) -> None:
    path, stop = tmp_path / "a.tif", threading.Event()
    with open(path, "wb", buffering=0) as file:
        file.truncate(400 << 20)
        file.seek(0, os.SEEK_END)

        def grow() -> None:
            while not stop.wait(0.001):
                file.write(b"more")

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            with pytest.raises(PictureError, match="changed while being read") as caught:
                read(path)
        finally:
            stop.set()
            writer.join()
    assert not caught.value.lasting


def test_pictures_that_differ_in_the_middle_only_have_different_digests(tmp_path: Path) -> None:
    # The peer's digest of the first megabyte and the last kilobyte took them for one.
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        image = Image.new("RGB", (900, 900), "white")
        image.paste(colour, (0, 100, 900, 400))
        image.save(tmp_path / f"{name}.bmp")
    red, blue = ((tmp_path / f"{name}.bmp").read_bytes() for name in ("red", "blue"))
    assert red[: 1 << 20] == blue[: 1 << 20]
    assert red[-1024:] == blue[-1024:]
    assert read(tmp_path / "red.bmp").digest != read(tmp_path / "blue.bmp").digest


def test_a_transparent_red_picture_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png").parts[0]
    assert pixels is not None
    assert (pixels == 255).all()


def test_sixteen_bit_grey_keeps_its_gradient(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None, :].repeat(64, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    pixels = read(tmp_path / "a.png").parts[0]
    assert pixels is not None
    assert len(np.unique(pixels)) == 32


@pytest.mark.parametrize(
    ("ending", "name"),
    [("gif", "GIF"), ("webp", "WEBP"), ("png", "PNG"), ("avif", "AVIF"), ("tif", "TIFF")],
)
def test_of_an_animation_the_first_frame_is_read(ending: str, name: str, tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (40, 40), colour) for colour in ("red", "blue"))
    first.save(tmp_path / f"a.{ending}", name, save_all=True, append_images=[second])
    pixels = read(tmp_path / f"a.{ending}").parts[0]
    assert pixels is not None
    assert np.abs(pixels.astype(int) - [255, 0, 0]).max() <= 6


def test_libraries_that_talk_are_not_heard(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = bytearray(whole("tif"))
    broken[-60:] = bytes(range(60))
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path in paths:
        path.write_bytes(broken)
    with Readers(BOUNDS) as readers:
        tasks = [ReadTask(os.fsencode(path), model_products(SMALL)) for path in paths]
        assert len(list(readers.read_all(tasks))) == 2
    assert capfd.readouterr() == ("", "")
