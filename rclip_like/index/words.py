"""Reads the words in sidecars, and in pictures that an older clipfind indexed without them.

No picture is encoded for this.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rclip_like.files import open_at_once
from rclip_like.store import ranges_of
from rclip_like.values import Picture, Root

if TYPE_CHECKING:
    from rclip_like.images.readers import Readers, ReadTask
    from rclip_like.store import Writer

_PICTURES_A_TRANSACTION = 256


def unread_tasks(writer: Writer, roots: Sequence[Root]) -> Iterator[ReadTask]:
    """Yield a task for each content under the roots whose captions were never read."""
    for digest, path in writer.words.contents_unread(ranges_of(roots)):
        from rclip_like.images.readers import ReadTask

        yield ReadTask(path, (), words_of=digest)


def read_words(writer: Writer, readers: Readers, tasks: Iterator[ReadTask]) -> Iterator[int]:
    """Read and write the words of pictures, some hundred a transaction; yield how many in each.

    A picture that will not be readable later either has no words.
    """
    digests: dict[bytes, bytes] = {}

    def noted() -> Iterator[ReadTask]:
        for task in tasks:
            assert task.words_of is not None
            digests[task.path] = task.words_of
            yield task

    found: dict[bytes, tuple[str, str]] = {}
    for result in readers.read_all(noted()):
        digest = digests.pop(result.path)
        if isinstance(result, Picture):
            found[digest] = result.words or ("", "")
        elif result.lasting:
            found[digest] = ("", "")
        if len(found) >= _PICTURES_A_TRANSACTION:
            writer.words.put_all_read(found)
            yield len(found)
            found = {}
    writer.words.put_all_read(found)
    yield len(found)


def read_sidecars(writer: Writer, paths: Iterator[list[bytes]]) -> Iterator[int]:
    """Read and write the words of sidecars, list by list, and yield how many; drop those gone.

    A sidecar that cannot be read has no words, and is read again when it changes.
    """
    for some in paths:
        writer.words.put_sidecars({path: _sidecar(path) for path in some})
        yield len(some)


def _sidecar(path: bytes) -> tuple[int, int, str, str] | None:
    """Return size in bytes, mtime in ns, captions and keywords; None if there is no such file."""
    from rclip_like.images.words import words_of_xmp
    from rclip_like.images.xmp import MOST_BYTES, XmpError

    content = b""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    try:
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb", opener=open_at_once) as file:
                content = file.read(MOST_BYTES + 1)
        words = words_of_xmp(content)
    except (OSError, XmpError):
        return status.st_size, status.st_mtime_ns, "", ""
    return status.st_size, status.st_mtime_ns, *words
