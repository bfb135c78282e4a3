"""Thumbnails of pictures: made by the reading processes, kept in the cache by content."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
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
_QUALITIES, _METHOD = (75, 50, 25, 1), 2
"""As Pillow has them. Method 4, its own, takes 2.5 times as long for 4 % fewer bytes."""
_MOST_BYTES_A_PIXEL = 17_500 / SMALL**2
"""Noise gets a lower quality: with this, a contact sheet of 1,000 pictures has under 25 MB."""
_CHECK_BYTES = 16
_NUM_FOLDERS = 256
_HOUR_SECONDS = 3600
_AFTER_TRIMMING = 0.9
_USABLE = 0.85
"""The share of the room that can be filled while the fullest folder has not used up its own."""


class Wanted(NamedTuple):
    """A picture whose thumbnail is wanted: its absolute path, and its digest in the index.

    second: of a video, the moment that is to be seen; None: the frame that stands for all of it.
    """

    path: bytes
    digest: bytes
    second: float | None = None


class Usage(NamedTuple):
    """How many thumbnails there are, and how many bytes they take."""

    number: int
    size_bytes: int


class ThumbnailCache:
    """Thumbnails as WebP, by digest, size and moment, in files that only their owner can read.

    Each file ends with a checksum: a damaged one counts as missing. Readers that were mended make
    theirs anew. Those used least recently go first: the files lie in 256 folders, each of which
    keeps its share of `most_bytes`. If nothing can be written there, nothing is kept.
    """

    def __init__(self, most_bytes: int, folder: Path | None = None) -> None:
        readers = blake3(repr(sorted(READER_VERSIONS.items())).encode()).hexdigest(8)
        self._root = folder or cache_folder() / "thumbnails"
        self._folder = self._root / readers
        self._most_bytes = most_bytes

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._root

    @property
    def usable_bytes(self) -> int:
        """How much of one album fits before its own thumbnails begin to displace each other."""
        return int(_USABLE * self._most_bytes)

    def find(self, digest: bytes, size: int, second: float | None = None) -> bytes | None:
        """Return the WebP of a picture's thumbnail, None if it is not there."""
        path = self._path(digest, size, second)
        try:
            content = path.read_bytes()
            webp, check = content[:-_CHECK_BYTES], content[-_CHECK_BYTES:]
            if blake3(webp).digest(_CHECK_BYTES) != check:
                return None
            is_long_ago = time.time() - path.stat().st_mtime > _HOUR_SECONDS
        except OSError:
            return None
        if is_long_ago:
            with suppress(OSError):  # on a read-only disk, or of another user
                os.utime(path)
        return webp

    def add(self, digest: bytes, size: int, webp: bytes, second: float | None = None) -> None:
        """Keep a thumbnail, if there is room for it."""
        content = webp + blake3(webp).digest(_CHECK_BYTES)
        share = self._most_bytes // _NUM_FOLDERS
        if len(content) > share:
            return
        path = self._path(digest, size, second)
        with suppress(OSError):
            if not self._folder.is_dir():
                self.clear()
            make_folder(path.parent, FOLDER_MODE)
            _make_room(path.parent, share - len(content))
            with write_whole(path, is_synced=False) as draft:
                draft.write_bytes(content)

    def encode(
        self, digest: bytes, size: int, pixels: Pixels, second: float | None = None
    ) -> bytes:
        """Return a thumbnail's pixels as WebP, and add that to the cache.

        Of a large one the small one is made and added as well.
        """
        image = Image.fromarray(pixels)
        webp = as_webp(image)
        self.add(digest, size, webp, second)
        if size == LARGE:
            image.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
            self.add(digest, SMALL, as_webp(image), second)
        return webp

    def sizes(self, size: int) -> dict[bytes, int]:
        """Return how many bytes each thumbnail of a size takes, by the digest of its picture.

        Those of moments of videos do not count.
        """
        named = re.compile(rf"([0-9a-f]{{64}})-{size}\.thumbnail")
        return {
            bytes.fromhex(match[1]): size_bytes
            for name, size_bytes in _files(self._folder)
            if (match := named.fullmatch(name))
        }

    def usage(self) -> Usage:
        """Return what the cache holds, including thumbnails that earlier readers made."""
        sizes = [size_bytes for _, size_bytes in _files(self._root)]
        return Usage(len(sizes), sum(sizes))

    def clear(self) -> Usage:
        """Delete all that the cache holds, and return what that was. Raises OSError.

        A link to a folder elsewhere stays, and so does that folder.
        """
        before = self.usage()
        if before.number:
            for path in self._root.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            if not self._root.is_symlink():
                self._root.rmdir()
        return before

    def _path(self, digest: bytes, size: int, second: float | None) -> Path:
        moment = "" if second is None else f"-at-{second:.2f}"
        return self._folder / digest[:1].hex() / f"{digest.hex()}-{size}{moment}.thumbnail"


def thumbnails(
    pictures: Iterable[Wanted], size: int, cache: ThumbnailCache, limits: ReadSettings
) -> Generator[bytes | Trouble]:
    """Yield the thumbnail of each picture as WebP, or why there is none, in order.

    The whole picture, upright, in sRGB, over white, at most `size` pixels each way, without any
    metadata. A file whose content is not the wanted one any more gives none. Raises ReaderError if
    no process to read with can be started.
    """
    waiting: deque[bytes | Future[bytes | Trouble]] = deque()
    num_reading = 0
    with Readers(limits) as readers:
        for picture in pictures:
            found = cache.find(picture.digest, size, picture.second)
            if found is not None:
                waiting.append(found)
            else:
                finish = partial(cached_thumbnail, wanted=picture, size=size, cache=cache)
                task = ReadTask(picture.path, (Thumbnail(size, second=picture.second),))
                waiting.append(readers.submit(task, finish))
                num_reading += 1
            while waiting and (
                isinstance(waiting[0], bytes) or num_reading > readers.most_in_flight
            ):
                first = waiting.popleft()
                num_reading -= not isinstance(first, bytes)
                yield first if isinstance(first, bytes) else first.result()
        for each in waiting:
            yield each if isinstance(each, bytes) else each.result()


def cached_thumbnail(
    result: Picture | Trouble, wanted: Wanted, size: int, cache: ThumbnailCache
) -> bytes | Trouble:
    """Return what was read for a Thumbnail as WebP, and add it to the cache.

    Of another picture than the one wanted the thumbnail goes into the cache under its own digest,
    and a Trouble is returned.
    """
    if isinstance(result, Trouble):
        return result
    webp = cache.encode(result.digest, size, result.products[Thumbnail.name][0], wanted.second)
    if result.digest != wanted.digest:
        return Trouble(
            result.path, "changed since it was indexed", lasting=False, code=Reason.CHANGED
        )
    return webp


def as_webp(image: Image.Image) -> bytes:
    """Return a thumbnail as WebP, in the best quality that takes few enough bytes."""
    most_bytes = _MOST_BYTES_A_PIXEL * max(image.size) ** 2
    webp = b""
    for quality in _QUALITIES:
        written = BytesIO()
        image.save(written, "WEBP", quality=quality, method=_METHOD)
        webp = written.getvalue()
        if len(webp) <= most_bytes:
            break
    return webp


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield name and bytes of all files in a folder and below, but for what cannot be looked at."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path))
            else:
                yield entry.name, entry.stat(follow_symlinks=False).st_size


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
