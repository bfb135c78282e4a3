"""A folder of drawn pictures in folders by label: plain colours with noise, each its own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


def write_labelled(folder: Path, counts: Mapping[str, int], *, noise: int = 60) -> Path:
    """Write so many pictures of each label, an hour old, and return the folder.

    A label whose last part is a colour's name has it; equal calls write equal bytes.
    """
    an_hour_ago = time.time() - 3600
    for label, number in counts.items():
        colour = COLOURS.get(label.rpartition("/")[2], (120, 120, 120))
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(number):
            random = np.random.default_rng([*label.encode(), index])
            pixels = random.integers(-noise, noise, (40, 40, 3)) + np.array(colour)
            path = folder / label / f"{index:03}.png"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
            os.utime(path, (an_hour_ago, an_hour_ago))
    return folder
