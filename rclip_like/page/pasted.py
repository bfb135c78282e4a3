"""Pictures that were pasted or dropped on the page, kept in memory for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from rclip_like.errors import Reason, UsageError
from rclip_like.images.products import Square, Thumbnail
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.images.thumbnails import SMALL, as_webp
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.values import Embedding

_MOST = 64
GONE = "the pasted picture is not kept any more; paste it again"


class PastedPicture(NamedTuple):
    """What is kept of a picture: its unit embedding float32 (D,), and its thumbnail as WebP."""

    embedding: Embedding
    thumbnail: bytes


class Pasted:
    """The pictures pasted last, by the digest of their content in hex. Any thread may ask."""

    def __init__(self, model: Callable[[], Model], limits: ReadSettings) -> None:
        self._model = model
        self._limits = limits._replace(workers=1)
        self._kept: OrderedDict[str, PastedPicture] = OrderedDict()
        self._lock = Lock()

    def add(self, content: bytes) -> str:
        """Read and embed a picture, keep it, and return its id.

        It is read by a process of its own, from memory, so that no kill leaves it on a disk. Raises
        UsageError if it cannot be read, ReaderError if no process can be started.
        """
        if not content:
            raise UsageError("this file is empty, so it cannot be searched with")
        model = self._model()
        products = (Square.of(model.specification.preprocessing), Thumbnail(SMALL))
        with Readers(self._limits) as readers:
            (read,) = readers.read_all([ReadTask(b"the pasted picture", products, content=content)])
        if isinstance(read, Trouble):
            if read.code is Reason.TRUNCATED:
                raise UsageError("this file is cut short, so it cannot be searched with")
            raise UsageError(f"this file cannot be searched with: {read.reason}")
        (pixels,) = read.products[Thumbnail.name]
        thumbnail = as_webp(Image.fromarray(pixels))
        picture = PastedPicture(model.picture(read.parts[0]), thumbnail)
        name = read.digest.hex()
        with self._lock:
            self._kept[name] = picture
            self._kept.move_to_end(name)
            while len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> PastedPicture | None:
        """Return a picture by its id, None if it is not kept."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
            return self._kept.get(name)
