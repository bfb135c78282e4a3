"""A product that clipfind does not have, as another module would add one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from rclip_like.images.decoding import Product, Upright


@dataclass(frozen=True)
class Thumbnail(Product):
    """The whole picture, at most `size` pixels each way."""

    name: ClassVar[str] = "thumbnail"

    size: int

    @property
    def short_side(self) -> int:
        """Enough on the short side is enough on the long one."""
        return self.size

    def make(self, picture: Upright) -> list[Image.Image]:
        """Return one image."""
        small = picture.pixels().copy()
        small.thumbnail((self.size, self.size))
        return [picture.to_srgb(small)]
