"""The boxes of an ISO media file (HEIC, AVIF, JPEG 2000), and what they say of turning and length.

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
    """Yield the boxes between two offsets; the last one may claim to end beyond them."""
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
    """Return the offset at which the pictures' data end, 0 if the file does not say."""
    locations = _in_meta(data).get(b"iloc")
    if locations is None or locations.end > len(data) or locations.end - locations.start < 8:
        return 0
    version = data[locations.start]
    sizes = data[locations.start + 4 : locations.start + 6]
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    offset, end, wide = locations.start + 6, 0, 4 if version == 2 else 2

    def take(size: int) -> int:
        nonlocal offset
        offset += size
        return _number(data, offset - size, size)

    for _ in range(min(take(wide), _MOST_BOXES)):
        take(wide)  # the item's number
        method = take(2) & 15 if version else 0
        take(2)
        base = take(base_size)
        for _ in range(min(take(2), _MOST_BOXES)):
            take(index_size)
            start, length = take(offset_size), take(length_size)
            if method == 0:  # an offset in the file, not in another box
                end = max(end, base + start + length)
        if offset > locations.end:
            return 0
    return end


def _in_meta(data: bytes) -> dict[bytes, Box]:
    """Return the boxes that describe the pictures, by kind."""
    meta = next((box for box in boxes(data, 0, len(data)) if box.kind == b"meta"), None)
    return {} if meta is None else {box.kind: box for box in boxes(data, meta.start + 4, meta.end)}


def _properties_of(data: bytes, associations: Box, item: int) -> list[int]:
    """Return the numbers of an item's properties, counted from 1."""
    offset, end = associations.start, min(associations.end, len(data))
    id_bytes = 4 if data[offset] else 2
    is_wide = data[offset + 3] & 1
    offset += 8
    while offset + id_bytes < end:
        own, count = _number(data, offset, id_bytes), data[offset + id_bytes]
        offset += id_bytes + 1
        if own == item:
            if is_wide:
                return [_number(data, offset + 2 * each, 2) & 0x7FFF for each in range(count)]
            return [data[offset + each] & 0x7F for each in range(count) if offset + each < end]
        offset += count * (2 if is_wide else 1)
    return []


def _number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "big")
