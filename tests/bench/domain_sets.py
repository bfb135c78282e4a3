"""The domains of `bench.domains`: pictures that `builtin` never saw, drawn by a seed, in parts."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from recipe.photos import read_shard

from rclip_like.evaluate.labels import normalised

STAMPS = Path("/usr/share/tuxpaint/stamps")
WEB_SHARD = "train-web-000.tar.gz"
SEED = 24
NUM_LABELS, LEAST_OF_LABEL = 10, 15
NUM_PARTS = 5
_SIDE = 16
_NEAR = 0.97
"""The correlation of grey thumbnails beyond which two pictures are near copies."""


class NotHere(Exception):
    """A set is not on this machine; the message says which, and where it comes from."""


class Item(NamedTuple):
    """A picture's bytes with the ending of its file, and its caption or its label."""

    key: str
    ending: str
    content: bytes
    caption: str
    label: str | None = None


def tuxpaint(starter: Path) -> list[Item]:
    """Return the stamps of the categories that were drawn for the test, about half of all."""
    stamps = _stamps()
    chosen = _test_categories(starter, Counter(category for category, _ in stamps))
    return [item for category, item in stamps if category in chosen]


def labels(starter: Path) -> list[Item]:
    """Return the photos of the ten labels of tier web that were drawn for the test."""
    chosen = set(_test_labels(starter, np.random.default_rng(SEED)))
    return [
        Item(photo.key, ".jpg", photo.data, photo.label, photo.label)
        for photo in read_shard(_web_shard(starter))
        if photo.label in chosen
    ]


DOMAINS: dict[str, Callable[[Path], list[Item]]] = {"tuxpaint": tuxpaint, "labels": labels}


def write_set(items: Sequence[Item], folder: Path) -> None:
    """Write a folder as a user would have it: captions beside pictures, or a folder per label."""
    for item in items:
        path = folder / (item.label or "") / (item.key.replace("/", "-") + item.ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.content)
        if item.label is None:
            path.with_suffix(".txt").write_text(item.caption + "\n", encoding="utf-8")


def parts_of(items: Sequence[Item]) -> npt.NDArray[np.int64]:
    """Return (N,) the part of each picture; near copies and equal captions are in one part.

    Each label is spread over the parts.
    """
    random, groups = np.random.default_rng(SEED), _groups(items)
    counts: defaultdict[str | None, npt.NDArray[np.int64]] = defaultdict(
        lambda: np.zeros(NUM_PARTS, np.int64)
    )
    parts, sizes = np.empty(len(items), np.int64), np.zeros(NUM_PARTS, np.int64)
    for group in random.permutation(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        own = counts[items[rows[0]].label]
        parts[rows] = part = np.lexsort((sizes, own))[0]
        own[part] += len(rows)
        sizes[part] += len(rows)
    return parts


def _groups(items: Sequence[Item]) -> npt.NDArray[np.int64]:
    """Return (N,) the number of each picture's group of near copies and equal captions."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    thumbnails = np.stack([_thumbnail(item.content) for item in items])
    first, second = np.nonzero(thumbnails @ thumbnails.T > _NEAR)
    captions: defaultdict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        if item.label is None:
            captions[normalised(item.caption).rstrip(".! ")].append(row)
    equal = [(rows[0], row) for rows in captions.values() for row in rows]
    pairs = np.concatenate([np.stack([first, second], 1), np.array(equal or np.empty((0, 2)))])
    edges = pairs.astype(np.int64).T
    graph = coo_array((np.ones(edges.shape[1]), (edges[0], edges[1])), (len(items),) * 2)
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _thumbnail(content: bytes) -> npt.NDArray[np.float64]:
    """Return a grey thumbnail on white (256,), of mean 0 and length 1."""
    with Image.open(io.BytesIO(content)) as picture:
        layers = picture.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    grey = Image.alpha_composite(white, layers).convert("L").resize((_SIDE, _SIDE))
    values = np.asarray(grey, np.float64).ravel()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-9)


def _stamps() -> list[tuple[str, Item]]:
    """Return all stamps that have a caption in the first line of their text, with categories."""
    if not STAMPS.is_dir():
        raise NotHere(f"{STAMPS} is not here: apt-get install tuxpaint-stamps-default")
    found = []
    for path in sorted(STAMPS.rglob("*.png")):
        text = path.with_suffix(".txt")
        lines = text.read_text(errors="replace").splitlines() if text.is_file() else []
        if lines and lines[0].strip():
            parts = path.relative_to(STAMPS).parts
            category = "/".join(parts[:2]) if len(parts) > 2 else parts[0]
            key = path.relative_to(STAMPS).with_suffix("").as_posix()
            found.append((category, Item(key, ".png", path.read_bytes(), lines[0].strip())))
    return found


def _test_categories(starter: Path, sizes: Counter[str]) -> set[str]:
    """Return the categories of the test: each in turn goes to the half that has fewer stamps."""
    random = np.random.default_rng(SEED)
    _test_labels(starter, random)
    halves: tuple[set[str], set[str]] = (set(), set())
    numbers = [0, 0]
    names = sorted(sizes)
    for place in random.permutation(len(names)):
        half = int(numbers[1] < numbers[0])
        halves[half].add(names[place])
        numbers[half] += sizes[names[place]]
    return halves[1]


def _test_labels(starter: Path, random: np.random.Generator) -> list[str]:
    counts = Counter(photo.label for photo in read_shard(_web_shard(starter)))
    pool = sorted(label for label, number in counts.items() if label and number >= LEAST_OF_LABEL)
    return sorted(random.choice(pool, NUM_LABELS, replace=False).tolist())


def _web_shard(starter: Path) -> Path:
    shard = starter / WEB_SHARD
    if not shard.is_file():
        raise NotHere(f"{shard} is not here: name the starter set's folder by --starter")
    return shard
