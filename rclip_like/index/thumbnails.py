"""Thumbnails that an indexing run makes of the pictures that it reads for the model."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from rclip_like.images.products import Thumbnail
from rclip_like.images.thumbnails import SMALL, ThumbnailCache
from rclip_like.values import Picture, Trouble

if TYPE_CHECKING:
    from rclip_like.images.decoding import Product
    from rclip_like.values import Preprocessing


class ThumbnailsBeside:
    """Keeps the small thumbnail of each picture, from the decode that its square is made of.

    That decode stays as it would be without thumbnails, so that embeddings do, too. A model that
    needs fewer pixels than the thumbnail gets none made beside it. It ends when the run has made as
    much as the cache can hold.
    """

    def __init__(self, preprocessing: Preprocessing, most_bytes: int) -> None:
        product = Thumbnail.beside(SMALL, preprocessing)
        self.products: tuple[Product, ...] = () if product is None else (product,)
        self._cache = ThumbnailCache(most_bytes)
        self._room_bytes = self._cache.usable_bytes
        self._lock = Lock()

    def keep(self, read: Picture | Trouble) -> Picture | Trouble:
        """Return what was read without its thumbnail, which is kept; any thread may call it."""
        if isinstance(read, Trouble) or Thumbnail.name not in read.products:
            return read
        products = dict(read.products)
        (pixels,) = products.pop(Thumbnail.name)
        if self._room_bytes > 0 and self._cache.find(read.digest, SMALL) is None:
            webp = self._cache.encode(read.digest, SMALL, pixels)
            with self._lock:
                self._room_bytes -= len(webp)
        return read._replace(products=products)
