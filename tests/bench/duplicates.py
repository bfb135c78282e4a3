"""Plant copies and look-alikes of photos and find the copies: python -m bench.duplicates PHOTOS.

Each photo gets one companion: a copy of some kind, or a picture that is no copy, such as the next
shot of a burst or another view of the scene. `clipfind duplicates` goes through them, and what it
says is held against what was planted. One JSON line: the precision of all that it proposes, the
recall of each kind of copies, and how many of each kind of others it takes for copies. --half 0 or
1 takes every other photo, so that figures come from photos that nothing was tuned on. The same seed
plants the same. --rows N compares N synthetic rows instead, of which each hundredth is a near copy
of another one: CPU seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from processes import COMMAND

_CAMERA = "Planted 1"


def _reencoded(image: Image.Image, rng: random.Random, path: Path) -> Path:
    ending, options = rng.choice(
        (("jpg", {"quality": 40}), ("jpg", {"quality": 75}), ("webp", {"quality": 60}), ("png", {}))
    )
    image.save(path := path.with_suffix(f".{ending}"), **options)
    return path


def _changed(change: Callable[[Image.Image, random.Random], Image.Image]) -> Any:
    def plant(image: Image.Image, rng: random.Random, path: Path) -> Path:
        change(image, rng).save(path, quality=rng.choice((75, 85, 92)))
        return path

    return plant


def _resized(image: Image.Image, rng: random.Random) -> Image.Image:
    scale = rng.uniform(0.5, 0.8)  # of 224 pixels; photos of cameras keep more than a model sees
    return image.resize((round(image.width * scale), round(image.height * scale)))


def _window(image: Image.Image, share: float, x: float, y: float) -> Image.Image:
    width, height = round(image.width * share), round(image.height * share)
    left, top = round((image.width - width) * x), round((image.height - height) * y)
    return image.crop((left, top, left + width, top + height))


def _cropped(percent: int) -> Any:
    return _changed(lambda i, rng: _window(i, 1 - percent / 100, rng.random(), rng.random()))


def _recoloured(image: Image.Image, rng: random.Random) -> Image.Image:
    way = rng.choice(("grey", "brightness", "contrast", "tint"))
    if way == "grey":
        return ImageOps.grayscale(image)
    if way == "tint":
        pixels = np.asarray(image, np.float32) * [rng.uniform(0.7, 1.2) for _ in range(3)]
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    enhance = ImageEnhance.Brightness if way == "brightness" else ImageEnhance.Contrast
    return enhance(image).enhance(rng.choice((0.7, 0.8, 1.2, 1.35)))


def _written_on(image: Image.Image, rng: random.Random) -> Image.Image:
    image = image.copy()
    font = ImageFont.load_default(image.height * rng.uniform(0.07, 0.13))
    text = rng.choice(("Happy Birthday!", "Summer 2019", "do not forget", "SOLD"))
    at = (image.width * rng.uniform(0.02, 0.3), image.height * rng.uniform(0.05, 0.8))
    ImageDraw.Draw(image).text(at, text, "white", font, stroke_width=2, stroke_fill="black")
    return image


def _shot(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return the next shot of a burst: moved by some hundredths, another exposure, other noise."""
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.9, 1.15))
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0, 4, (image.height, image.width, 3))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def _save_shots(image: Image.Image, rng: random.Random, path: Path, *, dated: bool) -> Path:
    """Write two shots of the same size: the photo's own file anew, and its companion."""
    share = 0.95
    x, y = rng.uniform(0.2, 0.8), rng.choice((0, 1))
    first = _window(image, share, x, y)
    second_view = _window(image, share, 1 - x, rng.uniform(0.2, 0.8))
    exif = Image.Exif()
    exif[0x0110] = _CAMERA
    second = rng.randrange(50)
    for shot, seconds, at in ((first, 0, path.with_name(path.name[1:])), (second_view, 2, path)):
        exif.get_ifd(0x8769)[0x9003] = f"2019:05:17 12:30:{second + seconds:02}"
        _shot(shot, rng).save(at, quality=90, **({"exif": exif} if dated else {}))
    return path


def _scene(image: Image.Image, rng: random.Random) -> Image.Image:
    """Return another view of the same scene: turned a little, and from the side."""
    turned = image.rotate(rng.choice((-1, 1)) * rng.uniform(3, 8), Image.Resampling.BICUBIC)
    inner = _window(turned, 0.8, rng.random(), rng.random())
    return inner.resize((inner.width, round(inner.height * rng.uniform(0.9, 1.1))))


COPIES: Mapping[str, Any] = {
    "exact": None,
    "re-encoded": _reencoded,
    "resized": _changed(_resized),
    "cropped 5 %": _cropped(5),
    "cropped 15 %": _cropped(15),
    "cropped 30 %": _cropped(30),
    "mirrored": _changed(lambda image, rng: ImageOps.mirror(image)),
    "recoloured": _changed(_recoloured),
    "text over it": _changed(_written_on),
}
OTHERS: Mapping[str, Any] = {
    "burst": lambda *them: _save_shots(*them, dated=True),
    "burst without dates": lambda *them: _save_shots(*them, dated=False),
    "same scene": _changed(_scene),
}


def plant(photos: list[Path], album: Path, seed: int) -> dict[str, str]:
    """Write the photos and a companion of each; return the companions' kinds by photo's name."""
    rng, kinds, planted = random.Random(seed), [*COPIES, *OTHERS], {}
    for number, photo in enumerate(photos):
        kind = kinds[number % len(kinds)]
        own = album / f"{number:05}.jpg"
        own.write_bytes(photo.read_bytes())
        companion = album / f"-{own.name}"
        if kind == "exact":
            companion.write_bytes(own.read_bytes())
        else:
            with Image.open(photo) as image:
                (COPIES | OTHERS)[kind](image.convert("RGB"), rng, companion)
        planted[own.stem] = kind
    return planted


def measure(photos: list[Path], seed: int, threshold: str) -> dict[str, Any]:
    """Return how much of what was planted is found, and what else is proposed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "album").mkdir()
        planted = plant(photos, folder / "album", seed)
        environment = os.environ | {
            f"CLIPFIND_{each}_DIR": str(folder) for each in ("DATA", "CACHE", "CONFIG")
        }
        words = [*COMMAND, "index", "album", "--model", "builtin", "-q"]
        subprocess.run(words, cwd=folder, env=environment, check=True)
        words = [*COMMAND, "duplicates", "album", "-n", "--json", "--threshold", threshold]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        found = subprocess.run(
            [*words, "--model", "builtin"], cwd=folder, env=environment, stdout=subprocess.PIPE
        )
        seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    groups = [json.loads(line) for line in found.stdout.splitlines()]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _judged(groups, planted) | {
        "pictures": 2 * len(planted),
        "threshold": float(threshold),
        "seed": seed,
        "wall_s": round(seconds, 1),
        "cpu_s": round(cpu, 1),
    }


def _judged(groups: list[dict[str, Any]], planted: Mapping[str, str]) -> dict[str, Any]:
    """Return precision and recall: a proposed copy is right if it was made of the picture kept."""
    totals, proposed = Counter(planted.values()), Counter[str]()
    wrong = []
    for group in groups:
        for copy in group.get("copies", ()):
            kept, own = (_name_of(each["path"]) for each in (group["keep"], copy))
            if kept == own:
                proposed[planted[own]] += 1
            else:
                wrong.append([group["keep"]["path"], copy["path"]])
    right = sum(proposed[kind] for kind in COPIES)
    bursts = Counter(
        planted[_name_of(group["pictures"][0]["path"])]
        for group in groups
        if group["kind"] == "burst"
    )
    return {
        "precision": round(right / max(1, sum(proposed.values()) + len(wrong)), 4),
        "recall": {kind: round(proposed[kind] / totals[kind], 4) for kind in COPIES},
        "taken for copies": {kind: proposed[kind] for kind in OTHERS},
        "taken for bursts": dict(bursts),
        "of each": min(totals.values()),
        "wrong": wrong,
    }


def _name_of(path: str) -> str:
    return Path(path).stem.lstrip("-")


def measure_rows(number: int, seed: int) -> dict[str, Any]:
    """Return what comparing so many rows takes, with a spectrum that falls as CLIP's does."""
    from rclip_like.duplicates.candidates import near_pairs

    rng, dimension = np.random.default_rng(seed), 512
    scale = (1 / np.sqrt(np.arange(1, dimension + 1))).astype(np.float32)
    rows = np.empty((number, dimension), np.float16)
    for start in range(0, number, 10_000):
        block = rng.standard_normal((min(10_000, number - start), dimension), np.float32) * scale
        rows[start : start + 10_000] = block / np.linalg.norm(block, axis=1, keepdims=True)
    copies = rng.choice(number // 2, number // 100, replace=False)
    noise = rng.standard_normal((len(copies), dimension), np.float32) * scale
    near = rows[copies] + 0.3 * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    own = number - 1 - np.arange(len(copies))
    rows[own] = near / np.linalg.norm(near, axis=1, keepdims=True)
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = {(i, j) for _, i, j in near_pairs(rows, 0.7, np.zeros(number, np.bool_))}
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert {*zip(copies.tolist(), own.tolist(), strict=True)} <= found
    return {
        "rows": number,
        "dimension": dimension,
        "pairs": len(found),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mb": after.ru_maxrss // 1000,
        "peak_before_mb": before.ru_maxrss // 1000,
    }


def main() -> int:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="?", help="a folder of photos")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--most", type=int, default=480, help="so many photos at most")
    parser.add_argument("--least-side", type=int, default=200, help="leave out smaller photos")
    parser.add_argument("--threshold", default="0.7")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.rows:
        print(json.dumps(measure_rows(arguments.rows, arguments.seed)))
        return 0
    photos = []
    for path in sorted(arguments.photos.glob("*.jpg")):
        with Image.open(path) as image:
            if min(image.size) >= arguments.least_side:
                photos.append(path)
    photos = photos[arguments.half :: 2][: arguments.most]
    print(json.dumps(measure(photos, arguments.seed, arguments.threshold)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
