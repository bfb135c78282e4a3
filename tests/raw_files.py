"""Raw files written by hand: a DNG with an uncompressed mosaic, with or without a preview."""

from __future__ import annotations

import io
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image

Entry = tuple[int, int, int, bytes]
_D65 = (3.2405, -1.5371, -0.4985, -0.9693, 1.8760, 0.0416, 0.0556, -0.2040, 1.0572)
"""From XYZ to linear sRGB (IEC 61966-2-1), as if the camera's filters were sRGB's."""


def dng(
    picture: Image.Image,
    *,
    orientation: int = 1,
    preview: bytes | None = None,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Return a DNG of the picture, which is to lie as the sensor saw it.

    preview: a JPEG that comes first in the file, as in those of cameras, the mosaic then second.
    size: width and height that the file claims, where others than its own.
    """
    mosaic = _mosaic(np.asarray(picture.convert("RGB"))).tobytes()
    sensor = _sensor(size or picture.size, len(mosaic))
    camera = _camera(orientation)
    if preview is None:
        start = 8 + len(mosaic)
        return _file(start, mosaic + _directory([*camera, *sensor], start))
    start = 8 + len(mosaic)
    body = mosaic + _directory(sensor, start)
    shown = Image.open(io.BytesIO(preview)).size
    thumbnail = _thumbnail(shown, 8 + len(body), len(preview), start)
    body += preview + b"\0" * (len(body + preview) % 2)
    return _file(8 + len(body), body + _directory([*camera, *thumbnail], 8 + len(body)))


def jpeg(picture: Image.Image, **options: object) -> bytes:
    """Return the picture as the bytes of a JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def _mosaic(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    """Return what a sensor behind red, green, green and blue filters sees, 16 bits, linear."""
    linear = ((np.arange(256) / 255) ** 2.2 * 65535).astype("<u2")[pixels]
    mosaic = linear[..., 1].copy()
    mosaic[::2, ::2] = linear[::2, ::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    return mosaic


def _camera(orientation: int) -> list[Entry]:
    matrix = b"".join(struct.pack("<ii", round(value * 10_000), 10_000) for value in _D65)
    return [
        (271, 2, 5, b"Acme\0"),
        (272, 2, 9, b"Acme One\0"),
        _short(274, orientation),
        (306, 2, 20, b"2019:07:14 18:05:09\0"),
        (50706, 1, 4, b"\1\4\0\0"),  # the version of DNG
        (50708, 2, 9, b"Acme One\0"),
        (50721, 10, 9, matrix),
        (50728, 5, 3, struct.pack("<6I", *(1,) * 6)),  # as shot, white is white
        _short(50778, 21),
    ]


def _sensor(size: tuple[int, int], num_bytes: int) -> list[Entry]:
    width, height = size
    return [
        *(_long(254, 0), _long(256, width), _long(257, height), _short(258, 16), _short(259, 1)),
        *(_short(262, 32803), _long(273, 8), _short(277, 1), _long(278, height)),
        *(_long(279, num_bytes), _short(33421, 2, 2), (33422, 1, 4, b"\0\1\1\2")),
        _long(50717, 65535),
    ]


def _thumbnail(size: tuple[int, int], start: int, num_bytes: int, sensor: int) -> list[Entry]:
    width, height = size
    return [
        *(_long(254, 1), _long(256, width), _long(257, height), _short(258, 8, 8, 8)),
        *(_short(259, 7), _short(262, 6), _long(273, start), _short(277, 3)),
        *(_long(278, height), _long(279, num_bytes), _long(330, sensor)),
    ]


def _short(tag: int, *values: int) -> Entry:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def _long(tag: int, value: int) -> Entry:
    return tag, 4, 1, struct.pack("<I", value)


def _directory(entries: list[Entry], start: int) -> bytes:
    """Return a directory that lies at `start`, and behind it the values too long for it."""
    table, values = struct.pack("<H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        held = value.ljust(4, b"\0")
        if len(value) > 4:
            held = struct.pack("<I", behind + len(values))
            values += value + b"\0" * (len(value) % 2)
        table += struct.pack("<HHI", tag, kind, count) + held
    return table + bytes(4) + values


def _file(directory: int, body: bytes) -> bytes:
    return struct.pack("<2sHI", b"II", 42, directory) + body
