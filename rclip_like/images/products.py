"""The products: the model's square, those of later frames and of tiles, and the thumbnail.

A product is one class: it has a name, says how many pixels it needs, and is made of the upright
picture. Who wants it puts it into a ReadTask.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

from PIL import Image

from rclip_like.errors import Reason
from rclip_like.images.decoding import REDUCTION_MARGIN, Product, Unreadable, Upright
from rclip_like.images.formats import VIDEO
from rclip_like.tiles import tiles_of
from rclip_like.values import Preprocessing

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}

# Up to this many times the area of the result, all of the picture is resized and then cropped, as
# torchvision does it, bit for bit. Beyond, Pillow's box leaves out what the crop drops: it rounds
# in another order, by a level or two, but a picture of 16000x1 does not need gigabytes.
_LARGEST_EXCESS = 64

_MORE_THAN_ANY = 1 << 24

MOST_FRAMES = 3
"""How many later frames are kept beside the first one."""

ANIMATED = frozenset(("GIF", "PNG", "WEBP", "AVIF", "HEIF"))
"""Formats with frames of one scene. Pages of a TIFF, sizes of an icon and what a camera appends to
a JPEG are other pictures, or the same one again."""

# Every frame up to the last one kept has to be decoded: each builds on those before. 64 megapixels
# take about a second.
_WALKED_FRAMES = 500
_WALKED_PIXELS = 64_000_000
_SHARE_OF_TIME = 0.25


@dataclass(frozen=True)
class Square(Product):
    """The picture as the model sees it, computing only the pixels that stay.

    The geometry is that of open_clip's evaluation transform; fields as in Preprocessing.
    """

    name: ClassVar[str] = "square"

    size: int
    interpolation: str
    resize_mode: str
    fill_color: int
    is_exact: bool = False
    """Whether all pixels are decoded, as open_clip does, which large JPEGs take longer for."""

    @classmethod
    def of(cls, model: Preprocessing, *, is_exact: bool = False) -> Square:
        """Return the square that a model wants."""
        fields = (model.size, model.interpolation, model.resize_mode, model.fill_color)
        return cls(*fields, is_exact=is_exact)

    @property
    def short_side(self) -> int:
        """The model's size, or more than any picture has."""
        return _MORE_THAN_ANY if self.is_exact else self.size

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return one square of the model's size; what does not fill it is in its middle."""
        return [self.square_of(picture, picture.pixels(), picture.size)]

    def square_of(
        self, picture: Upright, pixels: Image.Image, size: tuple[int, int]
    ) -> Image.Image:
        """Return the square of some of the picture's pixels; size: as `_resize` has it."""
        with _blamed_on_the_model():
            resized = self._resize(pixels, size)
        coloured = picture.to_srgb(resized)
        if coloured.size == (self.size, self.size):
            return coloured
        left, top = (self.size - coloured.width) // 2, (self.size - coloured.height) // 2
        with _blamed_on_the_model():
            square = Image.new("RGB", (self.size, self.size), (self.fill_color,) * 3)
            square.paste(coloured, (left, top))
        return square

    def _resize(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Return the part of the picture that the model sees, at most its size each way.

        size: width and height of the full picture, of which `image` may be a reduced decoding.
        """
        width, height = self._target(size)
        wide, high = min(width, self.size), min(height, self.size)
        left, top = round((width - wide) / 2), round((height - high) / 2)
        resampling = _FILTERS[self.interpolation]
        if width * height <= _LARGEST_EXCESS * self.size * self.size:
            whole = image.resize((width, height), resampling)
            return whole.crop((left, top, left + wide, top + high))
        across, down = image.width / width, image.height / height
        right = min((left + wide) * across, image.width)
        bottom = min((top + high) * down, image.height)
        box = (left * across, top * down, right, bottom)
        return image.resize((wide, high), resampling, box=box)

    def _target(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size to which all of the picture is resized before it is cropped."""
        width, height = size
        if self.resize_mode == "squash":
            return self.size, self.size
        if self.resize_mode == "longest":
            ratio = max(width, height) / self.size
            return max(1, round(width / ratio)), max(1, round(height / ratio))
        if width <= height:
            return self.size, int(self.size * height / width)
        return int(self.size * width / height), self.size


@dataclass(frozen=True)
class FinerSquare(Square):
    """What the model sees of the picture, in more pixels, from which training cuts crops.

    size: its own side. needed: the model's size, so that a JPEG is decoded as for the model's own
    square, which then stays as it is to the bit.
    """

    name: ClassVar[str] = "finer square"

    needed: int = 0

    @classmethod
    def of_size(cls, size: int, model: Preprocessing) -> FinerSquare:
        """Return the square of a model in `size` pixels a side, at most twice as many as it has."""
        fields = (size, model.interpolation, model.resize_mode, model.fill_color)
        return cls(*fields, needed=model.size)

    @property
    def short_side(self) -> int:
        """The model's size: a reduced decoding has at least REDUCTION_MARGIN times as much."""
        return self.needed


@dataclass(frozen=True)
class Frames(Product):
    """Frames of a video after its first, or a few evenly spaced ones of an animation.

    Frames with the same pixels as an earlier one are left out. The search for frames ends after
    500 of them, after 64 megapixels, or after a quarter of the time limit; a longer animation is
    represented by its beginning.
    """

    name: ClassVar[str] = "frames"
    is_made_last: ClassVar[bool] = True

    each: Square

    @property
    def short_side(self) -> int:
        """What a frame needs."""
        return self.each.short_side

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return up to MOST_FRAMES images. A broken frame ends it: the next ones build on it."""
        if picture.format == VIDEO:
            return list(self._of_video(picture))
        if picture.format not in ANIMATED:
            return []
        (first,) = picture.make(self.each)
        kept: list[Image.Image] = []
        stride, pixels = 1, 0
        end = time.process_time() + picture.limits.max_seconds * _SHARE_OF_TIME
        for number in range(1, _WALKED_FRAMES):
            pixels += picture.size[0] * picture.size[1]
            if pixels > _WALKED_PIXELS or time.process_time() > end:
                break
            try:
                picture.seek(number)
                if number % stride:
                    continue
                kept += self.each.make(picture)
            except Exception:  # noqa: BLE001 - decoders raise anything; the first frame is good
                break
            if len(kept) > MOST_FRAMES:  # how many there are nobody knows before the end
                kept, stride = kept[1::2], 2 * stride
        different = {first.tobytes(): first}
        for image in kept:
            different.setdefault(image.tobytes(), image)
        return list(different.values())[1:]

    def _of_video(self, picture: Upright) -> Iterator[Image.Image]:
        """Yield all frames after the first: their reader has chosen them, and says when they come.

        As many as it has seconds for, so that each keeps its number.
        """
        with suppress(EOFError):
            for number in count(1):
                picture.seek(number)
                yield from self.each.make(picture)


@dataclass(frozen=True)
class Tiles(Product):
    """The tiles of a long picture's first frame, each as a square of the model's; most have none.

    A tile is at least as long as the picture's short side, so it needs no more pixels than the
    whole.
    """

    name: ClassVar[str] = "tiles"

    each: Square

    @property
    def short_side(self) -> int:
        """What a tile needs."""
        return self.each.short_side

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return one image for each of `tiles_of`; a tile that is not square is squashed."""
        pixels, (width, height) = picture.pixels(), picture.size
        across, down = pixels.width / width, pixels.height / height
        square = replace(self.each, resize_mode="squash")
        return [
            square.square_of(
                picture,
                pixels.crop(
                    (
                        round(tile.x * across),
                        round(tile.y * down),
                        round((tile.x + tile.width) * across),
                        round((tile.y + tile.height) * down),
                    )
                ),
                (tile.width, tile.height),
            )
            for tile in tiles_of(width, height)
        ]


@dataclass(frozen=True)
class Thumbnail(Product):
    """The whole picture, at most `size` pixels each way; a smaller one keeps its size.

    second: of a video, the moment that is shown.
    """

    name: ClassVar[str] = "thumbnail"

    size: int
    needed: int = 0
    """The size of a model whose square is made along with it, and then stays as it is to the bit:
    the JPEG is decoded as for that alone."""
    second: float | None = None

    @property
    def short_side(self) -> int:
        """Enough on the short side is enough on the long one."""
        return self.needed or self.size

    @classmethod
    def beside(cls, size: int, model: Preprocessing) -> Thumbnail | None:
        """Return the thumbnail that a model's decoding has enough pixels for, if it has."""
        return cls(size, needed=model.size) if REDUCTION_MARGIN * model.size >= size else None

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return one image."""
        pixels = picture.pixels()
        width, height = picture.size
        ratio = min(1.0, self.size / max(width, height))
        size = max(1, round(width * ratio)), max(1, round(height * ratio))
        if pixels.size != size:
            pixels = pixels.resize(size, Image.Resampling.LANCZOS)
        return [picture.to_srgb(pixels)]


def model_products(model: Preprocessing, *, tiles: bool = False) -> tuple[Product, ...]:
    """Return what the index has a model encode of each picture: the whole, and later frames.

    tiles: those of a long picture, too.
    """
    square = Square.of(model)
    return (square, Frames(square), *((Tiles(square),) if tiles else ()))


@contextmanager
def _blamed_on_the_model() -> Iterator[None]:
    """Say that the model's preprocessing failed: the picture itself is decoded by now."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        words = f"the model's preprocessing fails: {type(error).__name__} {error}"
        raise Unreadable(Reason.MODEL, words) from error
