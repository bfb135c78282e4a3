"""TIFF files as programs other than Pillow write them: any depth, kind and order of samples."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import tifffile

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2


def written(samples: npt.NDArray[np.generic], **options: object) -> bytes:
    """Return what tifffile writes of the samples."""
    file = io.BytesIO()
    tifffile.imwrite(file, samples, metadata=None, **options)
    return file.getvalue()


def packed(
    lines: bytes, size: tuple[int, int], bits: int, tags: Mapping[int, int | tuple[int, ...]]
) -> bytes:
    """Return a TIFF of one strip of these bytes, with these tags beside the needed ones."""
    every = {256: size[0], 257: size[1], 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: size[1]}
    every |= {279: len(lines)} | dict(tags)
    start = 8 + len(lines) + len(lines) % 2
    table, beyond = struct.pack("<H", len(every)), b""
    for tag, value in sorted(every.items()):
        numbers = value if isinstance(value, tuple) else (value,)
        longs = struct.pack(f"<{len(numbers)}I", *numbers)
        table += struct.pack("<HHI", tag, 4, len(numbers))
        if len(numbers) == 1:
            table += longs
        else:
            table += struct.pack("<I", start + 2 + 12 * len(every) + 4 + len(beyond))
            beyond += longs
    head = struct.pack("<2sHI", b"II", 42, start)
    return head + lines.ljust(start - 8, b"\0") + table + bytes(4) + beyond


def bits_of(levels: npt.NDArray[np.integer], bits: int) -> bytes:
    """Return a grey picture's lines with so many bits a sample, each line filled to a byte."""
    places = (levels[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(levels), -1).astype(np.uint8), axis=1).tobytes()


def with_float_predictor(samples: npt.NDArray[np.floating], tile: int = 0) -> bytes:
    """Return a deflated TIFF with Adobe's predictor of floats, as darktable and Photoshop write.

    samples: (H, W, 3); tile: the side of its tiles, 0 for one strip.
    """
    height, width, count = samples.shape
    size = samples.dtype.itemsize
    blocks = [samples]
    if tile:
        high, wide = -(-height // tile) * tile, -(-width // tile) * tile
        full = np.zeros((high, wide, count), samples.dtype)
        full[:height, :width] = samples
        blocks = [
            full[top : top + tile, left : left + tile]
            for top in range(0, high, tile)
            for left in range(0, wide, tile)
        ]
    packs = []
    for block in blocks:
        big = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(">")))
        planes = big.view(np.uint8).reshape(len(block), -1, size).transpose(0, 2, 1)
        line = planes.reshape(len(block), -1)
        differences = line.copy()
        differences[:, count:] = line[:, count:] - line[:, :-count]
        packs.append(zlib.compress(differences.tobytes()))
    starts = tuple(8 + sum(map(len, packs[:number])) for number in range(len(packs)))
    places, sizes = (324, 325) if tile else (273, 279)
    tags = {259: 8, 262: 2, 277: 3, 317: 3, 339: 3, 258: (8 * size,) * 3}
    tags |= {places: starts, sizes: tuple(map(len, packs))}
    tags |= {322: tile, 323: tile} if tile else {}
    return packed(b"".join(packs), (width, height), 8 * size, tags)
