"""Raw files of cameras by LibRaw, as a format of Pillow: the preview within, or the sensor's data.

LibRaw reads from memory and starts no program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import Any

import rawpy
from PIL import ExifTags, Image, ImageFile

from rclip_like.images.ends import ends_early
from rclip_like.images.sensors import as_tiff, is_dng

_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""EXIF's name for each way in which LibRaw would flip a picture."""

_BACK = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a preview that is upright already is laid on its side again."""

# Cameras crop a preview by some pixels; one of another shape has bars, or shows less.
_SHAPE_TOLERANCE = 0.05

_TOO_LARGE = (
    rawpy.LibRawUnsufficientMemoryError,
    rawpy.LibRawTooBigError,
    rawpy.LibRawMemPoolOverflowError,
)


class RawImageFile(ImageFile.ImageFile):
    """A raw file as Pillow has pictures: identified when opened, decoded by `load`.

    `size` is that of the developed picture, before it is turned upright. `draft` says how many
    pixels are enough: a preview that has them is used, else the data are developed, at half the
    size where that is enough.
    """

    format = "RAW"
    format_description = "camera raw"

    def _open(self) -> None:
        self._data = self.fp.read() if self.fp else b""
        self._raw = rawpy.RawPy()
        with _as_pillow_errors():
            self._raw.open_buffer(BytesIO(self._data))
            sizes = self._raw.sizes
        largest = Image.MAX_IMAGE_PIXELS
        if largest is not None and sizes.raw_width * sizes.raw_height > largest:
            raise Image.DecompressionBombError  # the rims of a sensor count: they are decoded
        self._mode = "RGB"
        aspect = sizes.pixel_aspect or 1.0  # some sensors' pixels are oblong
        self._size = round(sizes.width * max(aspect, 1.0)), round(sizes.height / min(aspect, 1.0))
        self._orientation = _ORIENTATIONS.get(sizes.flip, 1)
        self._enough = min(self._size)
        self._preview_exif = Image.Exif()
        self._waits = True

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Note that a picture whose short side has as many pixels as `size` is enough."""
        if size is not None:
            self._enough = min(size)

    def load(self) -> Any:
        """Decode the preview or develop the data; the picture is then as large as that is."""
        if self._waits:
            picture = self._preview() or self._developed()
            self._raw.close()
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self.info.update(picture.info)
            self._waits = False
        return Image.Image.load(self)

    def getexif(self) -> Image.Exif:
        """Return the file's own EXIF block, else its preview's, with the file's orientation."""
        exif = self._preview_exif
        tiff = as_tiff(self._data)
        if tiff is not None:
            own = Image.Exif()
            with suppress(Exception):  # its parser may raise anything; the picture is still good
                own.load(tiff)
                own.get(ExifTags.Base.Orientation)
                exif = own
        exif[ExifTags.Base.Orientation] = self._orientation
        return exif

    def _preview(self) -> Image.Image | None:
        """Return the preview if it shows all of the picture and is large enough, else None."""
        try:
            thumbnail = self._raw.extract_thumb()
            if isinstance(thumbnail.data, bytes):
                preview: Image.Image = Image.open(BytesIO(thumbnail.data), formats=("JPEG",))
            else:  # an uncompressed one
                preview = Image.fromarray(thumbnail.data)
        except (rawpy.LibRawError, OSError, SyntaxError, ValueError):
            return None  # the data may be whole
        width, height = self.size
        is_upright = self._orientation in _BACK and (
            (preview.width > preview.height) != (width > height)
        )
        across, down = preview.size[::-1] if is_upright else preview.size
        is_whole = abs(across * height / (down * width) - 1) <= _SHAPE_TOLERANCE
        if not is_whole or min(across, down) < self._enough:
            return None
        try:
            preview.draft(None, (self._enough, self._enough))
            preview.load()
        except OSError:
            return None
        self._preview_exif = preview.getexif()
        return preview.transpose(_BACK[self._orientation]) if is_upright else preview

    def _developed(self) -> Image.Image:
        # LibRaw develops the rest of a sensor that is missing as black or as noise.
        is_whole = ImageFile.LOAD_TRUNCATED_IMAGES or not is_dng(self._data)
        if not is_whole and ends_early(self._data, b""):
            raise OSError("raw data are truncated")
        with _as_pillow_errors():
            pixels = self._raw.postprocess(
                half_size=min(self.size) >= 2 * self._enough,
                use_camera_wb=True,
                user_flip=0,
                gamma=(2.4, 12.92),  # sRGB's
            )
        return Image.fromarray(pixels)


@contextmanager
def _as_pillow_errors() -> Iterator[None]:
    """Raise LibRaw's errors as those that Pillow's own readers raise."""
    try:
        yield
    except _TOO_LARGE as error:
        raise MemoryError from error
    except rawpy.LibRawIOError as error:
        raise OSError("raw data are truncated") from error
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        (words,) = error.args[:1] or ("",)
        words = os.fsdecode(words) if isinstance(words, bytes) else words
        raise OSError(f"LibRaw says: {words}") from error


def register() -> None:
    """Tell Pillow of the format."""
    Image.register_open(RawImageFile.format, RawImageFile)
