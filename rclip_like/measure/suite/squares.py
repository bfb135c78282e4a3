"""Read the pictures of a run as the model sees them, into a temporary file instead of memory."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.reading import read_examples
from rclip_like.errors import MeasureError
from rclip_like.values import Picture, Trouble

if TYPE_CHECKING:
    from rclip_like.images.products import Square
    from rclip_like.settings import ReadSettings
    from rclip_like.values import Pixels


class LabelledSquare(NamedTuple):
    """A picture of a set that was read; label: its number among the set's labels."""

    name: str
    digest: bytes
    label: int
    pixels: Pixels


_Found: TypeAlias = LabelledSquare | Trouble


class Squares(NamedTuple):
    """Labelled pictures, and their pixels before normalisation, uint8 (N, S, S, 3)."""

    names: tuple[str, ...]
    digests: tuple[bytes, ...]
    labels: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    troubles: tuple[Trouble, ...] = ()
    num_copies: int = 0
    """Pictures left out because an earlier one has the same content."""

    def digest(self) -> str:
        """Return a hexadecimal digest of the contents, in their order, and their labels."""
        total = hashlib.sha256()
        for digest, label in zip(self.digests, self.labels.tolist(), strict=True):
            total.update(digest + label.to_bytes(8, "big", signed=True))
        return total.hexdigest()


def spool_squares(pictures: Iterable[_Found], size: int) -> Squares:
    """Return pictures of (size, size) pixels, mapped from a temporary file without a name.

    The first of equal contents counts. The file vanishes with the pixels. Raises MeasureError if
    the temporary folder has no room, or if no picture could be read.
    """
    kept: dict[bytes, LabelledSquare] = {}
    troubles: list[Trouble] = []
    num_copies = 0
    with tempfile.TemporaryFile() as file:
        try:
            for picture in pictures:
                if isinstance(picture, Trouble):
                    troubles.append(picture)
                    continue
                if picture.digest in kept:
                    num_copies += 1
                    continue
                file.write(picture.pixels.tobytes())
                kept[picture.digest] = picture._replace(pixels=picture.pixels[:0])
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
        tuple(each.name for each in kept.values()),
        tuple(kept),
        np.array([each.label for each in kept.values()], dtype=np.int64),
        pixels,
        tuple(troubles),
        num_copies,
    )


def read_squares(
    pictures: PictureSet, product: Square, read: ReadSettings, limit: int, seed: int
) -> Squares:
    """Return the labelled pictures of a set, at most `limit` of them, drawn by the seed; 0: all.

    Raises MeasureError as `spool_squares` does, and ReaderError if no process can be started.
    """
    numbers = {label: number for number, label in enumerate(pictures.labels)}
    drawn = None
    if limit:
        drawn = sample([each.name for each in _labelled(pictures.examples())], limit, seed)

    def chosen() -> Iterator[Example | Trouble]:
        for example in _labelled(pictures.examples()):
            if drawn is None or example.name in drawn:
                yield example

    def found(results: Iterable[tuple[Example, Picture] | Trouble]) -> Iterator[_Found]:
        for result in results:
            if isinstance(result, Trouble):
                yield result
            else:
                example, picture = result
                assert example.label is not None
                (pixels,) = picture.products[product.name]
                label = numbers[example.label]
                yield LabelledSquare(example.name, picture.digest, label, pixels)

    with closing(read_examples(chosen(), (product,), read)) as results:
        return spool_squares(found(results), product.size)


def sample(names: Sequence[str], limit: int, seed: int) -> frozenset[str]:
    """Return `limit` of the names, drawn by the seed regardless of their order."""
    if len(names) <= limit:
        return frozenset(names)
    return frozenset(sorted(names, key=lambda name: _drawn_key(name, seed))[:limit])


def _labelled(examples: Iterable[Example | Trouble]) -> Iterator[Example]:
    for example in examples:
        if isinstance(example, Example) and example.label is not None:
            yield example


def _drawn_key(name: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:".encode() + name.encode("utf-8", "surrogateescape")).digest()
