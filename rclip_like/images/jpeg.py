"""JPEG files with stray bytes or without an end marker: what viewers tolerate, and what is cut off.

ITU-T T.81, annex B.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blake3 import blake3

START, END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_LONE = frozenset((0x01, *range(0xD0, 0xDA)))
"""Markers without content: restarts, start and end."""
_KNOWN = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), *range(0xDA, 0xF0), 0xFE))
_FRAMES = _KNOWN & frozenset(range(0xC0, 0xD0)) - {0xC4, 0xCC}
"""Without Huffman tables and conditions of arithmetic coding."""
_STUFFED = frozenset((0, 0xFF))
_NUM_COEFFICIENTS = 64

_NUM_TAILS = 16


class Segment(NamedTuple):
    """A marker's second byte, its offset in the file, and the offset where its content ends."""

    marker: int
    start: int
    end: int


def cleaned(data: bytes) -> bytes | None:
    """Return a JPEG file without the stray bytes before its scan.

    None where there is no scan, or nothing to remove.
    """
    parts, offset = [START], len(START)
    for segment in segments(data):
        parts.append(data[segment.start : segment.end])
        offset = segment.end
        if segment.marker == _SCAN:
            break
    else:
        return None
    parts.append(data[offset:])
    whole = b"".join(parts)
    return whole if len(whole) < len(data) else None


def lacks_its_end(data: bytes) -> bool:
    """Tell whether no end marker follows the first scan."""
    if data.endswith(END):
        return False
    scan = next((each for each in segments(data) if each.marker == _SCAN), None)
    return scan is not None and data.find(END, scan.end) < 0


def tails() -> Iterator[bytes]:
    """Yield endings to append to a file that has none.

    If scan data are missing, the decoder takes them from the ending, so that each ending gives
    other pixels; two or three may give the same.
    """
    yield END
    for seed in range(_NUM_TAILS):
        bits = blake3(bytes((seed,))).digest(length=256).replace(b"\xff", b"\xfe")
        if seed % 2:  # restart markers in between
            # One of two first markers at least does not look like a later restart, up to which a
            # decoder would fill in grey.
            first = 4 * (seed // 2 % 2)
            marks = (b"\xff" + bytes((0xD0 + (first + each) % 8,)) for each in range(16))
            bits = b"".join(mark + bits[16 * each :][:16] for each, mark in enumerate(marks))
        yield bits + END


def without_filling(data: bytes) -> bytes:
    """Return the file without the zeros, or half a marker, at its end.

    A file system fills a file that was not written to its end; scans hardly end in many zeros.
    """
    bare = data.rstrip(b"\0")
    if len(data) - len(bare) < 4:
        bare = data
    while bare.endswith(b"\xff"):
        bare = bare[:-1]
    return bare


def has_all_scans(data: bytes) -> bool:
    """Tell whether the scans that begin cover every coefficient of every colour."""
    left: dict[int, set[int]] = {}
    try:
        for segment in segments(data):
            content = data[segment.start + 4 : segment.end]
            if segment.marker == _SCAN:
                count = content[0]
                first, last, depth = content[1 + 2 * count : 4 + 2 * count]
                if depth & 0x0F == 0:  # otherwise a later scan refines it
                    for colour in content[1 : 1 + 2 * count : 2]:
                        left[colour] -= set(range(first, last + 1))
            elif segment.marker in _FRAMES:
                colours = content[6 : 6 + 3 * content[5] : 3]
                left = {colour: set(range(_NUM_COEFFICIENTS)) for colour in colours}
    except (IndexError, KeyError, ValueError):  # shorter than stated, or an unknown colour
        return False
    return bool(left) and not any(left.values())


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments, those of every scan included; what belongs to none is skipped."""
    offset = len(START)
    while True:
        offset = data.find(b"\xff", offset)
        if offset < 0 or offset + 4 > len(data):
            return
        marker = data[offset + 1]
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        if marker in _KNOWN and offset + 4 <= end <= len(data):
            yield Segment(marker, offset, end)
            offset = end
        elif marker not in _STUFFED | _LONE | _KNOWN and data[end : end + 1] == b"\xff":
            offset = end  # a marker that decoders ignore
        else:
            offset += 1 if marker == 0xFF else 2
