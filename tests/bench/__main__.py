"""Measure start-up and queries: python -m bench. CLIPFIND_PEER names an rclip to start beside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from bench.measure import Command, compare

SEED = 0
PICTURES = 1000
SIDE = 96
CLIPFIND = str(Path(sys.executable).with_name("clipfind"))
BARE = (sys.executable, "-c", "pass")
# What any search in Python has to load.
FLOOR = (sys.executable, "-c", "import numpy, sqlite3")


def main() -> None:
    """Print one JSON line a figure; what they stand against is named in each."""
    peer = os.environ.get("CLIPFIND_PEER")
    help_of = (peer, "--help") if peer else BARE
    _print("start-up", lambda _: (CLIPFIND, "--help"), help_of)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CLIPFIND_DATA_DIR"] = os.environ["CLIPFIND_CACHE_DIR"] = str(folder / "index")
        _write_pictures(folder / "pictures")
        subprocess.run([CLIPFIND, "index", "-q", str(folder / "pictures")], check=True)
        _check_answer(folder / "pictures")
        _measure_queries(folder / "pictures")


def _measure_queries(pictures: Path) -> None:
    corpus = f"{PICTURES} noise JPEGs of {SIDE} x {SIDE} pixels, seed {SEED}"
    model = os.environ.get("CLIPFIND_MODEL", "builtin")
    search = (CLIPFIND, "search", "-n", "-f")

    def ask_new(n: int) -> tuple[str, ...]:
        return (*search, f"red car number {n}", str(pictures))

    def ask_again(_: int) -> tuple[str, ...]:
        return (*search, "red car", str(pictures))

    _print("query, new wording", ask_new, FLOOR, corpus=corpus, model=model)
    _print("query, asked before", ask_again, FLOOR, corpus=corpus, model=model)


def _print(what: str, ours: Command, reference: tuple[str, ...], **conditions: str) -> None:
    named = " ".join((Path(reference[0]).name, *reference[1:]))
    figures = compare(ours, lambda _: reference)
    print(json.dumps({"bench": what, "reference": named, **conditions, **figures}), flush=True)


def _write_pictures(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(SEED)
    for number in range(PICTURES):
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg")


def _check_answer(pictures: Path) -> None:
    command = [CLIPFIND, "search", "-n", "--json", "-t", "0", "red car", str(pictures)]
    lines = subprocess.run(command, check=True, capture_output=True).stdout.splitlines()
    scores = [json.loads(line)["score"] for line in lines]
    assert len(scores) == PICTURES
    assert scores == sorted(scores, reverse=True)


if __name__ == "__main__":
    main()
