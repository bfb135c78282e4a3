"""PNG files of which a chunk's checksum is wrong: read where that chunk is not needed.

As libpng does it: such a text or resolution is left out. A wrong checksum of what makes the pixels
is an error, even where Pillow does not look at it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ANIMATION = frozenset((b"acTL", b"fcTL", b"fdAT"))
"""From one of them that is wrong on, all go: they count one another."""
_NEEDED = frozenset((b"IHDR", b"PLTE", b"IDAT", b"tRNS"))


class Chunk(NamedTuple):
    """A chunk from its length to its checksum, as far as the file goes."""

    kind: bytes
    start: int
    end: int


def without_broken_chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG file without the unneeded chunks whose checksum is wrong.

    Second: the kind of the first needed chunk whose checksum is wrong, None if all are right.
    """
    kept, place, broken, is_still = [], 0, None, False
    view = memoryview(data)
    for chunk in chunks(data):
        is_right = chunk.end > len(data) or _is_right(view, chunk)
        is_still |= chunk.kind in _ANIMATION and not is_right
        if is_right and not (is_still and chunk.kind in _ANIMATION):
            continue
        if chunk.kind in _NEEDED:
            broken = broken or chunk.kind
        elif chunk.kind != b"IEND":
            kept.append(view[place : chunk.start])
            place = chunk.end
    if not place:
        return data, broken
    return b"".join((*kept, view[place:])), broken


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks in order; the last may end beyond the file."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        kind = data[place + 4 : place + 8]
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        yield Chunk(kind, place, end)
        if kind == b"IEND":
            return
        place = end


def _is_right(data: memoryview, chunk: Chunk) -> bool:
    stated = int.from_bytes(data[chunk.end - 4 : chunk.end], "big")
    return zlib.crc32(data[chunk.start + 4 : chunk.end - 4]) == stated
