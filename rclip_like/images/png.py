"""PNG files with wrong checksums: read where the chunk is not needed.

Like libpng: such a text or resolution is ignored, while a wrong checksum of a chunk that makes the
pixels is an error, even where Pillow does not check it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_ANIMATION = frozenset((b"acTL", b"fcTL", b"fdAT"))
"""One wrong checksum among these drops them all, because they are numbered in sequence."""
_NEEDED = frozenset((b"IHDR", b"PLTE", b"IDAT", b"tRNS"))


class Chunk(NamedTuple):
    """A chunk, from its length field to the end of its checksum."""

    kind: bytes
    start: int
    end: int


def without_broken_chunks(data: bytes) -> tuple[bytes, bytes | None]:
    """Return a PNG file without the unneeded chunks whose checksum is wrong.

    Second: the kind of the first needed chunk whose checksum is wrong, None if all are right.
    """
    kept, offset, broken, is_still = [], 0, None, False
    view = memoryview(data)
    for chunk in chunks(data):
        is_right = chunk.end > len(data) or zlib.crc32(
            view[chunk.start + 4 : chunk.end - 4]
        ) == int.from_bytes(view[chunk.end - 4 : chunk.end], "big")
        is_still |= chunk.kind in _ANIMATION and not is_right
        if is_right and not (is_still and chunk.kind in _ANIMATION):
            continue
        if chunk.kind in _NEEDED:
            broken = broken or chunk.kind
        elif chunk.kind != b"IEND":
            kept.append(view[offset : chunk.start])
            offset = chunk.end
    if not offset:
        return data, broken
    return b"".join((*kept, view[offset:])), broken


def chunks(data: bytes) -> Iterator[Chunk]:
    """Yield the chunks in order; the last may end beyond the file."""
    offset = len(SIGNATURE)
    while offset + 8 <= len(data):
        kind = data[offset + 4 : offset + 8]
        end = offset + 12 + int.from_bytes(data[offset : offset + 4], "big")
        yield Chunk(kind, offset, end)
        if kind == b"IEND":
            return
        offset = end
