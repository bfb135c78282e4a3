"""TIFF as Pillow reads it, and with samples for which it has no mode: floats, signed, 12, 32 bits.

libtiff unpacks what is packed: Pillow is shown such a file as greys of eight bits, with a line of
bytes for each line of samples, and NumPy takes it from there. (tifffile reads the same files, but
those packed by LZW or with the predictor of floats, as darktable and Photoshop write them, only
with the package imagecodecs.)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple

from PIL import ExifTags, Image, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Lines = npt.NDArray[np.generic]
    """Some lines of a picture, (H, W, S)."""

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_STRIPS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_COPIED = (_COMPRESSION, _FILL_ORDER, _LENGTH, _ROWS_PER_STRIP, _TILE_LENGTH)

_COLOURS = {0: "L", 1: "L", 2: "RGB", 5: "CMYK"}
"""Pillow's mode for TIFF's photometric interpretations: greys of two kinds, RGB, inks."""
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED, _FLOAT, _UNSTATED = 1, 2, 3, 4
_JPEGS = frozenset((6, 7, 33003, 33005, 34712))
_WITH_PREDICTOR = frozenset((5, 8, 32946, 34925, 50000))
"""LZW, both kinds of deflate, LZMA and Zstandard; the others do not look at that tag."""
_BAND_BYTES = 4 << 20
_MOST_SAMPLES = 8
_BYTES_OF_RESULT = 8.0


class _Layout(NamedTuple):
    """How the samples of a file lie: `kind` is 1 for unsigned, 2 for signed, 3 for floats."""

    width: int
    height: int
    photometric: int
    bits: int
    kind: int
    num_samples: int
    is_planar: bool
    alpha: int
    """0 without, 1 where the colours are multiplied with it, 2 where not."""
    predictor: int

    @property
    def num_colours(self) -> int:
        return len(_COLOURS[self.photometric])

    @property
    def mode(self) -> str:
        mode = _COLOURS[self.photometric]
        return mode + "A" if self.alpha and mode != "CMYK" else mode


class TiffImageFile(TiffImagePlugin.TiffImageFile):
    """A TIFF file of either kind; `bytes_per_pixel` is what reading one takes, 0 if Pillow does."""

    bytes_per_pixel = 0.0
    _layout: _Layout | None = None

    def _setup(self) -> None:
        layout = _layout(self.tag_v2)
        if layout is None or _is_plain(layout):
            try:
                super()._setup()
            except SyntaxError:  # an odd number of samples, or such
                if layout is None:
                    raise
            else:
                return
        self._layout = layout
        self._compression = TiffImagePlugin.COMPRESSION_INFO[self.tag_v2.get(_COMPRESSION, 1)]
        self._planar_configuration = 2 if layout.is_planar else 1
        self._tile_size = self._size = layout.width, layout.height
        if self.tag_v2.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
            self._size = layout.height, layout.width
        self._mode, self.tile, self.use_load_libtiff = layout.mode, [], False
        if TiffImagePlugin.ICCPROFILE in self.tag_v2:
            self.info["icc_profile"] = self.tag_v2[TiffImagePlugin.ICCPROFILE]
        depth = layout.num_samples * layout.bits / 8
        self.bytes_per_pixel = (5 if layout.is_planar else 4) * depth + _BYTES_OF_RESULT

    def load(self) -> Any:
        """Decode the samples of either kind; the picture is upright then."""
        if self._layout is None:
            return super().load()
        layout, self._layout = self._layout, None
        assert isinstance(self.fp, BytesIO)
        Image._decompression_bomb_check(self._tile_size)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # those are bytes, not pixels
        try:
            self.im = _decode(self.fp.getvalue(), self.tag_v2, layout).im
        finally:
            Image.MAX_IMAGE_PIXELS = before
        self.load_end()
        return Image.Image.load(self)


def register() -> None:
    """Tell Pillow to read TIFF with this."""
    Image.register_open(TiffImageFile.format, TiffImageFile, TiffImagePlugin._accept)


def _layout(tags: ImageFileDirectory_v2) -> _Layout | None:
    """Return how the samples lie, None for kinds that only Pillow may know of."""
    photometric = tags.get(_PHOTOMETRIC, 0)
    bits, kinds = tags.get(_BITS, (1,)), tags.get(_FORMAT, (_UNSIGNED,))
    if set(kinds) == {_UNSTATED}:
        kinds = (_UNSIGNED,)
    extra, num_samples = tags.get(_EXTRA, ()), tags.get(_SAMPLES, 1)
    width, height = tags.get(_WIDTH), tags.get(_LENGTH)
    if (
        photometric not in _COLOURS
        or tags.get(_COMPRESSION, 1) in _JPEGS
        or len(set(bits)) != 1
        or len(set(kinds)) != 1
        or not len(_COLOURS[photometric]) <= num_samples <= _MOST_SAMPLES
        or not (isinstance(width, int) and isinstance(height, int) and width and height)
        or not _is_known(bits[0], kinds[0])
    ):
        return None
    alpha = extra[0] if extra and extra[0] in (1, 2) else 0
    if not extra and photometric == 2 and num_samples == 4:
        alpha = 2  # as Pillow has it
    is_planar = num_samples > 1 and tags.get(_PLANAR, 1) == 2
    samples = width, height, photometric, bits[0], kinds[0], num_samples
    predictor = tags.get(_PREDICTOR, 1) if tags.get(_COMPRESSION, 1) in _WITH_PREDICTOR else 1
    return _Layout(*samples, is_planar, alpha, predictor)


def _is_known(bits: int, kind: int) -> bool:
    if kind == _FLOAT:
        return bits in (16, 32, 64)
    if kind not in (_UNSIGNED, _SIGNED):
        return False  # complex numbers
    return bits in (8, 16, 32, 64) or (kind == _UNSIGNED and 8 < bits < 16)


def _is_plain(layout: _Layout) -> bool:
    """Tell whether Pillow reads this kind, and reads it right."""
    if layout.bits == 8:
        extra = layout.num_samples - layout.num_colours
        return layout.kind == _UNSIGNED and not (layout.photometric == _WHITE_IS_ZERO and extra)
    if layout.is_planar or layout.photometric == _WHITE_IS_ZERO:
        return False
    if layout.photometric == 1:
        kinds = ((16, _UNSIGNED), (32, _FLOAT))
        return layout.num_samples == 1 and (layout.bits, layout.kind) in kinds
    return (layout.bits, layout.kind) == (16, _UNSIGNED)


def _decode(data: bytes, tags: ImageFileDirectory_v2, layout: _Layout) -> Image.Image:
    """Return the picture in eight bits; read twice by bands, for a float copy of all is large."""
    import numpy as np

    from rclip_like.images.depth import black_and_white, eight_bits

    planes = []
    for file in _as_bytes(data, tags, layout):
        with TiffImagePlugin.TiffImageFile(BytesIO(file)) as plane:
            planes.append(plane.copy())
    colours = layout.num_colours
    largest = float(2 ** (layout.bits - (layout.kind == _SIGNED)) - 1)
    full = 1.0 if layout.kind == _FLOAT else largest
    parts = (lines[..., :colours] for _, lines in _bands(planes, tags, layout))
    black, white = black_and_white(parts, full)
    shown = np.empty((layout.height, layout.width, len(layout.mode)), np.uint8)
    for top, lines in _bands(planes, tags, layout):
        part = shown[top : top + len(lines)]
        part[..., :colours] = eight_bits(lines[..., :colours], black, white)
        if layout.num_colours < len(layout.mode):
            part[..., colours] = eight_bits(lines[..., colours], 0.0, full)
    if layout.photometric == _WHITE_IS_ZERO:
        np.subtract(255, shown[..., :1], out=shown[..., :1])
    if layout.alpha == 1 and layout.mode == "RGBA":
        premultiplied = Image.frombytes("RGBa", shown.shape[1::-1], shown.tobytes())
        return premultiplied.convert("RGBA")
    return Image.fromarray(shown.squeeze(2) if layout.mode == "L" else shown, layout.mode)


def _as_bytes(data: bytes, tags: ImageFileDirectory_v2, layout: _Layout) -> Iterator[bytes]:
    """Yield the file as one, or one for each plane, whose pixels are the bytes of the samples."""
    start, size = (_TILES, _TILE_BYTES) if _TILES in tags else (_STRIPS, _STRIP_BYTES)
    starts = tags[start]
    sizes = tags.get(size) or tuple(len(data) - first for first in starts)
    num_planes = layout.num_samples if layout.is_planar else 1
    bits = layout.bits * layout.num_samples // num_planes
    entries = {tag: _numbers(tags[tag]) for tag in _COPIED if tag in tags}
    entries |= {_WIDTH: [-(-layout.width * bits // 8)], _BITS: [8], _PHOTOMETRIC: [1]}
    if tile := tags.get(_TILE_WIDTH):
        entries[_TILE_WIDTH] = [tile * bits // 8]
        entries[_WIDTH] = [-(-layout.width // tile) * tile * bits // 8]  # floats need whole tiles
    for plane in range(num_planes):
        each = len(starts) // num_planes
        own = slice(plane * each, (plane + 1) * each)
        entries |= {start: list(starts[own]), size: list(sizes[own])}
        yield _with_directory(data, entries)


def _numbers(value: Any) -> list[int]:
    return list(value) if isinstance(value, tuple) else [value]


def _with_directory(data: bytes, entries: dict[int, list[int]]) -> bytes:
    """Return the file with another directory at its end, and that made its first one."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = 43 in data[2:4]
    whole, head, kind = ("Q", "HHQ", 16) if is_big else ("I", "HHI", 4)
    offset_size = struct.calcsize(order + whole)
    start = len(data) + len(data) % 2
    table = struct.pack(order + ("Q" if is_big else "H"), len(entries))
    beyond = start + len(table) + len(entries) * (2 * 2 + 2 * offset_size) + offset_size
    values = b""
    for tag, numbers in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(numbers)}{whole}", *numbers)
        table += struct.pack(order + head, tag, kind, len(numbers))
        if len(numbers) == 1:
            table += packed
        else:
            table += struct.pack(order + whole, beyond + len(values))
            values += packed
    first = data[: 8 if is_big else 4] + struct.pack(order + whole, start)
    table += bytes(offset_size)
    return b"".join((first, data[len(first) :], bytes(len(data) % 2), table, values))


def _bands(
    planes: list[Image.Image], tags: ImageFileDirectory_v2, layout: _Layout
) -> Iterator[tuple[int, Lines]]:
    """Yield lines of the picture, (H, W, S), each band with the number of its first line."""
    import numpy as np

    width = planes[0].width
    step = max(1, _BAND_BYTES // (width * len(planes)))
    samples = layout.num_samples // len(planes)
    for top in range(0, layout.height, step):
        bottom = min(top + step, layout.height)
        parts = [np.asarray(plane.crop((0, top, width, bottom))) for plane in planes]
        lines = [
            _samples(part, tags, layout).reshape(len(part), -1, samples)[:, : layout.width]
            for part in parts
        ]
        yield top, np.concatenate(lines, axis=2) if len(lines) > 1 else lines[0]


def _samples(lines: npt.NDArray[np.uint8], tags: ImageFileDirectory_v2, layout: _Layout) -> Lines:
    """Return the values, (H, W * S), of lines of bytes, (H, B).

    A predictor makes them differences to the pixel before: 2 those of values, 3 those of bytes
    (TIFF 6.0, section 14; Adobe Photoshop TIFF Technical Note 3).
    """
    import numpy as np

    if layout.bits % 8:
        places = 1 << np.arange(layout.bits - 1, -1, -1, dtype=np.uint16)
        count = layout.width * (1 if layout.is_planar else layout.num_samples)
        bits = np.unpackbits(lines, axis=1, count=count * layout.bits)
        return bits.reshape(len(lines), count, layout.bits) @ places
    order = "<" if tags.prefix == b"II" else ">"
    letter = {_UNSIGNED: "u", _SIGNED: "i", _FLOAT: "f"}[layout.kind]
    kind, size = f"{order}{letter}{layout.bits // 8}", layout.bits // 8
    stride = 1 if layout.is_planar else layout.num_samples
    if layout.predictor not in (2, 3):
        return lines.view(kind)
    wide = tags.get(_TILE_WIDTH, layout.width) * stride * size
    parts = [lines[:, left : left + wide] for left in range(0, lines.shape[1], wide)]
    whole = kind.replace("f", "u").replace("i", "u") if layout.predictor == 2 else "u1"
    undone = []
    for part in parts:
        differences = np.ascontiguousarray(part).view(whole).reshape(len(part), -1, stride)
        summed = np.cumsum(differences, axis=1, dtype=differences.dtype.newbyteorder("="))
        if layout.predictor == 2:
            undone.append(summed.astype(whole).reshape(len(part), -1).view(kind))
        else:  # all first bytes of a line, then all second ones
            bytes_first = summed.reshape(len(part), size, -1)
            bytes_last = np.ascontiguousarray(bytes_first.transpose(0, 2, 1))
            undone.append(bytes_last.view(f">{letter}{size}")[..., 0])
    return np.concatenate(undone, axis=1)
