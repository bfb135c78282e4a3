"""How often a thing at the edge of a panorama is found, with tiles and without.

`PYTHONPATH=tests python -m bench.tiles PHOTOS` composes 50 panoramas of the photos in PHOTOS (the
starter set's validation shards, unpacked) and prints one JSON line. Each is five photos wide. A
photo of a thing lies anywhere within its left or right third; its label is the query, and no other
photo in the folder has it. Things are drawn among those whose photo alone is found in the first ten
by that word, so that tiles are measured and not what the model knows of words. Found means: among
the first ten of all panoramas and 2,000 other photos.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps

from rclip_like.library import Library
from rclip_like.settings import IndexSettings, SearchSettings, WalkSettings

SEED = 27
NUM_PANORAMAS = 50
NUM_OTHERS = 2000
NUM_WIDE = 5
SIDE = 256
TOP = 10
FOLLOW = WalkSettings(follow=True)


def link_all(photos: list[Path], folder: Path) -> Path:
    """Return a new folder of links to the photos."""
    folder.mkdir()
    for path in photos:
        (folder / path.name).symlink_to(path)
    return folder


def rank_of(library: Library, folder: Path, name: str, query: str) -> int:
    """Return which place the picture of this name has when one searches for the query."""
    settings = SearchSettings(top=0, walk=FOLLOW)
    matches = library.search(query, [folder], settings, update=None).matches
    return next(match.rank for match in matches if Path(match.path).name == name)


def draw_things(library: Library, labels: dict[Path, str], scratch: Path) -> dict[Path, str]:
    """Return photos that are found by their labels among others, each of another label."""
    names = sorted(set(labels.values()) - {""})
    random.Random(SEED).shuffle(names)
    folder = link_all(list(labels), scratch / "all")
    library.index([folder], IndexSettings(walk=FOLLOW))
    things: dict[Path, str] = {}
    for name in names:
        first = next(path for path in labels if labels[path] == name)
        if rank_of(library, folder, first.name, name) <= TOP:
            things[first] = name
        if len(things) == NUM_PANORAMAS:
            break
    return things


def compose(things: dict[Path, str], others: list[Path], folder: Path) -> dict[Path, str]:
    """Write the panoramas into the folder; return the thing in each."""
    chance = random.Random(SEED)
    panoramas = {}
    for number, (first, thing) in enumerate(things.items()):
        width = SIDE * NUM_WIDE
        whole = Image.new("RGB", (width, SIDE))
        behind = [(others.pop(), SIDE * each) for each in range(NUM_WIDE)]
        left = chance.randrange(width // 3 - SIDE)
        for path, x in [*behind, (first, left if number % 2 else width - SIDE - left)]:
            with Image.open(path) as photo:
                whole.paste(ImageOps.fit(photo.convert("RGB"), (SIDE, SIDE)), (x, 0))
        panoramas[folder / f"panorama-{number:02}.jpg"] = thing
        whole.save(folder / f"panorama-{number:02}.jpg", quality=92)
    return panoramas


def measure(photos: Path, model: str) -> dict[str, object]:
    """Return how many things are found in the first ten, and what indexing took."""
    figures: dict[str, object] = {"seed": SEED, "model": model}
    labels = {
        path: json.loads(path.with_suffix(".json").read_text()).get("label", "")
        for path in sorted(photos.glob("*.jpg"))
    }
    with (
        TemporaryDirectory() as scratch,
        Library(Path(scratch) / "index.db", model=model) as library,
    ):
        things = draw_things(library, labels, Path(scratch))
        others = [path for path, label in labels.items() if label not in things.values()]
        random.Random(SEED).shuffle(others)
        folder = link_all(others[:NUM_OTHERS], Path(scratch) / "photos")
        panoramas = compose(things, others[NUM_OTHERS:], folder)
        figures |= {"panoramas": len(panoramas), "others": len(others[:NUM_OTHERS])}
        for name in ("without", "with"):
            started = time.monotonic()
            report = library.index([folder], IndexSettings(walk=FOLLOW, tiles=name == "with"))
            assert report.finished
            seconds = round(time.monotonic() - started, 1)
            ranks = [rank_of(library, folder, path.name, it) for path, it in panoramas.items()]
            figures[name] = {
                "found": sum(rank <= TOP for rank in ranks),
                "median_rank": sorted(ranks)[len(ranks) // 2],
                "encoded": report.encoded,
                "tiled": report.tiled,
                "seconds": seconds,
            }
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="builtin")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.photos.resolve(), arguments.model)))
