"""Print the rates of encoding, decoding and both: python -m bench.pipeline PHOTOS MODEL REPEATS."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.index import bring_up_to_date
from rclip_like.models.model import Model
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import Store
from rclip_like.values import Picture
from rclip_like.walk import resolve_roots


def main(photos: str, name: str, repeats: str) -> None:
    """Print one JSON object of photos a second, each the median of as many runs in turn."""
    paths = sorted(Path(photos).resolve().iterdir())
    specification = resolve(name)
    model = Model(specification)
    side = specification.preprocessing.size
    _encode(model, side, model.batch_size)  # warm
    kinds: dict[str, Callable[[], None]] = {
        "encode": lambda: _encode(model, side, len(paths)),
        "decode": lambda: _decode(specification, paths),
        "whole": lambda: _index(model, paths),
    }
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(int(repeats)):
        for kind, work in kinds.items():
            start = time.perf_counter()
            work()
            seconds[kind].append(time.perf_counter() - start)
    print(json.dumps({kind: len(paths) / median(taken) for kind, taken in seconds.items()}))


def _encode(model: Model, side: int, count: int) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (model.batch_size, side, side, 3), dtype=np.uint8)
    for first in range(0, count, model.batch_size):
        model.pictures(pixels[: count - first])


def _decode(specification: ModelSpecification, paths: list[Path]) -> None:
    products = model_products(specification.preprocessing)
    tasks = (ReadTask(os.fsencode(path), products) for path in paths)
    with Readers(ReadSettings()) as readers:
        assert all(isinstance(read, Picture) for read in readers.read_all(tasks))


def _index(model: Model, paths: list[Path]) -> None:
    roots = resolve_roots([os.fsencode(paths[0].parent)])
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(Path(folder, "index.db"), create=True) as store:
            report = bring_up_to_date(store, roots, model, IndexSettings())
        assert report.encoded == len(paths)


if __name__ == "__main__":
    main(*sys.argv[1:])
