"""Five small pictures that say when, where and with what they were taken, or say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.ExifTags import IFD, Base


class Taken(NamedTuple):
    """What a picture says; date as EXIF writes it, position in whole degrees and minutes."""

    size: tuple[int, int]
    date: str = ""
    camera: str = ""
    position: tuple[str, tuple[float, ...], str, tuple[float, ...]] | None = None


COPENHAGEN = ("N", (55.0, 41.0, 0.0), "E", (12.0, 34.0, 0.0))
CAPE_TOWN = ("S", (33.0, 55.0, 0.0), "E", (18.0, 25.0, 0.0))
TAKEN = {
    "july.jpg": Taken((90, 60), "2018:07:14 10:11:12", "Canon EOS 5D", COPENHAGEN),
    "august.jpg": Taken((60, 90), "2018:08:01 08:00:00", "iPhone 12", COPENHAGEN),
    "cape.jpg": Taken((90, 60), "2019:01:02 12:00:00", "iPhone 12", CAPE_TOWN),
    "square.jpg": Taken((60, 60)),
    "wide.jpg": Taken((150, 60)),
}


def write_taken_pictures(folder: Path) -> Path:
    """Write the pictures into a new folder and return it."""
    folder.mkdir(parents=True)
    for number, (name, taken) in enumerate(TAKEN.items()):
        exif = Image.Exif()
        if taken.camera:
            exif[Base.Model] = taken.camera
        if taken.date:
            exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = taken.date
        if taken.position:
            exif.get_ifd(IFD.GPSInfo).update(enumerate(taken.position, 1))
        pixels = np.random.default_rng(number).integers(0, 255, (*taken.size[::-1], 3), np.uint8)
        Image.fromarray(pixels).save(folder / name, "JPEG", exif=exif)
    return folder
