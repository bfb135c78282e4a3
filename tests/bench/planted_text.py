"""Plant words in photos and find them again: python -m bench.planted_text PHOTOS, one JSON line.

Each picture gets two or three words in one of twenty fonts, large or small, straight or tilted,
light or dark, with and without a sign behind them. Then `clipfind index --read-text` reads the
album, and each picture is looked for by its words. The same seed plants the same.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageStat
from processes import COMMAND

_SIGNS = """
anchor apple arcade archive attic autumn avenue bakery balcony ballet bamboo banana barber basket
beach bicycle biscuit blanket blossom bottle boulder bridge bronze brother bucket butcher butter
cabin cactus camera camping candle canyon caravan carnival castle cathedral cellar central century
chapel cherry chimney chocolate cinema circus citrus clinic clock coconut coffee college comet
concert copper coral corner cottage cotton cousin crystal curtain dairy dancing delta dentist
desert diamond dinner dolphin dragon driver eagle eastern echo eleven embassy emerald engine
entrance evening exchange express factory falcon family farmer feather ferry festival fiction
fifteen fisher flamingo florist forest fortune forward fountain fresh friday furniture galaxy
gallery garage garden general ginger glacier golden gospel granite grocery guitar hammer handle
harbour harvest heather heritage highway hollow holiday honey horizon hospital hostel hunter
iceland imperial indigo island ivory jacket jasmine jazz journey juniper justice kettle keyboard
kingdom kitchen ladder lagoon lantern laundry lavender leather legend lemon library lighthouse
limestone linen lobster lodge london lottery lumber madison magic magnet mandarin mango maple
marble marina market meadow melody memory mercury midnight mineral mirror modern monday monster
moonlight morning mountain museum mustard mystery national nectar needle nickel north november
number oasis ocean october olive opera orange orchard orchid organic osprey oxygen oyster painter
palace panda panther paper paradise parking parrot pastry peanut pebble pelican pencil pepper
phoenix piano picnic pigeon pillow pioneer planet platform plaza plumber pocket police polish
popcorn postal potato printer prison private pumpkin purple pyramid quarry quartz quiet rabbit
radio railway rainbow raspberry recipe record regent reserve ribbon river rocket royal rubber
saddle safari saffron sailor salmon sandwich sapphire saturday school scooter season service
shadow shampoo sheriff shower signal silver sister sixteen soldier spinach spring stadium station
steamer stone strawberry studio subway summer sunday sunset supper surgery symbol tailor tavern
teacher temple tennis theatre thirteen thunder ticket timber tobacco tomato tourist tower tractor
traffic travel triangle trumpet tulip tunnel turbine turkey twelve umbrella union valley vanilla
velvet victory village vineyard violet violin volcano wagon walnut warehouse water wedding welcome
western whisper willow window winter wonder workshop yellow yoghurt
"""
WORDS = tuple(_SIGNS.split())
_FONTS = """
DejaVuSans DejaVuSans-Bold DejaVuSans-Oblique DejaVuSansMono DejaVuSerif DejaVuSerif-Bold
DejaVuSerif-Italic STIXGeneral STIXGeneralBol STIXGeneralItalic cmr10 cmss10 cmtt10 cmb10 cmti10
DejaVuSansMono-Bold DejaVuSans-BoldOblique STIXGeneralBolIta DejaVuSerif-BoldItalic
"""
"""Names of matplotlib's; Pillow's own comes beside them."""
FIRST = 5
MOST = 100
"""How many results of a search are looked through."""
LONG_SIDES = (640, 1600, 4000)


@dataclass(frozen=True)
class Planted:
    """What was planted in one picture."""

    words: tuple[str, ...]
    font: str
    long_side: int
    height: int
    """Of a line, in pixels."""
    degrees: float
    has_sign: bool


def bundled_fonts() -> list[Path | None]:
    """Return twenty fonts that the environment has; None is Pillow's own."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [None, *(folder / f"{name}.ttf" for name in _FONTS.split())]


def plant(
    photo: Image.Image,
    chance: random.Random,
    font: Path | None,
    long_side: int,
    vocabulary: Sequence[str] = WORDS,
) -> tuple[Image.Image, Planted]:
    """Return the photo at another size with two or three words in it, and what they are."""
    words = tuple(chance.sample(vocabulary, chance.choice((2, 2, 3))))
    spelling = chance.choice((str.upper, str.title, str.lower))
    separator = chance.choice((" ", " ", "\n"))
    text = separator.join(map(spelling, words))
    picture = _enlarged(photo, long_side, chance.randrange(1 << 32))
    # Evenly many of each size by its logarithm, from what is just legible to a large sign.
    least = max(14.0, 0.013 * long_side)
    height = round(math.exp(chance.uniform(math.log(least), math.log(0.09 * long_side))))
    drawn = _lettering(text, font, height, picture.size)
    degrees = chance.choice((0.0, 0.0, chance.uniform(-25, 25)))
    has_sign = chance.random() < 0.3
    tile = Image.new("L", (drawn.width + height, drawn.height + height))
    tile.paste(drawn, (height // 2, height // 2))
    sign = Image.new("L", tile.size, 255)
    tile, sign = (
        each.rotate(degrees, Image.Resampling.BICUBIC, expand=True) for each in (tile, sign)
    )
    left = chance.randrange(max(1, picture.width - tile.width))
    top = chance.randrange(max(1, picture.height - tile.height))
    box = left, top, left + tile.width, top + tile.height
    tone = ImageStat.Stat(picture.crop(box).convert("L")).mean[0]
    light, dark = chance.randrange(215, 256), chance.randrange(0, 40)
    ink, ground = (light, dark) if tone < 128 else (dark, light)
    tint = tuple(max(0, min(255, ink + chance.randrange(-40, 41))) for _ in range(3))
    if has_sign:
        picture.paste((ground, ground, max(0, ground - 30)), (left, top), sign)
    picture.paste(tint, (left, top), tile)
    name = font.stem if font else "Aileron"
    return picture, Planted(words, name, long_side, height, round(degrees, 1), has_sign)


def plant_all(
    photos: Sequence[Path], folder: Path, number: int, seed: int, fonts: Sequence[Path | None]
) -> dict[str, Planted]:
    """Write pictures with planted words into a folder; return what each has, by file name."""
    chance = random.Random(seed)
    chosen = chance.sample(list(photos), min(number, len(photos)))
    planted = {}
    for index in range(number):
        with Image.open(chosen[index % len(chosen)]) as photo:
            picture, what = plant(
                photo.convert("RGB"),
                chance,
                fonts[index % len(fonts)],
                LONG_SIDES[index // len(fonts) % len(LONG_SIDES)],
            )
        name = f"{index:04}.jpg"
        picture.save(folder / name, quality=85)
        planted[name] = what
    return planted


def _enlarged(photo: Image.Image, long_side: int, seed: int) -> Image.Image:
    """Return the photo at that size, with the grain of a sensor."""
    ratio = long_side / max(photo.size)
    size = round(photo.width * ratio), round(photo.height * ratio)
    picture = photo.resize(size, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(seed).normal(0, 6, (size[1], size[0], 1)).astype(np.float32)
    return Image.fromarray(np.clip(np.asarray(picture) + grain, 0, 255).astype(np.uint8))


def _lettering(text: str, font: Path | None, height: int, room: tuple[int, int]) -> Image.Image:
    """Return the text in white on black, in lines of that height unless it has no room."""
    lines = text.count("\n") + 1
    for size in (height, height * 3 // 4, height // 2, height // 3, 12):
        face = ImageFont.truetype(font, size) if font else ImageFont.load_default(size)
        drawing = ImageDraw.Draw(Image.new("L", (1, 1)))
        left, top, right, bottom = drawing.multiline_textbbox((0, 0), text, face, spacing=size // 3)
        if right - left < 0.85 * room[0] and lines * size < 0.6 * room[1]:
            break
    drawn = Image.new("L", (math.ceil(right - left) + 4, math.ceil(bottom - top) + 4))
    ImageDraw.Draw(drawn).multiline_text((2 - left, 2 - top), text, 255, face, spacing=size // 3)
    return drawn.filter(ImageFilter.GaussianBlur(0.5))


def read_album(folder: Path, database: Path) -> dict[str, float]:
    """Index the album, then read its text; return what seconds of the processor each took."""
    spent = {}
    for name, options in {"index": (), "text": ("--read-text",)}.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [*COMMAND, "index", folder, "--db", database, "--threads", "1", *options]
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        spent[name] = round(seconds, 2)
    return spent


def ranks(
    database: Path, album: Path, planted: Mapping[str, Planted], words: str = "only"
) -> dict[str, int | None]:
    """Return at which rank `clipfind search` finds each picture by its words; None: nowhere.

    words: `only`, or `on` for the order by words and scores together.
    """
    found: dict[str, int | None] = {}
    for name, what in planted.items():
        query = " ".join(what.words)
        options = ("-n", "-f", "-t", str(MOST), "--words", words, "--db", database, "--text")
        finished = subprocess.run(
            [*COMMAND, "search", *options, "--", query, album], capture_output=True
        )
        assert finished.returncode in (0, 1), finished.stderr
        names = [os.path.basename(os.fsdecode(path)) for path in finished.stdout.splitlines()]
        found[name] = names.index(name) + 1 if name in names else None
    return found


def summary(planted: Mapping[str, Planted], found: Mapping[str, int | None]) -> dict[str, Any]:
    """Return the share that is among the first five, of all and by what may be hard."""
    groups: dict[str, list[bool]] = {}
    for name, what in planted.items():
        share = what.height / what.long_side
        kinds = {
            "all": "",
            "font": what.font,
            "long side": what.long_side,
            "height of a line": next(f"< {x}" for x in (0.02, 0.03, 0.05, 1) if share < x),
            "tilted": what.degrees != 0,
            "on a sign": what.has_sign,
        }
        rank = found[name]
        for kind, value in kinds.items():
            is_found = rank is not None and rank <= FIRST
            groups.setdefault(f"{kind} {value}".strip(), []).append(is_found)
    return {key: [sum(each), len(each)] for key, each in sorted(groups.items())}


def main(arguments: Sequence[str]) -> None:
    """Plant, read, find, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the pictures and the index")
    parser.add_argument("--words", choices=("only", "on"), default="only")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        (folder / "album").mkdir(parents=True)
        photos = sorted(options.photos.glob("*.jpg"))
        numbers = (options.number, options.seed)
        planted = plant_all(photos, folder / "album", *numbers, bundled_fonts())
        spent = read_album(folder / "album", folder / "index.db")
        found = ranks(folder / "index.db", folder / "album", planted, options.words)
    missed = {name: asdict(planted[name]) for name, rank in found.items() if rank is None}
    for name, what in missed.items():
        print(name, what, file=sys.stderr)
    shares = summary(planted, found)
    print(json.dumps({"number": len(planted), "cpu_seconds": spent, "first_five": shares}))


if __name__ == "__main__":
    main(sys.argv[1:])
