"""JPEG files with loose bytes or without an end: what viewers read past, and what is really cut.

ITU-T T.81, annex B.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blake3 import blake3

START, END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_LONE = frozenset((0x01, *range(0xD0, 0xDA)))
"""Markers that stand alone: restarts, start and end."""
_KNOWN = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), *range(0xDA, 0xF0), 0xFE))
_FRAMES = _KNOWN & frozenset(range(0xC0, 0xD0)) - {0xC4, 0xCC}
"""Not tables of codes, and not conditions of arithmetic coding."""
_STUFFED = frozenset((0, 0xFF))
_NUM_COEFFICIENTS = 64

_NUM_TAILS = 16


class Segment(NamedTuple):
    """A marker's second byte, where it begins in the file, and where its content ends."""

    marker: int
    start: int
    end: int


def cleaned(data: bytes) -> bytes | None:
    """Return a JPEG file without the bytes before its scan that belong to no segment.

    None where there is no scan, or nothing to take away.
    """
    parts, place = [START], len(START)
    for segment in segments(data):
        parts.append(data[segment.start : segment.end])
        place = segment.end
        if segment.marker == _SCAN:
            break
    else:
        return None
    parts.append(data[place:])
    whole = b"".join(parts)
    return whole if len(whole) < len(data) else None


def lacks_its_end(data: bytes) -> bool:
    """Tell whether no end marker follows the first scan."""
    if data.endswith(END):
        return False
    scan = next((each for each in segments(data) if each.marker == _SCAN), None)
    return scan is not None and data.find(END, scan.end) < 0


def tails() -> Iterator[bytes]:
    """Yield ends to put to a file that has none.

    If some of it is missing, the decoder takes it from there, and shows each time something else;
    two or three of them may look alike.
    """
    yield END
    for seed in range(_NUM_TAILS):
        bits = blake3(bytes((seed,))).digest(length=256).replace(b"\xff", b"\xfe")
        if seed % 2:  # restarts between
            # Of two beginnings one at least is not taken for a later restart, with grey up to it.
            first = 4 * (seed // 2 % 2)
            marks = (b"\xff" + bytes((0xD0 + (first + each) % 8,)) for each in range(16))
            bits = b"".join(mark + bits[16 * each :][:16] for each, mark in enumerate(marks))
        yield bits + END


def without_filling(data: bytes) -> bytes:
    """Return the file without the zeros, or half a marker, at its end.

    A file system fills a file that was not written to its end; a scan hardly ends in many zeros.
    """
    bare = data.rstrip(b"\0")
    if len(data) - len(bare) < 4:
        bare = data
    while bare.endswith(b"\xff"):
        bare = bare[:-1]
    return bare


def has_all_scans(data: bytes) -> bool:
    """Tell whether every coefficient of every colour is in one of the scans that begin."""
    left: dict[int, set[int]] = {}
    try:
        for segment in segments(data):
            content = data[segment.start + 4 : segment.end]
            if segment.marker == _SCAN:
                count = content[0]
                first, last, depth = content[1 + 2 * count : 4 + 2 * count]
                if depth & 0x0F == 0:  # else the last bits of it follow in another scan
                    for colour in content[1 : 1 + 2 * count : 2]:
                        left[colour] -= set(range(first, last + 1))
            elif segment.marker in _FRAMES:
                colours = content[6 : 6 + 3 * content[5] : 3]
                left = {colour: set(range(_NUM_COEFFICIENTS)) for colour in colours}
    except (IndexError, KeyError, ValueError):  # shorter than it says, or of no colour there
        return False
    return bool(left) and not any(left.values())


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments, all scans' too, passing over what belongs to none of them."""
    place = len(START)
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 4 > len(data):
            return
        marker = data[place + 1]
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if marker in _KNOWN and place + 4 <= end <= len(data):
            yield Segment(marker, place, end)
            place = end
        elif marker not in _STUFFED | _LONE | _KNOWN and data[end : end + 1] == b"\xff":
            place = end  # one that no decoder knows
        else:
            place += 1 if marker == 0xFF else 2
