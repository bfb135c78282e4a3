"""Pairs made ready: captions as tokens, pictures as pixels on the disk or features in memory.

Shape suffixes: N pairs, M captions, L positions, S pixels a side, C channels, F features.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import blake3
import numpy as np
import numpy.typing as npt

from rclip_like.data.pairs import read_pictures
from rclip_like.evaluate.retrieval import normalised
from rclip_like.images.products import Square
from rclip_like.settings import ReadSettings
from rclip_like.train.checkpoint import make_working_file
from rclip_like.values import Preprocessing, Trouble

Pixels: TypeAlias = npt.NDArray[np.uint8]


@dataclass(slots=True)
class Captioned:
    """The pictures of a training run in order: digests, names and captions, row by row."""

    names: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    captions: list[tuple[str, ...]] = field(default_factory=list)
    skipped: list[Trouble] = field(default_factory=list)

    def held_out(self, share: float) -> npt.NDArray[np.bool_]:
        """Return (N,): which rows only measure, decided by each picture's content alone.

        So equal pictures fall on one side, and adding others moves none.
        """
        limit = int(share * 2**64)
        chosen = [int.from_bytes(digest[:8], "big") < limit for digest in self.digests]
        return np.asarray(chosen, dtype=bool)

    def fingerprint(self) -> str:
        """Return a digest over all pictures and captions in their order."""
        everything = blake3.blake3()
        for digest, captions in zip(self.digests, self.captions, strict=True):
            everything.update(digest + "\n".join(captions).encode() + b"\0")
        return everything.hexdigest()


def read_pixels(data: Path, preprocessing: Preprocessing, into: Captioned) -> Iterator[Pixels]:
    """Yield the pixels (S, S, C) of each usable pair, noting the pair, or why not, in `into`."""
    square = Square.of(preprocessing)
    for read in read_pictures(data, square, ReadSettings()):
        if isinstance(read, Trouble):
            into.skipped.append(read)
            continue
        pair, picture = read
        into.names.append(pair.name)
        into.digests.append(picture.digest)
        into.captions.append(pair.captions)
        (pixels,) = picture.products[square.name]
        yield pixels


def spool_pixels(pictures: Iterable[Pixels], path: Path, size: int) -> Pixels:
    """Write the pictures one after the other and return them mapped into memory, (N, S, S, C)."""
    number = 0
    with make_working_file(path) as stream:
        for pixels in pictures:
            stream.write(pixels.tobytes())
            number += 1
    if not number:
        return np.zeros((0, size, size, 3), np.uint8)
    return np.memmap(path, np.uint8, "r", shape=(number, size, size, 3))


def in_batches(pictures: Iterable[Pixels], size: int) -> Iterator[Pixels]:
    """Yield the pictures as arrays (N, S, S, C) of at most `size`."""
    batch: list[Pixels] = []
    for pixels in pictures:
        batch.append(pixels)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)


def caption_numbers(captions: Sequence[Sequence[str]]) -> list[tuple[int, ...]]:
    """Return for each row the numbers of its captions, equal captions having equal numbers."""
    numbers: dict[str, int] = {}
    return [
        tuple(numbers.setdefault(normalised(caption), len(numbers)) for caption in row)
        for row in captions
    ]
