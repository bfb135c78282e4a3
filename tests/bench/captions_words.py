"""What words read in photos do to captions as queries: python -m bench.captions_words PHOTOS.

PHOTOS has photos and their captions, one a line: `boat.jpg` and `boat.txt`. A tenth of the photos
get words of another photo's captions, drawn as `bench.planted_text` draws them. All are indexed by
`clipfind index --read-text`, and each caption is searched for with words off and on. Recall at k
is the share of captions with their own photo among the first k. The same seed plants the same.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.planted_text import bundled_fonts, plant, read_album
from rclip_like import Library, Query, SearchSettings
from rclip_like.evaluate.intervals import bootstrap_statistic
from rclip_like.query import Kind, Term
from rclip_like.search.words import words_of

LONG_SIDE = 1600
"""Of a photo with planted words; the others stay as they are."""
FIRST = (1, 10)
SWITCH = ("off", "on")


def captions_in(folder: Path) -> dict[Path, list[str]]:
    """Return the captions of each photo that has any."""
    found = {}
    for path in sorted(folder.glob("*.jpg")):
        if (beside := path.with_suffix(".txt")).exists():
            found[path] = [line.strip() for line in beside.read_text("utf-8").splitlines()]
    return found


def write_album(
    captions: Mapping[Path, Sequence[str]], album: Path, share: float, seed: int
) -> dict[str, tuple[str, ...]]:
    """Write the photos into a folder, a share of them with words; return these by file name."""
    chance = random.Random(seed)
    photos = list(captions)
    with_words = chance.sample(photos, round(share * len(photos)))
    fonts = bundled_fonts()
    planted = {}
    for path in photos:
        (album / path.name).write_bytes(path.read_bytes())
    for number, path in enumerate(with_words):
        other = chance.choice([each for each in photos if each != path])
        vocabulary = words_of([Term(1.0, Kind.TEXT, each, each) for each in captions[other]])
        with Image.open(path) as photo:
            rgb = photo.convert("RGB")
        picture, what = plant(rgb, chance, fonts[number % len(fonts)], LONG_SIDE, vocabulary)
        picture.save(album / path.name, quality=85)
        planted[path.name] = what.words
    return planted


def ranks(
    captions: Mapping[Path, Sequence[str]], album: Path, database: Path
) -> dict[str, list[list[int]]]:
    """Return by photo the rank of it that each caption gives, words off and on; 0: not among the
    first of FIRST.
    """
    top = max(FIRST)
    with Library(database, model="builtin") as library:

        def rank(caption: str, name: str, words: str) -> int:
            settings = SearchSettings(top=top, words=words)
            report = library.search(Query(caption, kind=Kind.TEXT), album, settings, update=False)
            names = [Path(match.path).name for match in report.matches]
            return names.index(name) + 1 if name in names else 0

        return {
            path.name: [[rank(caption, path.name, words) for words in SWITCH] for caption in some]
            for path, some in captions.items()
        }


def recall(found: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Any]:
    """Return recall in per cent with words off and on, and what words add, with its interval."""
    some = list(found.values())
    of_photo = np.array([photo for photo, rows in enumerate(some) for _ in rows])
    rows = np.array([row for rows in some for row in rows])
    figures: dict[str, Any] = {"captions": len(rows)}
    for first in FIRST:
        is_found = (rows > 0) & (rows <= first)
        off, on = 100 * is_found.mean(0)
        sums = np.bincount(of_photo, is_found[:, 1].astype(float) - is_found[:, 0], len(some))
        counts = np.bincount(of_photo, minlength=len(some))
        gain = bootstrap_statistic(
            lambda numbers, sums=sums, counts=counts: float(
                100 * sums[numbers].sum() / counts[numbers].sum()
            ),
            len(some),
        )
        figures[f"recall@{first}"] = {
            "off": round(float(off), 2),
            "on": round(float(on), 2),
            "gain": [round(each, 2) for each in gain],
        }
    return figures


def main() -> None:
    """Plant, read, search, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="a folder of photos with captions")
    parser.add_argument("--share", type=float, default=0.1, help="of the photos with words")
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--keep", type=Path, help="write photos and index into this folder")
    options = parser.parse_args()
    captions = captions_in(options.photos)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        album, database = folder / "album", folder / "index.db"
        album.mkdir(parents=True)
        planted = write_album(captions, album, options.share, options.seed)
        spent = read_album(album, database)
        found = ranks(captions, album, database)
    with_words = {name: rows for name, rows in found.items() if name in planted}
    print(
        json.dumps(
            {
                "photos": len(captions),
                "with_words": len(planted),
                "seed": options.seed,
                "processor_s": spent,
                **recall(found),
                "of_photos_with_words": recall(with_words),
            }
        )
    )


if __name__ == "__main__":
    main()
