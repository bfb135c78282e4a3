"""Data to measure with: photos, files and rows, made once in the cache folder and kept."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from demo.album import PHOTOS as ALBUM
from demo.album import open_original
from PIL import Image
from small_index import LONG_AGO

from bench.peer import FOLDER

LARGE = (2400, 1800)
SMALL = (320, 240)
_MOST_SOURCES = 200
_BYTES_A_PIXEL = 0.5
_NOISE = 3


class NoSpace(Exception):
    """The disk has no room for the data; the message says how much is wanted."""


def need(num_bytes: float) -> None:
    """Raise NoSpace unless the disk of the cache folder has twice that room."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(FOLDER).free
    if free < 2 * num_bytes:
        raise NoSpace(f"{num_bytes / 1e9:.1f} GB are to be written, {free / 1e9:.1f} are free")


def photos(count: int, size: tuple[int, int] = LARGE) -> Path:
    """Return a folder of so many real photos, each enlarged with noise of its own.

    The first of them are always the same; those made before are kept.
    """
    folder = FOLDER / f"photos-{size[0]}x{size[1]}" / str(count)
    return _made(
        folder, count * size[0] * size[1] * _BYTES_A_PIXEL, lambda draft: _paint(draft, count, size)
    )


def files(count: int) -> Path:
    """Return a folder of so many small files with a picture's ending, a hundred a folder."""
    return _made(FOLDER / f"files-{count}", count * 4096, lambda draft: _write(draft, count))


def _made(folder: Path, num_bytes: float, make: Callable[[Path], None]) -> Path:
    if folder.is_dir():
        return folder
    need(num_bytes)
    print(f"making {folder.relative_to(FOLDER)}", file=sys.stderr)
    draft = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    make(draft)
    draft.replace(folder)
    return folder


def _paint(folder: Path, count: int, size: tuple[int, int]) -> None:
    sources = _sources()
    for number in range(count):
        random = np.random.default_rng(number)
        enlarged = sources[number % len(sources)].resize(size, Image.Resampling.BICUBIC)
        noise = random.integers(-_NOISE, _NOISE + 1, (size[1], size[0], 1), dtype=np.int16)
        pixels = np.clip(np.asarray(enlarged) + noise, 0, 255).astype(np.uint8)
        path = folder / f"{number:05}.jpg"
        Image.fromarray(pixels).save(path, quality=88)
        os.utime(path, (LONG_AGO, LONG_AGO))


@cache
def _sources() -> list[Image.Image]:
    """Return the photos to enlarge: the album's and some of the starter set's, if it is here."""
    with_album = []
    for source in sorted(ALBUM.values()):
        with open_original(source) as picture:
            with_album.append(picture.convert("RGB"))
    return with_album + list(_starter_photos(_MOST_SOURCES - len(with_album)))


def _starter_photos(count: int) -> Iterator[Image.Image]:
    place = os.environ.get("CLIPFIND_STARTER")
    for shard in sorted(Path(place).glob("captions-0*.tar.gz")) if place else ():
        with tarfile.open(shard) as pictures:
            for member in pictures:
                file = pictures.extractfile(member) if member.name.endswith(".jpg") else None
                if file is not None and count > 0:
                    count -= 1
                    yield Image.open(io.BytesIO(file.read())).convert("RGB")


def _write(folder: Path, count: int) -> None:
    for number in range(count):
        if number % 100 == 0:
            inner = folder / f"{number // 100:04}"
            inner.mkdir()
        path = inner / f"{number:06}.jpg"
        path.write_bytes(b"made up")
        os.utime(path, (LONG_AGO, LONG_AGO))
