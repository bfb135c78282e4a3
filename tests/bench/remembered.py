"""Make a library of 3,000 photos with dates, places and signs, of which one remembers fifteen.

`PYTHONPATH=tests python -m bench.remembered PHOTOS FOLDER` writes the photos into `FOLDER/photos`,
in folders as cameras make them, what is remembered into `FOLDER/remembered.txt`, and which files
are meant into `FOLDER/answers.tsv`. Whoever looks for them must not see the answers. PHOTOS are
those of the starter set's validation shards, unpacked. The same seed makes the same.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image

from bench.planted_text import bundled_fonts, plant

SEED = 26
NUM_PHOTOS = 3000
NUM_SIGNS = 200
PHOTOS_A_TRIP = 50
UNDATED_SHARE = 0.08
UNPLACED_SHARE = 0.3

_TOWNS = {
    "Denmark": (55.40, 10.39),
    "Sweden": (57.71, 11.97),
    "Norway": (60.39, 5.32),
    "Austria": (47.27, 11.39),
    "Switzerland": (46.69, 7.86),
    "Portugal": (38.71, -9.42),
    "Spain": (39.47, -0.38),
    "India": (26.91, 75.79),
    "Germany": (53.55, 9.99),
    "France": (45.90, 6.13),
    "Italy": (44.41, 8.93),
    "Greece": (37.98, 23.73),
    "Scotland": (55.95, -3.19),
    "Japan": (35.01, 135.77),
    "Canada": (49.28, -123.12),
    "Morocco": (31.63, -8.00),
}
_CAMERAS = (
    ("Canon", "Canon EOS 80D"),
    ("FUJIFILM", "X-T30"),
    ("NIKON CORPORATION", "NIKON D750"),
    ("Apple", "iPhone 8"),
    ("samsung", "SM-G960F"),
)


class Remembered(NamedTuple):
    """A photo, what one remembers of it, and what its file says.

    `memory` may name {sign}, the first word of its sign, which is drawn only then.
    """

    photo: str
    memory: str
    month: str
    country: str
    camera: int


REMEMBERED = (
    Remembered(
        "val-002579", "The running club in matching clothes, in Denmark", "2016-07", "Denmark", 0
    ),
    Remembered(
        "val-003184", "A boy with mud all over his face. Autumn 2014", "2014-10", "Germany", 3
    ),
    Remembered("val-001522", "The elephant with the coloured cloth, India", "2018-02", "India", 0),
    Remembered(
        "val-002086",
        "Somebody jumps off a rock on a mountain bike. Austria",
        "2017-08",
        "Austria",
        1,
    ),
    Remembered("val-000194", "A surfer on a huge wave, in 2019", "2019-09", "Portugal", 2),
    Remembered(
        "val-000461", "The chairlift, when we still had the Fuji", "2015-02", "Switzerland", 1
    ),
    Remembered(
        "val-003334", "A dog that jumps over a fence, 2012 or 2013", "2012-05", "Germany", 2
    ),
    Remembered(
        "val-002631", "A little girl with a guitar, around Christmas 2021", "2021-12", "France", 3
    ),
    Remembered(
        "val-001667", "Two girls on a tyre swing, somewhere in Sweden", "2018-06", "Sweden", 4
    ),
    Remembered("val-000133", "A boy jumps into the pool. Spain, one August", "2015-08", "Spain", 0),
    Remembered(
        "val-002379",
        "The dog jumping over a tree trunk in the snow, in Norway",
        "2020-01",
        "Norway",
        3,
    ),
    Remembered(
        "val-002209", "A restaurant or stage at night; a sign said {sign}", "2013-11", "Italy", 1
    ),
    Remembered(
        "val-000708",
        "Two dogs playing, and the word {sign} in the picture",
        "2019-04",
        "Scotland",
        4,
    ),
    Remembered(
        "val-001749",
        "Somewhere it said {sign}. I forgot what else was to be seen",
        "2022-05",
        "Greece",
        2,
    ),
    Remembered(
        "val-002509", "Children in the water with a ball; spring 2022", "2022-04", "Morocco", 4
    ),
)


def main(arguments: Sequence[str]) -> None:
    """Make the library, the list of what is remembered, and the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    chance = random.Random(SEED)
    meant = {each.photo: each for each in REMEMBERED}
    others = sorted(path for path in options.photos.glob("*.jpg") if path.stem not in meant)
    chosen = chance.sample(others, NUM_PHOTOS - len(meant))
    chosen += [options.photos / f"{name}.jpg" for name in meant]
    trips = [_trip(chance) for _ in range(NUM_PHOTOS // PHOTOS_A_TRIP)]
    with_signs = {path.stem for path in chosen[:NUM_SIGNS]}
    with_signs |= {each.photo for each in REMEMBERED if "{sign}" in each.memory}
    chance.shuffle(chosen)
    memories, answers = {}, {}
    for number, path in enumerate(chosen):
        target = options.folder / "photos" / f"{100 + number // 500}CAMERA" / f"IMG_{number:04}.JPG"
        target.parent.mkdir(parents=True, exist_ok=True)
        exif, sign = _write(path, target, chance, trips, meant.get(path.stem), with_signs)
        if each := meant.get(path.stem):
            memories[path.stem] = each.memory.format(sign=sign)
            answers[path.stem] = f"{target.relative_to(options.folder)}\t{exif}\t{sign}"
    lines = [f"{n}. {memories[each.photo]}." for n, each in enumerate(REMEMBERED, 1)]
    (options.folder / "remembered.txt").write_text("\n".join(lines) + "\n")
    lines = [f"{n}\t{answers[each.photo]}" for n, each in enumerate(REMEMBERED, 1)]
    (options.folder / "answers.tsv").write_text("\n".join(lines) + "\n")


def _trip(chance: random.Random) -> tuple[str, str, int]:
    """Return a month, a country and the number of a camera."""
    month = f"{chance.randrange(2011, 2025)}-{chance.randrange(1, 13):02}"
    return month, chance.choice(list(_TOWNS)), chance.randrange(len(_CAMERAS))


def _write(
    source: Path,
    target: Path,
    chance: random.Random,
    trips: Sequence[tuple[str, str, int]],
    meant: Remembered | None,
    with_signs: set[str],
) -> tuple[str, str]:
    """Write one photo with what its camera noted; return when and where, and its sign's word."""
    month, country, camera = chance.choice(trips)
    if meant:
        month, country, camera = meant.month, meant.country, meant.camera
    with Image.open(source) as opened:
        photo, sign = opened.convert("RGB"), ""
    if source.stem in with_signs:
        photo, planted = plant(photo, chance, chance.choice(bundled_fonts()), 1600)
        sign = planted.words[0]
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = _CAMERAS[camera]
    taken = datetime.strptime(month, "%Y-%m") + timedelta(minutes=chance.randrange(28 * 1440))
    if meant or chance.random() > UNDATED_SHARE:
        own = exif.get_ifd(ExifTags.IFD.Exif)
        own[ExifTags.Base.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if meant or chance.random() > UNPLACED_SHARE:
        latitude, longitude = (degrees + chance.uniform(-0.02, 0.02) for degrees in _TOWNS[country])
        position = exif.get_ifd(ExifTags.IFD.GPSInfo)
        position[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
        position[ExifTags.GPS.GPSLatitude] = _sexagesimal(latitude)
        position[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
        position[ExifTags.GPS.GPSLongitude] = _sexagesimal(longitude)
    photo.save(target, quality=88, exif=exif)
    return f"{taken:%Y-%m-%d} {country}", sign


def _sexagesimal(degrees: float) -> tuple[float, float, float]:
    minutes, seconds = divmod(round(abs(degrees) * 3600, 2), 60)
    whole, minutes = divmod(minutes, 60)
    return whole, minutes, seconds


if __name__ == "__main__":
    main(sys.argv[1:])
