"""Whether a file ends too early, by what its own format says of its length.

Asked only when a decoder has failed: decoders call a cut file by many names, or do not tell it
from a broken one.
"""

from __future__ import annotations

import re
import struct

from rclip_like.images import jpeg, png
from rclip_like.images.boxes import boxes, end_of_items
from rclip_like.images.sensors import tiff_directories

_MEDIA_BRANDS = frozenset(
    (b"avif", b"avis", b"crx ", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs")
    + (b"hevx", b"mif1", b"msf1")
)
_MOST_ZEROS = 64
_WEBP_PIXELS = frozenset((b"VP8 ", b"VP8L", b"ANMF"))
_BMP_HEADS = frozenset((12, 40, 52, 56, 64, 108, 124))
_GIF_HEAD, _GIF_PICTURE = 13, 10
_TIFF_DATA = {273: 279, 324: 325}
"""The tags for the offsets of strips and tiles, and those for their lengths in bytes."""


def ends_early(data: bytes, ending: bytes) -> bool:
    """Tell whether data are missing at the end of a file, or are zeros instead.

    ending: the file name's, by which alone a TGA is recognised.
    """
    # What is packed rarely ends in zeros.
    packed = data.rstrip(b"\0") if data.endswith(bytes(4)) else data
    if packed.startswith(jpeg.START):
        scan = next((each for each in jpeg.segments(packed) if each.marker == 0xDA), None)
        return scan is None or packed.find(jpeg.END, scan.end) < 0
    if packed.startswith(png.SIGNATURE):
        size = len(packed)
        return not any(each.kind == b"IEND" and each.end <= size for each in png.chunks(packed))
    if packed.startswith(b"GIF8"):
        return _gif(packed)
    if packed.startswith(b"RIFF"):
        is_webp = b"WEBP".startswith(packed[8:12])  # not a sound or a film
        return is_webp and len(packed) < max(30, 8 + int.from_bytes(packed[4:8], "little"))
    if packed.startswith(b"ftyp", 4) or packed.startswith(b"\0\0\0\x0cjP  "):
        return _media(packed)
    if packed.startswith(b"\xff\x4f\xff\x51"):
        return not packed.endswith(jpeg.END)  # JPEG 2000's is the same
    return _plain(data, ending)


def _plain(data: bytes, ending: bytes) -> bool:
    """Check formats whose pixels often lie there as they are, so that zeros may be the last."""
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(data)
    if data.startswith(b"BM"):
        is_text = len(data) >= 18 and int.from_bytes(data[14:18], "little") not in _BMP_HEADS
        return not is_text and len(data) < max(26, int.from_bytes(data[2:6], "little"))
    if data.startswith(b"\x28\0\0\0"):  # a bitmap without the header of the file
        return len(data) < 40
    if data.startswith(b"\0\0\1\0"):
        return _icon(data)
    if re.match(rb"P[1-6Ff]", data):
        return _netpbm(data)
    return ending == b".tga" and len(data) < 18


def ends_in_zeros(data: bytes) -> bool:
    """Tell whether the coded pixels of a HEIC, AVIF or WebP file end in zeros.

    A file system fills a file that was not written to its end. No encoder ends in so many zeros,
    and the decoders show something for them without an error.
    """
    if not data.endswith(bytes(_MOST_ZEROS)):
        return False
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        offset, kind = 12, b""
        while offset + 8 <= len(data):
            kind = data[offset : offset + 4]
            offset += 8 + int.from_bytes(data[offset + 4 : offset + 8], "little")
        return kind in _WEBP_PIXELS
    last = [box.kind for box in boxes(data, 0, len(data))][-1:]
    return data[4:8] == b"ftyp" and last == [b"mdat"]


def _media(data: bytes) -> bool:
    """Check HEIC, AVIF, and JPEG 2000 in boxes; films are not pictures."""
    if data[4:8] == b"ftyp" and not any(each.startswith(data[8:12]) for each in _MEDIA_BRANDS):
        return False
    top = list(boxes(data, 0, len(data)))
    kinds = {box.kind for box in top}
    if not top or any(box.end > len(data) for box in top):
        return True
    if b"jp2c" in kinds:
        return not data.endswith(jpeg.END)
    has_pixels = b"mdat" in kinds or b"idat" in data
    if data[4:8] == b"jP  " or not has_pixels or not kinds & {b"meta", b"moov"}:
        return True
    return end_of_items(data) > len(data)


def _gif(data: bytes) -> bool:
    """Walk the blocks to the trailer."""

    def colours(flags: int) -> int:
        return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0

    if len(data) < _GIF_HEAD:
        return True
    offset = _GIF_HEAD + colours(data[10])
    while offset < len(data):
        kind = data[offset]
        if kind == 0x3B:
            return False
        if kind == 0x2C:
            flags = data[offset + 9] if offset + 9 < len(data) else 0
            offset += _GIF_PICTURE + colours(flags) + 1
        elif kind == 0x21:
            offset += 2
        else:
            return False  # broken
        while offset < len(data) and data[offset]:
            offset += 1 + data[offset]
        offset += 1
    return True


def _tiff(data: bytes) -> bool:
    """Check whether a directory, nested ones included, or data it names lie beyond the end."""
    return any(
        not is_whole
        or any(
            begin + length > len(data)
            for begins, lengths in _TIFF_DATA.items()
            for begin, length in zip(found.get(begins, ()), found.get(lengths, ()), strict=False)
        )
        for found, is_whole in tiff_directories(data, {*_TIFF_DATA, *_TIFF_DATA.values()})
    )


def _icon(data: bytes) -> bool:
    entries = range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16)
    return any(
        len(data) < offset + 16 or len(data) < sum(struct.unpack_from("<II", data, offset + 8))
        for offset in entries
    )


def _netpbm(data: bytes) -> bool:
    """Compare the size with what the header promises; a number in text takes at least two bytes."""
    kind = data[1:2]
    has_depth = kind not in b"14"
    words = re.sub(rb"#[^\n]*", b"", data[2:1024]).split(None, 3)[: 2 + has_depth]
    if len(words) < 2 + has_depth:
        return True
    try:
        width, height, depth = (*map(int, words[:2]), int(float(words[2])) if has_depth else 1)
    except ValueError:
        return len(words) == 3 and words[2] in (b"-", b"+")
    if kind == b"4":
        return len(data) < -(-width // 8) * height
    samples = width * height * (3 if kind in b"36F" else 1)
    size = 4 if kind in b"Ff" else 1 if kind == b"1" else 2 if kind in b"23" or depth > 255 else 1
    return len(data) < samples * size
