"""A good picture of every format that is read, and ways to damage one."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image
from raw_files import dng, jpeg
from small_index import settle

Maker = Callable[[np.ndarray], bytes]
"""From pixels, uint8 (48, 64, 3), to the bytes of a file."""


def _saved(pixels: np.ndarray, *, name: str, more: int = 0) -> bytes:
    """Return a file of Pillow's format, with as many frames more, each turned by half."""
    image, file = Image.fromarray(pixels), io.BytesIO()
    frames = [image.rotate(180 * (number + 1)) for number in range(more)]
    animated = {"save_all": True, "append_images": frames} if frames else {}
    image.save(file, name, **animated)
    return file.getvalue()


def _pfm(pixels: np.ndarray) -> bytes:
    return b"Pf\n64 48\n-1.0\n" + (pixels[..., 0] / np.float32(255)).tobytes()


def _deep_pgm(pixels: np.ndarray) -> bytes:
    return b"P5 64 48 65535\n" + pixels[..., :2].tobytes()


def _dng(pixels: np.ndarray) -> bytes:
    image = Image.fromarray(pixels)
    return dng(image, preview=jpeg(image))


MAKERS: dict[str, Maker] = {
    "jpg": partial(_saved, name="JPEG"),
    "mpo": partial(_saved, name="MPO"),
    "png": partial(_saved, name="PNG"),
    "apng": partial(_saved, name="PNG", more=1),
    "webp": partial(_saved, name="WEBP"),
    "gif": partial(_saved, name="GIF"),
    "tif": partial(_saved, name="TIFF"),
    "bmp": partial(_saved, name="BMP"),
    "dib": partial(_saved, name="DIB"),
    "jp2": partial(_saved, name="JPEG2000"),
    "j2k": partial(_saved, name="JPEG2000"),
    "ppm": partial(_saved, name="PPM"),
    "pgm": _deep_pgm,
    "pfm": _pfm,
    "tga": partial(_saved, name="TGA"),
    "ico": partial(_saved, name="ICO"),
    "avif": partial(_saved, name="AVIF"),
    "heic": partial(_saved, name="HEIF"),
    "dng": _dng,
}
"""How a file with each ending is made; a new format is one line here."""

ENDINGS = tuple(MAKERS)


@cache
def whole(ending: str, seed: int = 0) -> bytes:
    """Return a good picture of this kind, as the bytes of a file; another one for each seed."""
    pillow_heif.register_heif_opener()
    draw = np.random.default_rng([seed, len(ending)])
    return MAKERS[ending](draw.integers(0, 256, (48, 64, 3), dtype=np.uint8))


def damaged(ending: str, seed: int) -> bytes:
    """Return a picture with flipped bits, a cut, a hole or a piece of another one in it."""
    draw = np.random.default_rng([seed, *ending.encode()])
    good = whole(ending)
    data = bytearray(good)
    kind = seed % 4
    if kind == 0:
        for place in draw.integers(0, len(data), 1 + seed % 24):
            data[place] ^= 1 << int(draw.integers(8))
    start, length = int(draw.integers(len(data))), int(draw.integers(1, len(data)))
    if kind == 1:
        del data[max(1, start) :]
    if kind == 2:
        data[start : start + length] = bytes(length)
    if kind == 3:
        other = whole(ENDINGS[int(draw.integers(len(ENDINGS)))])
        data[start : start + length] = other[start % len(other) :][:length]
    if data == good:  # bits flipped back, or a piece of itself
        del data[-1]
    return bytes(data)


def write_damaged(folder: Path, count: int) -> list[Path]:
    """Write damaged pictures, the formats in turn, and return their paths."""
    paths = []
    for number in range(count):
        ending = ENDINGS[number % len(ENDINGS)]
        path = folder / f"bad-{number:04}.{ending}"
        path.write_bytes(damaged(ending, number // len(ENDINGS)))
        paths.append(settle(path))
    return paths


def write_whole(folder: Path, count: int) -> list[Path]:
    """Write good pictures, the formats in turn and each another one, and return their paths."""
    paths = []
    for number in range(count):
        ending = ENDINGS[number % len(ENDINGS)]
        path = folder / f"good-{number:04}.{ending}"
        path.write_bytes(whole(ending, number + 1))
        paths.append(settle(path))
    assert len({path.read_bytes() for path in paths}) == count, os.fspath(folder)
    return paths
