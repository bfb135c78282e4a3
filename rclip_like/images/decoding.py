"""The bytes of one file to products of its picture: identify, limit, decode, turn upright, make."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple

from blake3 import blake3
from PIL import Image, ImageFile, UnidentifiedImageError

from rclip_like.errors import Reason, Remedy
from rclip_like.images import jpeg, png
from rclip_like.images.colour import resizable, to_srgb
from rclip_like.images.ends import ends_early, ends_in_zeros
from rclip_like.images.exif import picture_facts, read_exif, upright, upright_size
from rclip_like.images.formats import gives_parts, possible_formats, reader_of
from rclip_like.images.limits import most_pixels, within_memory
from rclip_like.images.words import Words, words_in
from rclip_like.settings import ReadSettings
from rclip_like.values import VIDEO_EXTENSIONS, PictureFacts

if TYPE_CHECKING:
    from rclip_like.images.video import VideoFile

REDUCTION_MARGIN = 2
"""A JPEG decoded at reduced scale keeps this many times what the largest product needs."""

_ENOUGH_TO_TELL = 65536
"""So many bytes of a file tell its format."""
_JPEGS = frozenset(("JPEG", "MPO"))
_WITH_LOOSE_BYTES = frozenset((Reason.BROKEN, Reason.TRUNCATED, Reason.UNKNOWN_FORMAT))


class Unreadable(Exception):
    """A file or its bytes give no picture; `reason` says why, without the path.

    code: the same as a value; remedy: what would help to read it, where anything does.
    """

    def __init__(self, code: Reason, reason: str, remedy: Remedy | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


class Product:
    """What a caller wants of a picture, made from one decode of it.

    Each kind is a frozen dataclass at the top of a module, whose fields are JSON's plain values or
    products: the process that decodes imports the class by its name.
    """

    name: ClassVar[str]
    """The key of its pixels in Picture.products, and of its part numbers in FIRST_PARTS."""
    is_made_last: ClassVar[bool] = False
    """Whether making it moves the picture on to a later frame."""

    @property
    def short_side(self) -> int:
        """How many pixels of the picture's short side it needs; a JPEG may be decoded smaller.

        What larger products are made along with it may change its pixels by a level or two.
        """
        raise NotImplementedError

    @property
    def second(self) -> float | None:
        """The moment of a video that it shows; None: the frames that stand for the video."""
        return None

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return RGB images, of the frame at hand unless it moves on."""
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        """Return what `product_from` makes the product from again, as JSON's values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        for field, value in values.items():
            values[field] = value.description() if isinstance(value, Product) else value
        return {"class": f"{type(self).__module__}:{type(self).__name__}", "fields": values}


def product_from(description: Mapping[str, Any]) -> Product:
    """Return the product that was described; only our own process describes any."""
    module, _, name = description["class"].partition(":")
    values = {
        field: product_from(value) if isinstance(value, dict) else value
        for field, value in description["fields"].items()
    }
    product: Product = getattr(import_module(module), name)(**values)
    return product


class Upright:
    """A decoded picture as products see it: upright, at reduced scale where that is enough.

    `format` is Pillow's name of it.
    """

    def __init__(self, image: Image.Image, size: tuple[int, int], limits: ReadSettings) -> None:
        self.limits = limits
        self.format = image.format or ""
        self.exif = read_exif(image)
        self._image = image
        self._decoded_from = size
        self._pixels: Image.Image | None = None
        self._made: dict[Product, list[Image.Image]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame at hand before it was reduced."""
        return upright_size(self._decoded_from, self.exif)

    def pixels(self) -> Image.Image:
        """Return the frame at hand in a mode that resizes smoothly, its colours still its own."""
        if self._pixels is None:
            self._image.load()
            self._pixels = upright(resizable(self._image), self.exif)
        return self._pixels

    def to_srgb(self, image: Image.Image) -> Image.Image:
        """Return what was made of the pixels as RGB in sRGB, transparency over white."""
        return to_srgb(image, self._image.info.get("icc_profile"))

    def make(self, product: Product) -> list[Image.Image]:
        """Return a product of the first frame, made once however many products ask for it."""
        if product not in self._made:
            self._made[product] = product.make(self)
        return self._made[product]

    def seek(self, number: int) -> None:
        """Go on to a later frame. Raises whatever a decoder raises, EOFError after the last."""
        self._pixels = None
        self._image.seek(number)
        self._decoded_from = self._image.size


class Decoded(NamedTuple):
    """A picture's facts, its products by name, as RGB images, what read it, and its words."""

    facts: PictureFacts
    products: dict[str, list[Image.Image]]
    reader: str
    words: Words
    seconds: tuple[float, ...] = ()
    """Of a video: when each of its frames comes."""


def decode(
    data: bytes, ending: bytes, products: Sequence[Product], limits: ReadSettings
) -> Decoded:
    """Return the products that were asked for, and no others, all from one decode.

    They are made of the picture that a viewer of stills shows. ending: the file name's extension,
    lower-case with its dot; it only proposes. Raises Unreadable.
    """
    if not data:
        raise Unreadable(Reason.EMPTY, "empty file")
    limits = within_memory(limits)
    try:
        return _decoded(data, ending, products, limits)
    except Unreadable as error:
        cleaned = jpeg.cleaned(data) if data.startswith(jpeg.START) else None
        if cleaned is None or error.code not in _WITH_LOOSE_BYTES:
            raise
    return _decoded(cleaned, ending, products, limits)


def decode_video(file: BinaryIO, products: Sequence[Product], limits: ReadSettings) -> Decoded:
    """Return the products of a video, of which no more is read than its frames take.

    All but Frames are made of its first frame, or of the one at the moment that one of them shows.
    Raises Unreadable.
    """
    limits = within_memory(limits)
    moments = [each.second for each in products if each.second is not None]
    try:
        from rclip_like.images.video import VideoFile
    except ImportError as error:
        raise _needs_package(error) from error
    with _within(limits, b"", b""):
        video = VideoFile(file, limits.max_seconds, *moments[:1])
        largest = most_pixels(limits, video)
        if video.width * video.height > largest:
            raise _too_large(largest)
        words = video.words
        facts, made = _made_of(video, products, limits)
        return Decoded(facts, made, reader_of(video), words, video.seconds)


def read_words(file: BinaryIO, ending: bytes, limits: ReadSettings) -> Words:
    """Return the captions and keywords of a picture in a file.

    No more of the file is read than that takes, and no pixel is decoded. Raises Unreadable.
    """
    start = file.read(_ENOUGH_TO_TELL)
    file.seek(0)
    with _within(within_memory(limits), start, ending):
        if ending in VIDEO_EXTENSIONS:
            from rclip_like.images.video import VideoFile

            return VideoFile(file, limits.max_seconds).words
        image = Image.open(file, formats=possible_formats(start, ending))
        return words_in(image, read_exif(image))


def _decoded(
    data: bytes, ending: bytes, products: Sequence[Product], limits: ReadSettings
) -> Decoded:
    enough = _enough_for(products)
    with _within(limits, data, ending):
        if ends_in_zeros(data):
            raise Unreadable(Reason.TRUNCATED, "truncated")
        image = _open(data, ending, limits)
        largest = most_pixels(limits, image)
        if image.width * image.height > largest:
            raise _too_large(largest)
        if image.format in _JPEGS and not limits.accept_truncated:
            image = _with_its_end(image, enough)
        facts, made = _made_of(image, products, limits)
        return Decoded(facts, made, reader_of(image), words_in(image, read_exif(image)))


def _made_of(
    image: ImageFile.ImageFile | VideoFile, products: Sequence[Product], limits: ReadSettings
) -> tuple[PictureFacts, dict[str, list[Image.Image]]]:
    """Return the facts of an opened picture, and the products by name."""
    picture = Upright(image, _load(image, _enough_for(products)), limits)
    facts = picture_facts(picture.exif, picture.size)
    in_turn = sorted(products, key=lambda product: product.is_made_last)
    return facts, {product.name: picture.make(product) for product in in_turn}


def _enough_for(products: Sequence[Product]) -> int:
    return REDUCTION_MARGIN * max((product.short_side for product in products), default=1)


def _open(data: bytes, ending: bytes, limits: ReadSettings) -> ImageFile.ImageFile:
    """Identify the picture, tolerating what viewers tolerate."""
    try:
        formats = possible_formats(data, ending)
    except ImportError as error:
        raise _needs_package(error) from error
    if data.startswith(png.SIGNATURE):
        data, broken = png.without_broken_chunks(data)
        if broken and not limits.accept_truncated:
            raise OSError(f"wrong checksum in {broken.decode()}")
    try:
        return Image.open(BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        for name in formats:  # raise the error of the format that fits, which `Image.open` swallows
            factory, accepts = Image.OPEN[name]
            fits: bool | str = False  # words say what another package would read
            with suppress(struct.error):  # too short to tell
                fits = accepts is not None and accepts(data[:16])
            if fits and not isinstance(fits, str):
                factory(BytesIO(data), "")
        raise


def _needs_package(error: ImportError) -> Unreadable:
    package = (error.name or "").replace("_", "-")
    return Unreadable(
        Reason.NEEDS_PACKAGE,
        f"needs the package {package}, which is not installed; pip install {package}",
    )


def _with_its_end(image: ImageFile.ImageFile, enough: int) -> ImageFile.ImageFile:
    """Return a JPEG, with an end marker if nothing but that is missing.

    Raises Unreadable if the pixels depend on what would follow, as some are then missing.
    """
    assert isinstance(image.fp, BytesIO)
    data = image.fp.getvalue()
    if not jpeg.lacks_its_end(data):
        return image
    data = jpeg.without_filling(data)
    shown: set[bytes] = set()
    for tail in jpeg.tails():
        ended = Image.open(BytesIO(data + tail), formats=("JPEG",))
        _load(ended, enough)
        shown.add(blake3(ended.tobytes()).digest())
        if len(shown) > 1:
            break
    if len(shown) > 1 or not jpeg.has_all_scans(data):
        raise Unreadable(Reason.TRUNCATED, "truncated", Remedy.ACCEPT_TRUNCATED)
    return Image.open(BytesIO(data + jpeg.END), formats=("JPEG",))


def _too_large(largest: int) -> Unreadable:
    return Unreadable(
        Reason.TOO_LARGE, f"has more than {largest / 1e6:.4g} megapixels", Remedy.RAISE_PIXELS
    )


def _load(image: ImageFile.ImageFile | VideoFile, enough: int) -> tuple[int, int]:
    """Decode, a large JPEG or raw file at reduced scale; return the full width and height.

    enough: so many pixels each way suffice.
    """
    size = image.size
    image.draft(None, (enough, enough))  # where it can; never below what is asked for
    image.load()
    return size


@contextmanager
def _within(limits: ReadSettings, data: bytes, ending: bytes) -> Iterator[None]:
    """Apply our limits to Pillow, silence its warnings, and raise its errors as Unreadable.

    Pillow checks the size when it opens a picture or one within it, before decoding; beyond its
    limit it warns, and at twice the limit it raises.
    """
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    Image.MAX_IMAGE_PIXELS = most_pixels(limits)
    ImageFile.LOAD_TRUNCATED_IMAGES = limits.accept_truncated
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except Unreadable:
        raise
    except Exception as error:
        raise _unreadable(error, limits, data, ending) from error
    finally:
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _unreadable(error: Exception, limits: ReadSettings, data: bytes, ending: bytes) -> Unreadable:
    """Return why a picture could not be decoded, in a few words, the same each time."""
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large(most_pixels(limits))
    if isinstance(error, MemoryError):
        assert limits.max_memory_bytes is not None
        gib = limits.max_memory_bytes / (1 << 30)
        return Unreadable(Reason.TOO_MUCH_MEMORY, f"needs more than {gib:.1f} GiB of memory")
    is_short = isinstance(error, struct.error) or "truncated" in str(error).lower()
    if is_short or ends_early(data, ending):
        is_remedy = not limits.accept_truncated and gives_parts(data, ending)
        remedy = Remedy.ACCEPT_TRUNCATED if is_remedy else None
        return Unreadable(Reason.TRUNCATED, "truncated", remedy)
    if isinstance(error, UnidentifiedImageError):
        return Unreadable(Reason.UNKNOWN_FORMAT, "not a picture in a known format")
    words = re.sub(r"<[^>]*>|[^ -~]+", " ", str(error)).strip()
    return Unreadable(Reason.BROKEN, f"broken: {words[:120] or type(error).__name__}")
