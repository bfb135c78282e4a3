"""Recognising a camera's raw files, which hold what its sensor saw, by content."""

from __future__ import annotations

import struct
from collections.abc import Iterator

RAW_ENDINGS = ("arw", "cr2", "cr3", "dng", "nef", "orf", "raf", "rw2")

_SIGNATURES = (b"FUJIFILMCCD-RAW", b"IIRO\x08", b"IIRS\x08", b"MMOR\0", b"IIU\0")
"""Of RAF, ORF (three kinds) and RW2."""

_TIFF = {b"II*\0": "<", b"MM\0*": ">"}
_KIND, _COLOURS, _FOLDERS, _DNG_VERSION = 254, 262, 330, 50706
_SENSOR_COLOURS = frozenset((32803, 34892))
"""TIFF's photometric interpretations: a mosaic of colour filters, and interpolated samples."""

# A camera writes under ten directories of under a hundred entries; a loop of them ends here.
_MOST_DIRECTORIES, _MOST_ENTRIES = 32, 512

_Directory = dict[int, list[int]]


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
    directories = list(_directories(data))
    if any(_is_of_a_sensor(each) for each in directories):
        return True
    return ending[1:].decode("ascii", "replace") in RAW_ENDINGS and not _is_plain(directories)


def is_dng(data: bytes) -> bool:
    """Tell whether the bytes are a digital negative, which keeps to TIFF's rules."""
    return data[:4] in _TIFF and any(_DNG_VERSION in each for each in _directories(data))


def as_tiff(data: bytes) -> bytes | None:
    """Return a raw file in the form that TIFF's readers accept, None if it is not based on TIFF."""
    if data[:4] in _TIFF:
        return data
    if data.startswith((b"IIRO", b"IIRS", b"IIU\0")):
        return b"II*\0" + data[4:]
    return b"MM\0*" + data[4:] if data.startswith(b"MMOR") else None


def _is_of_a_sensor(directory: _Directory) -> bool:
    return _DNG_VERSION in directory or not _SENSOR_COLOURS.isdisjoint(directory.get(_COLOURS, ()))


def _is_plain(directories: list[_Directory]) -> bool:
    """Tell whether the first picture is not marked as a thumbnail and no directory is nested."""
    return (
        bool(directories)
        and not any(directories[0].get(_KIND, ()))
        and not any(_FOLDERS in each for each in directories)
    )


def _directories(data: bytes) -> Iterator[_Directory]:
    """Yield a TIFF file's directories, nested ones included, as whole numbers by tag."""
    order = _TIFF[data[:4]]
    waiting, seen = list(struct.unpack_from(order + "I", data.ljust(8, b"\0"), 4)), set[int]()
    while waiting and len(seen) < _MOST_DIRECTORIES:
        start = waiting.pop(0)
        if start in seen or not 8 <= start < len(data) - 2:
            continue
        seen.add(start)
        directory, following = _read_directory(data, start, order)
        waiting += [*directory.get(_FOLDERS, ()), following]
        yield directory


def _read_directory(data: bytes, start: int, order: str) -> tuple[_Directory, int]:
    """Return one directory and the next one's offset; what is beyond the file's end is left out."""
    (count,) = struct.unpack_from(order + "H", data, start)
    directory: _Directory = {}
    for offset in range(start + 2, start + 2 + 12 * min(count, _MOST_ENTRIES), 12):
        if offset + 12 > len(data):
            return directory, 0
        tag, kind, number = struct.unpack_from(order + "HHI", data, offset)
        if tag in (_KIND, _COLOURS, _FOLDERS, _DNG_VERSION):
            directory[tag] = _numbers(data, offset + 8, order, kind, number)
    end = start + 2 + 12 * count
    return directory, struct.unpack_from(order + "I", data[end : end + 4].ljust(4, b"\0"))[0]


def _numbers(data: bytes, offset: int, order: str, kind: int, number: int) -> list[int]:
    code, size = {3: ("H", 2), 4: ("I", 4), 13: ("I", 4)}.get(kind, ("B", 1))
    number = min(number, _MOST_DIRECTORIES)
    if number * size > 4:
        (offset,) = struct.unpack_from(order + "I", data, offset)
    number = min(number, max(0, len(data) - offset) // size)
    return list(struct.unpack_from(f"{order}{number}{code}", data, offset)) if number else []
