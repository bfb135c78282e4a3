"""Pictures that look like photos, and shots of a burst, for tests of copies."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base

LONG_AGO = 1_500_000_000


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a picture with large and small forms, as photos have them."""
    rng, pixels = np.random.default_rng(seed), np.zeros((size[1], size[0], 3))
    for side in (4, 10, 24, 60):
        noise = rng.integers(0, 256, (side * 3 // 4, side, 3), np.uint8)
        pixels += np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)) / 4.0
    return Image.fromarray(((pixels - 128) * 1.8 + 128).clip(0, 255).astype(np.uint8))


def save(image: Image.Image, path: Path, taken_at: str = "", *, seconds: int = 0) -> Path:
    """Write a picture, perhaps with the date of its camera; the file is of LONG_AGO + seconds."""
    exif = Image.Exif()
    if taken_at:
        exif[Base.Model] = "Museum Camera"
        exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = taken_at
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=90, **({"exif": exif} if taken_at else {}))
    os.utime(path, (LONG_AGO + seconds, LONG_AGO + seconds))
    return path


def write_burst(folder: Path) -> list[Path]:
    """Write two shots, a second apart, the camera moved by some pixels."""
    wide = scene(77, (340, 250))
    shots = [wide.crop((x, x // 2, x + 320, x // 2 + 240)) for x in (2, 12)]
    return [
        save(shot, folder / f"shot{number}.jpg", f"2019:05:01 12:00:0{number}")
        for number, shot in enumerate(shots)
    ]
