"""Write the album: real photos out of two installed packages, under names that tell nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import as_file, files
from importlib.resources.abc import Traversable
from pathlib import Path

from PIL import Image, ImageDraw

# A camera's names: what finds a photo is the photo.
PHOTOS = {
    "2017/IMG_0007.jpg": "camera.png",
    "2017/IMG_0012.jpg": "clock_motion.png",
    "2017/IMG_0031.jpg": "page.png",
    "2017/IMG_0032.jpg": "text.png",
    "2017/IMG_0058.jpg": "coins.png",
    "2018/DSC00104.jpg": "brick.png",
    "2018/DSC00105.jpg": "grass.png",
    "2018/DSC00106.jpg": "gravel.png",
    "2018/DSC00131.jpg": "moon.png",
    "2018/DSC00160.jpg": "coffee.png",
    "2018/DSC00177.jpg": "chelsea.png",
    "2019/a/IMG_0007.jpg": "motorcycle_left.png",
    "2019/a/IMG_0008.jpg": "motorcycle_right.png",
    "2019/a/IMG_0020.jpg": "flower.jpg",
    "2019/a/IMG_0044.jpg": "china.jpg",
    "2019/b/IMG_0007.jpg": "astronaut.png",
    "2019/b/IMG_0015.jpg": "rocket.jpg",
    "2019/b/IMG_0016.jpg": "hubble_deep_field.jpg",
    "2019/b/IMG_0090.jpg": "retina.jpg",
    "2019/b/IMG_0091.jpg": "ihc.png",
    "2019/b/IMG_0092.jpg": "microaneurysms.png",
    "2019/b/IMG_0093.jpg": "cell.png",
}
NAMES = {source: name for name, source in PHOTOS.items()}
CAT = "chelsea.png"


def write_album(folder: Path) -> None:
    """Write the photos that `folder` lacks, each of the first of June of the year in its name.

    What lies there already is left alone.
    """
    for name, source in PHOTOS.items():
        if not (folder / name).exists():
            with open_original(source) as picture:
                _save_whole(picture, folder / name)
            seconds = datetime(int(name[:4]), 6, 1).timestamp()
            os.utime(folder / name, (seconds, seconds))


def write_altered_copy(source: str, path: Path) -> None:
    """Write `source` without its margins, with a watermark, smaller and poorly encoded."""
    with open_original(source) as original:
        width, height = original.size
        copy = original.crop((width // 12, height // 12, width * 11 // 12, height * 11 // 12))
    copy = copy.resize((copy.width * 3 // 4, copy.height * 3 // 4))
    draw = ImageDraw.Draw(copy, "RGBA")
    draw.text((copy.width // 4, copy.height // 2), "SAMPLE", (255, 255, 255, 160), font_size=48)
    _save_whole(copy, path, quality=55)


@contextmanager
def open_original(source: str) -> Iterator[Image.Image]:
    """Open a photo by its name in one of the two packages, in grey or in colour."""
    folders: list[Traversable] = [files("skimage.data"), files("sklearn.datasets") / "images"]
    for folder in folders:
        if (folder / source).is_file():
            with as_file(folder / source) as path, Image.open(path) as picture:
                yield picture.convert("L" if picture.mode == "L" else "RGB")
            return
    raise FileNotFoundError(f"{source} lies neither in scikit-image's nor in scikit-learn's data")


def _save_whole(picture: Image.Image, path: Path, quality: int = 92) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    picture.save(part, "JPEG", quality=quality)
    os.replace(part, path)
