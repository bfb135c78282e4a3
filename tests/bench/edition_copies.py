"""Changed copies of photos, five kinds and one harder, as the files that a person would have."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    from recipe.photos import Photo

QUALITY = 85
LEAST_AREA = 0.7


def copies(photos: Sequence[Photo], kind: str) -> list[Photo]:
    """Return the photos with the bytes of their copies of a kind, drawn from each photo's key."""
    return [replace(photo, data=_copy(photo, kind)) for photo in photos]


def _copy(photo: Photo, kind: str) -> bytes:
    change, quality = KINDS[kind]
    picture = Image.open(io.BytesIO(photo.data)).convert("RGB")
    stream = io.BytesIO()
    change(picture, random.Random(f"{kind}:{photo.key}")).save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _cropped(picture: Image.Image, rng: random.Random) -> Image.Image:
    share = rng.uniform(LEAST_AREA, 1.0) ** 0.5
    width, height = round(picture.width * share), round(picture.height * share)
    left, top = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    return picture.crop((left, top, left + width, top + height))


def _watermarked(picture: Image.Image, rng: random.Random) -> Image.Image:
    size = max(10, picture.height // 8)
    font = ImageFont.load_default(size)
    sheet = Image.new("RGBA", (2 * picture.width, 2 * picture.height))
    draw = ImageDraw.Draw(sheet)
    for row in range(0, sheet.height, 3 * size):
        draw.text((0, row), "SAMPLE PHOTO   " * 8, (255, 255, 255, 110), font=font)
    turned = sheet.rotate(rng.uniform(20, 40))
    left, top = picture.width // 2, picture.height // 2
    seen = turned.crop((left, top, left + picture.width, top + picture.height))
    return Image.alpha_composite(picture.convert("RGBA"), seen).convert("RGB")


def _reduced(side: int) -> Callable[[Image.Image, random.Random], Image.Image]:
    def reduce(picture: Image.Image, rng: random.Random) -> Image.Image:
        return picture.resize((max(1, picture.width // side), max(1, picture.height // side)))

    return reduce


def _same(picture: Image.Image, rng: random.Random) -> Image.Image:
    return picture


def _mirrored(picture: Image.Image, rng: random.Random) -> Image.Image:
    return ImageOps.mirror(picture)


KINDS: Mapping[str, tuple[Callable[[Image.Image, random.Random], Image.Image], int]] = {
    "cropped to 70 to 100 %": (_cropped, QUALITY),
    "re-encoded at quality 40": (_same, 40),
    "watermarked across": (_watermarked, QUALITY),
    "mirrored": (_mirrored, QUALITY),
    "a quarter of the pixels": (_reduced(2), QUALITY),
    "a quarter of the width": (_reduced(4), QUALITY),
}
"""What is done to the picture, and the quality of the JPEG."""
