"""Small drawn pictures with captions, from a seed, as files and shards."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "grey": (128,) * 3}
SHAPES = ("left", "right", "top", "bottom")


def draw_picture(number: int, size: int = 40) -> bytes:
    """Return a PNG of one colour on one side, with seeded noise; 16 kinds come round."""
    random = np.random.default_rng(number)
    colour = list(COLOURS.values())[number % 4]
    pixels = random.integers(0, 60, (size, size, 3)).astype(np.uint8)
    side = {"left": np.s_[:, : size // 2], "right": np.s_[:, size // 2 :]}
    side |= {"top": np.s_[: size // 2], "bottom": np.s_[size // 2 :]}
    pixels[side[SHAPES[number // 4 % 4]]] = colour
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def describe(number: int) -> str:
    """Return the caption of a drawn picture, different for different numbers."""
    return f"{list(COLOURS)[number % 4]} on the {SHAPES[number // 4 % 4]}, number {number}"


def write_shard(path: Path, members: dict[str, bytes]) -> Path:
    """Write a tar shard with the members in their order; gzip where the name says so."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as shard:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            shard.addfile(member, io.BytesIO(data))
    return path
