"""The boxes of an ISO media file (HEIC, AVIF, JPEG 2000): where they lie, and what turns a picture.

ISO/IEC 14496-12 (boxes) and 23008-12 (pictures in them).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_MOST_BOXES = 4096
_TURNS = frozenset((b"irot", b"imir"))


class Box(NamedTuple):
    """One box: its content is `data[start:end]`, as far as the file goes."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two places, and last one that claims to end beyond, if one does."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind, head = _number(data, start, 4), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = _number(data, start + 8, 8), 16
        if size == 0:
            size = end - start  # to the end of the file
        if size < head:
            return
        yield Box(kind, start + head, start + size)
        start += size


def turns_its_picture(data: bytes) -> bool:
    """Tell whether an ISO media file itself rotates or mirrors its primary picture."""
    meta = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta"), None)
    if meta is None:
        return False
    inner = {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}
    if b"iprp" not in inner or b"pitm" not in inner:
        return False
    primary = inner[b"pitm"].start
    item = _number(data, primary + 4, 4 if data[primary] else 2)
    properties = inner[b"iprp"]
    parts = {box.kind: box for box in boxes(data, properties.start, properties.end)}
    if b"ipco" not in parts or b"ipma" not in parts:
        return False
    kinds = [box.kind for box in boxes(data, parts[b"ipco"].start, parts[b"ipco"].end)]
    numbers = _properties_of(data, parts[b"ipma"], item)
    return any(kinds[number - 1] in _TURNS for number in numbers if 0 < number <= len(kinds))


def _properties_of(data: bytes, associations: Box, item: int) -> list[int]:
    """Return the numbers, from 1, of the properties that an item has."""
    place, end = associations.start, min(associations.end, len(data))
    id_bytes = 4 if data[place] else 2
    is_wide = data[place + 3] & 1
    place += 8
    while place + id_bytes < end:
        own, count = _number(data, place, id_bytes), data[place + id_bytes]
        place += id_bytes + 1
        if own == item:
            if is_wide:
                return [_number(data, place + 2 * each, 2) & 0x7FFF for each in range(count)]
            return [data[place + each] & 0x7F for each in range(count) if place + each < end]
        place += count * (2 if is_wide else 1)
    return []


def _number(data: bytes, place: int, size: int) -> int:
    return int.from_bytes(data[place : place + size], "big")
