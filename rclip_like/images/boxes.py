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
    inner = _in_meta(data)
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


def end_of_items(data: bytes) -> int:
    """Return where the last of the bytes lies of which the pictures are made, 0 if nobody says."""
    places = _in_meta(data).get(b"iloc")
    if places is None or places.end > len(data) or places.end - places.start < 8:
        return 0
    version = data[places.start]
    sizes = data[places.start + 4 : places.start + 6]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    place = places.start + 6
    wide = 4 if version == 2 else 2
    count, place, end = _number(data, place, wide), place + wide, 0
    for _ in range(min(count, _MOST_BOXES)):
        place += wide
        method = _number(data, place, 2) & 15 if version else 0
        place += (2 if version else 0) + 2
        base, place = _number(data, place, base_size), place + base_size
        num_extents, place = _number(data, place, 2), place + 2
        for _ in range(min(num_extents, _MOST_BOXES)):
            place += index_size
            offset = _number(data, place, offset_size)
            length = _number(data, place + offset_size, length_size)
            place += offset_size + length_size
            if method == 0:  # in the file, and not in a box of its own
                end = max(end, base + offset + length)
        if place > places.end:
            return 0
    return end


def _in_meta(data: bytes) -> dict[bytes, Box]:
    """Return the boxes that describe the pictures, by their kinds."""
    meta = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta"), None)
    return {} if meta is None else {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}


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
