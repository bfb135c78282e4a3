"""Whether a file ends too early, by what its own format says of its length.

Asked only when a decoder has failed: decoders call a cut file by many names, or do not tell it
from a broken one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

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
    for signature, offset, is_cut in _BY_SIGNATURE:
        if data.startswith(signature, offset):
            if is_cut not in _MAY_END_IN_ZEROS and data.endswith(bytes(4)):
                data = data.rstrip(b"\0")
            return is_cut(data)
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


def _jpeg(data: bytes) -> bool:
    scan = next((each for each in jpeg.segments(data) if each.marker == 0xDA), None)
    return scan is None or data.find(jpeg.END, scan.end) < 0


def _png(data: bytes) -> bool:
    return not any(chunk.kind == b"IEND" and chunk.end <= len(data) for chunk in png.chunks(data))


def _riff(data: bytes) -> bool:
    if not b"WEBP".startswith(data[8:12]):
        return False  # sounds and films
    return len(data) < 8 + int.from_bytes(data[4:8], "little") or len(data) < 30


def _media(data: bytes) -> bool:
    """Check HEIC, AVIF, and JPEG 2000 in boxes; films are not pictures."""
    if data[4:8] == b"ftyp" and not any(each.startswith(data[8:12]) for each in _MEDIA_BRANDS):
        return False
    top = list(boxes(data, 0, len(data)))
    kinds = {box.kind for box in top}
    if not top or any(box.end > len(data) for box in top):
        return True
    if b"jp2c" in kinds:
        return _codestream(data)
    has_pixels = b"mdat" in kinds or b"idat" in data
    if data[4:8] == b"jP  " or not has_pixels or not kinds & {b"meta", b"moov"}:
        return True
    return end_of_items(data) > len(data)


def _codestream(data: bytes) -> bool:
    return not data.endswith(jpeg.END)  # JPEG 2000's is the same


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


def _bitmap(data: bytes) -> bool:
    if not data.startswith(b"BM"):
        return len(data) < 40  # without the header of the file
    if len(data) >= 18 and int.from_bytes(data[14:18], "little") not in _BMP_HEADS:
        return False  # some text that begins with BM
    return len(data) < 26 or len(data) < int.from_bytes(data[2:6], "little")


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


_MAY_END_IN_ZEROS = frozenset((_tiff, _bitmap, _icon, _netpbm))
_BY_SIGNATURE: tuple[tuple[bytes | tuple[bytes, ...], int, Callable[[bytes], bool]], ...] = (
    (jpeg.START, 0, _jpeg),
    (png.SIGNATURE, 0, _png),
    (b"GIF8", 0, _gif),
    (b"RIFF", 0, _riff),
    (b"ftyp", 4, _media),
    (b"\0\0\0\x0cjP  ", 0, _media),
    (b"\xff\x4f\xff\x51", 0, _codestream),
    ((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), 0, _tiff),
    ((b"BM", b"\x28\0\0\0"), 0, _bitmap),
    (b"\0\0\1\0", 0, _icon),
    (tuple(b"P%c" % kind for kind in b"123456Ff"), 0, _netpbm),
)
