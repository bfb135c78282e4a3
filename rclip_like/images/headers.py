"""The first bytes of a picture: its format and size, without decoding and in this process.

Only Python reads them here; whatever needs a decoder's code to tell is left to the worker processes
that decode.
"""

from __future__ import annotations

import os
import stat
import struct

from PIL import Image

from rclip_like.errors import Reason, Remedy
from rclip_like.files import open_at_once
from rclip_like.images.decoding import Unreadable
from rclip_like.images.formats import possible_formats
from rclip_like.images.limits import most_bytes, most_pixels
from rclip_like.images.png import SIGNATURE as PNG
from rclip_like.settings import ReadSettings

HEADER_BYTES = 1 << 16
"""Most pictures state their size in their first 64 KiB; a JPEG's EXIF data may fill as much."""
UNKNOWN_SIZE = (0, 0)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LONE_MARKERS = frozenset((0x01, *range(0xD0, 0xD8)))
_SCAN = 0xDA
_PREFIX = 16
"""Pillow shows a format this many bytes and asks whether it reads them."""


def read_start(path: str, limits: ReadSettings) -> tuple[bytes, os.stat_result]:
    """Return the first HEADER_BYTES of a picture file, and the facts of the file.

    limits: as `within_memory` returns them. Raises Unreadable, without waiting for pipes, for what
    is not a regular file, cannot be read or is too large.
    """
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise Unreadable(Reason.NOT_A_FILE, "not a regular file")
            start = file.read(HEADER_BYTES)
    except OSError as error:
        raise Unreadable(Reason.UNREADABLE, error.strerror or type(error).__name__) from error
    largest = most_bytes(limits)
    if facts.st_size > largest:
        raise Unreadable(Reason.FILE_TOO_LARGE, f"larger than {largest / (1 << 30):.1f} GiB")
    return start, facts


def check_start(start: bytes, name: str, limits: ReadSettings) -> tuple[int, int]:
    """Return width and height as the first HEADER_BYTES of a picture state them, or UNKNOWN_SIZE.

    name: only its ending counts; limits: as `within_memory` returns them. Raises Unreadable for an
    empty file, for bytes that begin like no format, and for too many pixels. A picture that passes
    may still be damaged further on.
    """
    if not start:
        raise Unreadable(Reason.EMPTY, "empty file")
    size = stated_size(start)
    if size is None:
        if not _begins_like_a_picture(start, name):
            raise Unreadable(Reason.UNKNOWN_FORMAT, "not a picture in a known format")
        return UNKNOWN_SIZE
    largest = most_pixels(limits)
    if size[0] * size[1] > largest:
        reason = f"has more than {largest / 1e6:.4g} megapixels"
        raise Unreadable(Reason.TOO_LARGE, reason, Remedy.RAISE_PIXELS)
    return size


def stated_size(start: bytes) -> tuple[int, int] | None:
    """Return the width and height that a JPEG, PNG, GIF, WebP or BMP states; None for others."""
    try:
        if start.startswith(b"\xff\xd8\xff"):
            return _jpeg_size(start)
        if start.startswith(PNG) and start[12:16] == b"IHDR":
            return struct.unpack_from(">II", start, 16)
        if start.startswith((b"GIF87a", b"GIF89a")):
            return struct.unpack_from("<HH", start, 6)
        if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
            return _webp_size(start)
        if start.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", start, 18)
            is_old = struct.unpack_from("<I", start, 14)[0] == 12
            return None if is_old or width <= 0 else (width, abs(height))
    except struct.error:  # cut short
        return None
    return None


def _jpeg_size(start: bytes) -> tuple[int, int] | None:
    offset = 2
    while offset + 2 <= len(start):
        if start[offset] != 0xFF:
            return None
        marker = start[offset + 1]
        if marker == 0xFF or marker in _LONE_MARKERS:  # 0xFF is padding
            offset += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", start, offset + 5)
            return (width, height) if width and height else None
        if marker == _SCAN:
            return None
        offset += 2 + max(2, struct.unpack_from(">H", start, offset + 2)[0])
    return None


def _webp_size(start: bytes) -> tuple[int, int] | None:
    kind = start[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(start[at : at + 3], "little") for at in (24, 27))
        return width + 1, height + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", start, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", start, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _begins_like_a_picture(start: bytes, name: str) -> bool:
    """Tell whether any format may read the bytes; yes, if a package for it is missing."""
    ending = os.fsencode(os.path.splitext(name)[1].lower())
    try:
        formats = possible_formats(start, ending)
    except ImportError:
        return True
    for each in formats:
        _, accepts = Image.OPEN[each]
        try:
            if accepts is None or accepts(start[:_PREFIX]):
                return True
        except (struct.error, IndexError):  # too short to tell
            return True
    return False
