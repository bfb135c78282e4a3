"""One file, read once: the digest of all of it, and from the same bytes its picture."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from blake3 import blake3

from rclip_like.errors import PictureError, Reason
from rclip_like.images.decoding import Decoded, Undecodable, decode
from rclip_like.images.limits import within_memory
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, Preprocessing


def read_picture(
    path: bytes,
    preprocessing: Preprocessing,
    limits: ReadSettings,
    known: Collection[bytes] = (),
) -> Picture:
    """Return the digest, facts and pixels of one file; facts and pixels None for a known digest.

    pixels and frames: uint8 (S, S, 3), RGB. Raises PictureError with the reason.
    """
    import numpy as np

    digest, size_bytes, decoded = read_images(path, preprocessing, limits, known)
    if decoded is None:
        return Picture(path, digest, None, None, size_bytes=size_bytes)
    pixels, *frames = (np.array(square) for square in decoded.squares)
    seen = blake3(pixels_of(decoded)).digest()
    return Picture(
        path, digest, decoded.facts, pixels, (*frames,), size_bytes, decoded.reader, seen
    )


def pixels_of(decoded: Decoded) -> bytes:
    """Return the pixels of the whole picture and of its frames, one after the other."""
    return b"".join(square.tobytes() for square in decoded.squares)


def read_images(
    path: bytes,
    preprocessing: Preprocessing,
    limits: ReadSettings,
    known: Collection[bytes] = (),
    content: bytes | None = None,
) -> tuple[bytes, int, Decoded | None]:
    """Do what `read_picture` does, without NumPy; None stands for a known digest.

    content: the bytes, where they are in no file; `path` then only names them. The number is the
    size in bytes of what was read: the walk may have seen another file.
    """
    limits = within_memory(limits)
    data = _read(path, limits) if content is None else content
    digest = blake3(data).digest()
    if digest in known:
        return digest, len(data), None
    ending = os.path.splitext(path)[1].lower()
    try:
        return digest, len(data), decode(data, ending, preprocessing, limits)
    except Undecodable as error:
        raise PictureError(path, str(error), code=error.code) from error


def _read(path: bytes, limits: ReadSettings) -> bytes:
    """Return all of a regular file that stays as it is meanwhile."""
    try:
        # Without O_NONBLOCK, a FIFO put in the file's place would be waited for.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        with open(os.open(path, flags), "rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            _refuse(path, before, limits)
            data = file.read()
            after = os.fstat(file.fileno())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PictureError(path, reason, lasting=False, code=Reason.UNREADABLE) from error
    facts = [(status.st_size, status.st_mtime_ns) for status in (before, after)]
    if facts[0] != facts[1] or len(data) != after.st_size:
        raise PictureError(path, "changed while being read", lasting=False, code=Reason.CHANGED)
    return data


def _refuse(path: bytes, status: os.stat_result, limits: ReadSettings) -> None:
    """Raise for what is no file, and for one that with its pixels cannot fit the memory."""
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(path, "not a regular file", lasting=False, code=Reason.NOT_A_FILE)
    assert limits.max_memory_bytes is not None
    largest = limits.max_memory_bytes // 2
    if status.st_size > largest:
        reason = f"larger than {largest / (1 << 30):.1f} GiB"
        raise PictureError(path, reason, code=Reason.FILE_TOO_LARGE)
