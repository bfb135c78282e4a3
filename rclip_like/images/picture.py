"""One file, read once: the digest of all of it, and from the same bytes its picture."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

from blake3 import blake3

from rclip_like.errors import PictureError, Reason
from rclip_like.files import open_at_once
from rclip_like.images.decoding import Decoded, Undecodable, decode
from rclip_like.images.limits import most_bytes, within_memory
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

    limits = within_memory(limits)
    data = read_bytes(path, limits)
    digest, decoded = decode_bytes(path, data, preprocessing, limits, known)
    if decoded is None:
        return Picture(path, digest, None, None, size_bytes=len(data))
    pixels, *frames = (np.array(square) for square in decoded.squares)
    seen = blake3(pixels_of(decoded)).digest()
    return Picture(path, digest, decoded.facts, pixels, (*frames,), len(data), decoded.reader, seen)


def pixels_of(decoded: Decoded) -> bytes:
    """Return the pixels of the whole picture and of its frames, one after the other."""
    return b"".join(square.tobytes() for square in decoded.squares)


def decode_bytes(
    path: bytes,
    data: bytes,
    preprocessing: Preprocessing,
    limits: ReadSettings,
    known: Collection[bytes] = (),
) -> tuple[bytes, Decoded | None]:
    """Return the digest of a file's bytes, and without NumPy its picture; None for a known digest.

    path: names the picture, which may lie in no file. Raises PictureError with the reason.
    """
    digest = blake3(data).digest()
    if digest in known:
        return digest, None
    ending = os.path.splitext(path)[1].lower()
    try:
        return digest, decode(data, ending, preprocessing, limits)
    except Undecodable as error:
        is_lasting = error.code is not Reason.MODEL
        raise PictureError(path, str(error), is_lasting, error.code) from error


def read_bytes(path: bytes, limits: ReadSettings) -> bytes:
    """Return all of a regular file that stays as it is meanwhile; raises PictureError."""
    limits = within_memory(limits)
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as file:
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
    """Raise for what is not a file, and for one that with its pixels cannot fit the memory."""
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(path, "not a regular file", lasting=False, code=Reason.NOT_A_FILE)
    largest = most_bytes(limits)
    if status.st_size > largest:
        reason = f"larger than {largest / (1 << 30):.1f} GiB"
        raise PictureError(path, reason, code=Reason.FILE_TOO_LARGE)
