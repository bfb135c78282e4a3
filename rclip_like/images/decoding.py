"""The bytes of one file to the model's pixels: identify, limit, decode, turn, resize, colour."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

from blake3 import blake3
from PIL import Image, ImageFile, UnidentifiedImageError

from rclip_like.errors import Reason
from rclip_like.images import jpeg, png
from rclip_like.images.colour import resizable, to_srgb
from rclip_like.images.ends import ends_early, ends_in_zeros
from rclip_like.images.exif import picture_facts, read_exif, upright
from rclip_like.images.formats import gives_parts, possible_formats, reader_of
from rclip_like.images.limits import most_pixels, within_memory
from rclip_like.images.products import differing, later_frames, pad, resize
from rclip_like.settings import ReadSettings
from rclip_like.values import PictureFacts, Preprocessing

REDUCTION_MARGIN = 2
"""A JPEG decoded at reduced scale keeps this many times the model's size on its short side."""

_JPEGS = frozenset(("JPEG", "MPO"))
_WITH_LOOSE_BYTES = frozenset((Reason.BROKEN, Reason.TRUNCATED, Reason.UNKNOWN_FORMAT))
_WHAT_IS_THERE = "--accept-truncated reads the part that is there"


class Undecodable(ValueError):
    """The bytes give no picture that can be used.

    code: the reason as a value, `reason` in words; `remedy` says which option would help `index`.
    """

    def __init__(self, code: Reason, reason: str, remedy: str = "") -> None:
        super().__init__("; ".join(filter(None, (reason, remedy))))
        self.code = code
        self.reason = reason


class Decoded(NamedTuple):
    """A picture's facts, the squares of RGB pixels that the model sees, and what read it."""

    facts: PictureFacts
    squares: list[Image.Image]
    reader: str


def decode(
    data: bytes, ending: bytes, preprocessing: Preprocessing, limits: ReadSettings
) -> Decoded:
    """Return the picture as the model sees it.

    The first square is the whole picture, as a viewer of stills shows it. Those of an animation's
    later frames follow, no two alike. ending: the file name's extension, lower-case with its dot;
    it only proposes. Raises Undecodable.
    """
    if not data:
        raise Undecodable(Reason.EMPTY, "empty file")
    limits = within_memory(limits)
    try:
        return _decoded(data, ending, preprocessing, limits)
    except Undecodable as error:
        cleaned = jpeg.cleaned(data) if data.startswith(jpeg.START) else None
        if cleaned is None or error.code not in _WITH_LOOSE_BYTES:
            raise
    return _decoded(cleaned, ending, preprocessing, limits)


def _decoded(
    data: bytes, ending: bytes, preprocessing: Preprocessing, limits: ReadSettings
) -> Decoded:
    with _within(limits, data, ending):
        if ends_in_zeros(data):
            raise Undecodable(Reason.TRUNCATED, "truncated")
        image = _open(data, ending, limits)
        _refuse_larger(image, limits)
        if image.format in _JPEGS and not limits.accept_truncated:
            image = _with_its_end(image, preprocessing)
        size = _load(image, preprocessing)
        exif = read_exif(image)
        whole, upright_size = _square(image, exif, size, preprocessing)
        frames = later_frames(
            image, lambda: _square(image, exif, image.size, preprocessing)[0], limits
        )
        squares = differing([whole, *frames])
        return Decoded(picture_facts(exif, upright_size), squares, reader_of(image))


def _square(
    image: ImageFile.ImageFile,
    exif: Image.Exif,
    size: tuple[int, int],
    preprocessing: Preprocessing,
) -> tuple[Image.Image, tuple[int, int]]:
    """Return the model's square of the frame in hand, and its full size, both upright."""
    image.load()
    turned, size = upright(resizable(image), exif, size)
    with _as_the_model_has_it():
        resized = resize(turned, size, preprocessing)
    coloured = to_srgb(resized, image.info.get("icc_profile"))
    with _as_the_model_has_it():
        return pad(coloured, preprocessing), size


@contextmanager
def _as_the_model_has_it() -> Iterator[None]:
    """Tell errors as the model's: the picture is decoded, and only the model says how to go on."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        words = f"the model's preprocessing fails: {type(error).__name__} {error}"
        raise Undecodable(Reason.MODEL, words) from error


def _open(data: bytes, ending: bytes, limits: ReadSettings) -> ImageFile.ImageFile:
    """Identify the picture, reading past what viewers read past."""
    try:
        formats = possible_formats(data, ending)
    except ImportError as error:
        package = (error.name or "").replace("_", "-")
        raise Undecodable(
            Reason.NEEDS_PACKAGE,
            f"needs the package {package}, which is not installed; pip install {package}",
        ) from error
    if data.startswith(png.SIGNATURE):
        data, broken = png.without_broken_chunks(data)
        if broken and not limits.accept_truncated:
            raise OSError(f"wrong checksum in {broken.decode()}")
    try:
        return Image.open(BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        _raise_what_was_wrong(data, formats)
        raise


def _raise_what_was_wrong(data: bytes, formats: tuple[str, ...]) -> None:
    """Raise the error of the format that the bytes begin as; `Image.open` keeps it to itself."""
    for name in formats:
        factory, accepts = Image.OPEN[name]
        if accepts and accepts(data[:16]) and not isinstance(accepts(data[:16]), str):
            factory(BytesIO(data), "")


def _with_its_end(image: ImageFile.ImageFile, preprocessing: Preprocessing) -> ImageFile.ImageFile:
    """Return a JPEG, one that lacks no more than its end marker with it.

    Raises Undecodable if the pixels depend on what would follow, so that some of them are missing.
    """
    assert isinstance(image.fp, BytesIO)
    data = image.fp.getvalue()
    if not jpeg.lacks_its_end(data):
        return image
    data = jpeg.without_filling(data)
    shown: set[bytes] = set()
    for tail in jpeg.tails():
        ended = Image.open(BytesIO(data + tail), formats=("JPEG",))
        _load(ended, preprocessing)
        shown.add(blake3(ended.tobytes()).digest())
        if len(shown) > 1:
            break
    if len(shown) > 1 or not jpeg.has_all_scans(data):
        raise Undecodable(Reason.TRUNCATED, "truncated", _WHAT_IS_THERE)
    return Image.open(BytesIO(data + jpeg.END), formats=("JPEG",))


def _refuse_larger(image: Image.Image, limits: ReadSettings) -> None:
    """Raise Undecodable for more pixels than are allowed, or fit the memory in this format."""
    largest = most_pixels(limits, image)
    if image.width * image.height > largest:
        raise _too_large(largest)


def _too_large(largest: int) -> Undecodable:
    return Undecodable(
        Reason.TOO_LARGE,
        f"has more than {largest / 1e6:.4g} megapixels",
        "--max-megapixels sets the limit",
    )


def _load(image: ImageFile.ImageFile, preprocessing: Preprocessing) -> tuple[int, int]:
    """Decode, a large JPEG or raw file at reduced scale; return the full width and height."""
    size = image.size
    shortest = REDUCTION_MARGIN * preprocessing.size
    image.draft(None, (shortest, shortest))  # where it can; never below what is asked for
    image.load()
    return size


@contextmanager
def _within(limits: ReadSettings, data: bytes, ending: bytes) -> Iterator[None]:
    """Hold the limits of Pillow to ours, its warnings back, and tell its errors as reasons.

    limits: as `within_memory` returns them.

    Pillow looks at the size when it opens a picture, before it decodes anything, also at pictures
    within pictures; beyond its limit it warns, and at twice the limit it raises.
    """
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS = most_pixels(limits)
    ImageFile.LOAD_TRUNCATED_IMAGES = limits.accept_truncated
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except Undecodable:
        raise
    except Exception as error:
        raise _told(error, limits, data, ending) from error
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _told(error: Exception, limits: ReadSettings, data: bytes, ending: bytes) -> Undecodable:
    """Return why a picture could not be decoded, in a few words, the same each time."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large(most_pixels(limits))
    if isinstance(error, MemoryError):
        assert limits.max_memory_bytes is not None
        gib = limits.max_memory_bytes / (1 << 30)
        return Undecodable(Reason.TOO_MUCH_MEMORY, f"needs more than {gib:.1f} GiB of memory")
    if "truncated" in str(error).lower() or ends_early(data, ending):
        is_remedy = not limits.accept_truncated and gives_parts(data, ending)
        remedy = _WHAT_IS_THERE if is_remedy else ""
        return Undecodable(Reason.TRUNCATED, "truncated", remedy)
    if isinstance(error, UnidentifiedImageError):
        return Undecodable(Reason.UNKNOWN_FORMAT, "not a picture in a known format")
    words = re.sub(r"<[^>]*>|[^ -~]+", " ", str(error)).strip()
    return Undecodable(Reason.BROKEN, f"broken: {words[:120] or type(error).__name__}")
