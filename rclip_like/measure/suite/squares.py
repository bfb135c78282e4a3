"""The pictures of a run as the model sees them, in a temporary file instead of in memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError

if TYPE_CHECKING:
    from rclip_like.values import Pixels, Trouble


class LabelledSquare(NamedTuple):
    """A picture of a set as it was read: `label` is its number among the set's labels."""

    name: str
    digest: bytes
    label: int
    pixels: Pixels


class Squares(NamedTuple):
    """Labelled pictures, and their pixels before normalisation, uint8 (N, S, S, 3)."""

    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    labels: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    troubles: tuple[Trouble, ...] = ()

    def digest(self) -> str:
        """Return what stands for the contents, in their order, and their labels."""
        total = hashlib.sha256()
        for digest, label in zip(self.digests, self.labels.tolist(), strict=True):
            total.update(digest + label.to_bytes(8, "big", signed=True))
        return total.hexdigest()


def spool_squares(pictures: Iterable[LabelledSquare | Trouble], size: int) -> Squares:
    """Return the pictures of (size, size) pixels, their pixels mapped from a file without a name.

    The file goes when the pixels are dropped. Raises MeasureError when the temporary folder has no
    room, or no picture could be read.
    """
    kept: list[LabelledSquare] = []
    troubles: list[Trouble] = []
    with tempfile.TemporaryFile() as file:
        try:
            for picture in pictures:
                if not isinstance(picture, LabelledSquare):
                    troubles.append(picture)
                    continue
                file.write(picture.pixels.tobytes())
                kept.append(picture._replace(pixels=picture.pixels[:0]))
            file.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise MeasureError(
                f"{folder}: the folder for temporary files cannot hold the pictures "
                f"({error.strerror}); make room or set TMPDIR"
            ) from error
        if not kept:
            raise MeasureError("there are no labelled pictures to measure with")
        shape = (len(kept), size, size, 3)
        pixels: npt.NDArray[np.uint8] = np.memmap(file, np.uint8, "r", shape=shape)
    return Squares(
        tuple(each.name for each in kept),
        tuple(each.digest for each in kept),
        np.array([each.label for each in kept], dtype=np.int64),
        pixels,
        tuple(troubles),
    )


def sample(names: Sequence[str], limit: int, seed: int) -> frozenset[str]:
    """Return `limit` of the names, the same for the same seed whatever order they come in."""
    if len(names) <= limit:
        return frozenset(names)
    return frozenset(sorted(names, key=lambda name: _drawn_key(name, seed))[:limit])


def in_turn(pixels: npt.NDArray[np.uint8], size: int) -> Iterator[tuple[int, Pixels]]:
    """Yield where a batch begins, and its pixels (size or fewer, S, S, 3)."""
    for start in range(0, len(pixels), size):
        yield start, pixels[start : start + size]


def _drawn_key(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:".encode() + name.encode("utf-8", "surrogateescape")).digest()
