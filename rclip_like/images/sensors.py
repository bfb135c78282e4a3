"""Recognising a camera's raw files, which hold what its sensor saw, by content."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

RAW_ENDINGS = ("arw", "cr2", "cr3", "dng", "nef", "orf", "raf", "rw2")

_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO\x08", b"IIRS\x08", b"MMOR\0", b"IIU\0")
"""The first bytes of RAF, ORF (three kinds) and RW2 files."""

_KIND, _COLOURS, _FOLDERS, _DNG_VERSION = 254, 262, 330, 50706
_TAGS = frozenset((_KIND, _COLOURS, _FOLDERS, _DNG_VERSION))
_SENSOR_COLOURS = frozenset((32803, 34892))
"""TIFF's photometric interpretations: a mosaic of colour filters, and interpolated samples."""

_TIFF = (b"II*\0", b"MM\0*")
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
# A camera writes under ten directories of under a hundred entries; a loop of them ends here.
_MOST_DIRECTORIES, _MOST_ENTRIES = 64, 4096

Directory = dict[int, tuple[int, ...]]
"""Whole numbers by TIFF's tag."""


def is_raw(data: bytes, ending: bytes) -> bool:
    """Tell whether the bytes are a camera's raw file.

    Several kinds are TIFF files whose first picture is a thumbnail. A TIFF file whose directories
    do not say so counts by its ending, unless it is one plain picture.
    """
    if data.startswith(_SIGNATURES) or data[8:12] == b"CR\x02\0":
        return True
    if data[4:8] == b"ftyp":
        return data[8:12] == b"crx "  # CR3
    if data[:4] not in _TIFF:
        return False
    directories = [found for found, whole in tiff_directories(data, _TAGS) if whole is not None]
    for found in directories:
        if _DNG_VERSION in found or not _SENSOR_COLOURS.isdisjoint(found.get(_COLOURS, ())):
            return True
    # One plain picture is not marked as a thumbnail, and no directory is nested.
    is_nested = any(_FOLDERS in found for found in directories)
    is_plain = directories and not any(directories[0].get(_KIND, ())) and not is_nested
    return not is_plain and ending[1:].decode("ascii", "replace") in RAW_ENDINGS


def is_dng(data: bytes) -> bool:
    """Tell whether the bytes are a digital negative, which keeps to TIFF's rules."""
    return data[:4] in _TIFF and any(
        _DNG_VERSION in found for found, _ in tiff_directories(data, _TAGS)
    )


def as_tiff(data: bytes) -> bytes | None:
    """Return a raw file in the form that TIFF's readers accept, None if it is not based on TIFF."""
    if data[:4] in _TIFF:
        return data
    if data.startswith((b"IIRO", b"IIRS", b"IIU\0")):
        return b"II*\0" + data[4:]
    return b"MM\0*" + data[4:] if data.startswith(b"MMOR") else None


def tiff_directories(data: bytes, tags: Collection[int]) -> Iterator[tuple[Directory, bool | None]]:
    """Yield the directories of a TIFF or BigTIFF file with these tags, nested ones included.

    Second: whether the directory and all the data of its entries lie within the file, None for one
    that begins beyond it. Entries whose data lie beyond it have no numbers.
    """
    order, is_big = "<" if data[:2] == b"II" else ">", 43 in data[2:4]
    number, size = (order + "Q", 8) if is_big else (order + "I", 4)
    count = number if is_big else order + "H"
    waiting, seen = list[int](), set[int]()
    try:
        waiting += struct.unpack_from(number, data, size)
    except struct.error:
        yield {}, None
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start = waiting.pop(0)
        if start == 0 or start in seen:
            continue
        seen.add(start)
        found, is_whole, following = Directory(), None, 0
        try:
            (num_entries,) = struct.unpack_from(count, data, start)
            is_whole, offset = True, start + struct.calcsize(count)
            for _ in range(min(num_entries, _MOST_ENTRIES)):
                tag, kind, length = struct.unpack_from(order + "HH" + number[1], data, offset)
                begin, num_bytes = offset + 4 + size, length * _SIZES.get(kind, 0)
                offset = begin + size
                if num_bytes > size:
                    (begin,) = struct.unpack_from(number, data, begin)
                is_inside = begin + num_bytes <= len(data)
                is_whole = is_whole and is_inside
                if tag in tags or tag == _FOLDERS:
                    form = f"{order}{length}{_LETTERS[kind]}" if kind in _LETTERS else ""
                    found[tag] = struct.unpack_from(form, data, begin) if is_inside else ()
            (following,) = struct.unpack_from(number, data, offset)
        except (struct.error, OverflowError):
            is_whole = is_whole and False
        waiting += [*found.get(_FOLDERS, ()), following]
        yield found, is_whole
