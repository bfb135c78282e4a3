"""Thumbnails of pictures: made by the reading processes, kept in the cache by content."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blake3 import blake3
from PIL import Image

from rclip_like.errors import Reason
from rclip_like.files import FOLDER_MODE, make_folder, write_whole
from rclip_like.images.products import Thumbnail
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings, cache_folder
from rclip_like.values import READER_VERSIONS, Trouble

if TYPE_CHECKING:
    from rclip_like.values import Picture, Pixels

SMALL, LARGE = 256, 1024
"""The sizes of thumbnails: pixels of the longer side, at most."""
_QUALITY = 75
_CHECK_BYTES = 16
_NUM_FOLDERS = 256
_HOUR_SECONDS = 3600
_AFTER_TRIMMING = 0.9


class Wanted(NamedTuple):
    """A picture whose thumbnail is wanted: its absolute path, and its digest in the index."""

    path: bytes
    digest: bytes


class ThumbnailCache:
    """Thumbnails as WebP, by digest and size, in files that only their owner can read.

    Each file ends with a checksum: a damaged one counts as missing. Readers that were mended make
    their own. Those used least recently go first: the files lie in 256 folders, each of which
    keeps its share of `most_bytes`. Where nothing can be kept, nothing is.
    """

    def __init__(self, most_bytes: int, folder: Path | None = None) -> None:
        readers = blake3(repr(sorted(READER_VERSIONS.items())).encode()).hexdigest(8)
        self._folder = (folder or cache_folder() / "thumbnails") / readers
        self._most_bytes = most_bytes

    def find(self, digest: bytes, size: int) -> bytes | None:
        """Return the WebP of a picture's thumbnail, None if it is not there."""
        path = self._path(digest, size)
        try:
            content = path.read_bytes()
            webp, check = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
            if blake3(webp).digest(_CHECK_BYTES) != check:
                return None
            if time.time() - path.stat().st_mtime > _HOUR_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return webp

    def add(self, digest: bytes, size: int, webp: bytes) -> None:
        """Keep a thumbnail, if there is room for it."""
        content = webp + blake3(webp).digest(_CHECK_BYTES)
        share = self._most_bytes // _NUM_FOLDERS
        if len(content) > share:
            return
        path = self._path(digest, size)
        with suppress(OSError):
            make_folder(path.parent, FOLDER_MODE)
            _make_room(path.parent, share - len(content))
            with write_whole(path, is_synced=False) as draft:
                draft.write_bytes(content)

    def keep(self, digest: bytes, size: int, pixels: Pixels) -> bytes:
        """Return the WebP of a thumbnail's pixels, kept; of a large one, the small one is, too."""
        image = Image.fromarray(pixels)
        webp = _as_webp(image)
        self.add(digest, size, webp)
        if size == LARGE:
            image.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
            self.add(digest, SMALL, _as_webp(image))
        return webp

    def _path(self, digest: bytes, size: int) -> Path:
        return self._folder / digest[:1].hex() / f"{digest.hex()}-{size}.webp"


def thumbnails(
    pictures: Iterable[Wanted], size: int, cache: ThumbnailCache, limits: ReadSettings
) -> Iterator[bytes | Trouble]:
    """Yield the thumbnail of each picture as WebP, or why there is none, in order.

    The whole picture, upright, in sRGB, over white, at most `size` pixels each way, without any
    metadata. A file whose content is not the wanted one any more gives none. Raises ReaderError if
    no process to read with can be started.
    """
    product = Thumbnail(size)
    waiting: deque[bytes | None] = deque()
    asked: deque[Wanted] = deque()

    def tasks() -> Iterator[ReadTask]:
        for picture in pictures:
            waiting.append(cache.find(picture.digest, size))
            if waiting[-1] is None:
                asked.append(picture)
                yield ReadTask(picture.path, (product,))

    with Readers(limits) as readers:
        for result in readers.read_in_order(tasks()):
            while (found := waiting.popleft()) is not None:
                yield found
            wanted = asked.popleft()
            yield kept_thumbnail(result, wanted.digest, size, cache)
    yield from (found for found in waiting if found is not None)


def kept_thumbnail(
    result: Picture | Trouble, digest: bytes, size: int, cache: ThumbnailCache
) -> bytes | Trouble:
    """Return what was read for `Thumbnail(size)` as WebP, kept under the digest of what was read.

    digest: of the picture that is wanted; the thumbnail of any other is a Trouble.
    """
    if isinstance(result, Trouble):
        return result
    webp = cache.keep(result.digest, size, result.products[Thumbnail.name][0])
    if result.digest != digest:
        return Trouble(
            result.path, "changed since it was indexed", lasting=False, code=Reason.CHANGED
        )
    return webp


def _as_webp(image: Image.Image) -> bytes:
    written = BytesIO()
    image.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()


def _make_room(folder: Path, most_bytes: int) -> None:
    """Delete the files used least recently until the rest takes at most so many bytes."""
    with os.scandir(folder) as entries:
        found = [(entry.stat(follow_symlinks=False), entry.path) for entry in entries]
    size_bytes = sum(status.st_size for status, _ in found)
    if size_bytes <= most_bytes:
        return
    for status, path in sorted(found, key=lambda each: each[0].st_mtime_ns):
        with suppress(OSError):
            os.unlink(path)
        size_bytes -= status.st_size
        if size_bytes <= _AFTER_TRIMMING * most_bytes:
            return
