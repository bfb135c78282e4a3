"""Folders held open, and names in them, so that changes to a path cannot redirect a step."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import zip_longest
from typing import NamedTuple

from blake3 import blake3

from rclip_like.errors import ClipfindError
from rclip_like.values import FileVersion
from rclip_like.walk.identity import content_digest

HEAD_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 20
_HAS_FOLDER_DESCRIPTORS = os.open in os.supports_dir_fd
_FOLDER_ALONE = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FILE_ALONE = _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""O_NONBLOCK, because opening a pipe that has replaced the file would block for ever."""


class Refused(ClipfindError):
    """A file stays as it is; the message gives the reason, without the path."""


def require_version(path: bytes, version: FileVersion | None) -> None:
    """Raise Refused if the file that was labelled was replaced or changed; links are followed.

    Another inode or ctime alone only says that it was copied back or renamed; then, as in a search,
    its content decides. Raises OSError.
    """
    if version is not None:
        status = os.stat(path)
        if not version.is_certain(status) and (
            status.st_size != version.size_bytes
            or content_digest(path, version.size_bytes) != version.digest
        ):
            raise Refused("has changed since it was read")


class Identity(NamedTuple):
    """Tells a file from another one that replaced it, and from itself after a change."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """Return the identity of the file with this status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


class OpenFolder(NamedTuple):
    """A folder's path, and the descriptor that holds it open; None where the system has none."""

    path: bytes
    descriptor: int | None

    def device(self) -> int:
        """Return the number of the file system. Raises OSError."""
        return os.stat(self.path if self.descriptor is None else self.descriptor).st_dev

    def still_at_path(self) -> bool:
        """Return whether the path still leads to this folder: not moved, replaced or unmounted."""
        if self.descriptor is None:
            return os.path.isdir(self.path)
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return os.path.samestat(status, os.fstat(self.descriptor))

    def sync(self) -> None:
        """Sync the folder, so that its names survive a power cut, if the file system can."""
        if self.descriptor is not None:
            with suppress(OSError):
                os.fsync(self.descriptor)


class Location(NamedTuple):
    """A name in an open folder, whether there is a file or not."""

    folder: OpenFolder
    name: bytes

    @property
    def path(self) -> bytes:
        """The whole path, for people and for the log."""
        return os.path.join(self.folder.path, self.name)

    @property
    def descriptor(self) -> int | None:
        """The folder's descriptor, for the argument `dir_fd` that goes with `argument`."""
        return self.folder.descriptor

    @property
    def argument(self) -> bytes:
        """The path argument of a system call with `descriptor` as its `dir_fd`."""
        return self.path if self.folder.descriptor is None else self.name

    def beside(self, name: bytes) -> Location:
        """Return another name in the same folder."""
        return Location(self.folder, name)

    def status(self) -> os.stat_result | None:
        """Return the status of the file or of the link itself; None if missing. Raises OSError."""
        try:
            return os.lstat(self.argument, dir_fd=self.descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            # The name of a sidecar may be too long although that of the picture is not.
            if error.errno == errno.ENAMETOOLONG:
                return None
            raise

    def identity(self) -> Identity | None:
        """Return the identity of the file or the link, None if missing. Raises OSError."""
        status = self.status()
        return None if status is None else Identity.of(status)

    def open(self, flags: int, mode: int = 0o600) -> int:
        """Open the file without following a link. Raises OSError."""
        return os.open(self.argument, flags | _FILE_ALONE, mode, dir_fd=self.descriptor)

    def link(self) -> bytes:
        """Return the target of the link. Raises OSError."""
        return os.readlink(self.argument, dir_fd=self.descriptor)

    def unlink(self) -> None:
        """Remove the name. Raises OSError."""
        os.unlink(self.argument, dir_fd=self.descriptor)

    @contextmanager
    def reading(self) -> Iterator[int]:
        """Give a descriptor to read the file. Raises Refused if it is not a regular file."""
        try:
            descriptor = self.open(os.O_RDONLY)
        except OSError as error:
            raise Refused(error.strerror or str(error)) from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Refused("is not a regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def digest(self) -> str:
        """Return the hexadecimal BLAKE3 digest of the content. Raises Refused."""
        with self.reading() as descriptor:
            return digest(descriptor)

    def digest_of_head(self) -> str:
        """Return the digest of the first 64 KiB. Raises Refused."""
        with self.reading() as descriptor:
            return digest_of_head(descriptor)


@contextmanager
def opened(path: bytes, *, inside: OpenFolder | None = None) -> Iterator[OpenFolder]:
    """Give an open folder; with `inside`, path is a name in that folder and must not be a link.

    Raises OSError: NotADirectoryError or ELOOP for a link.
    """
    whole = os.path.join(inside.path, path) if inside else path
    if not _HAS_FOLDER_DESCRIPTORS:
        if inside and os.path.islink(whole):
            raise NotADirectoryError(20, "is a link", whole)
        yield OpenFolder(whole, None)
        return
    flags = _FOLDER_ALONE | (_NO_LINK if inside else 0)
    descriptor = os.open(path, flags, dir_fd=inside.descriptor if inside else None)
    try:
        yield OpenFolder(whole, descriptor)
    finally:
        os.close(descriptor)


def digest(descriptor: int) -> str:
    """Return the hexadecimal BLAKE3 digest of an open file from its start. Raises Refused."""
    whole = blake3()
    for chunk in chunks(descriptor):
        whole.update(chunk)
    return str(whole.hexdigest())


def digest_of_head(descriptor: int) -> str:
    """Return the hexadecimal BLAKE3 digest of an open file's first 64 KiB. Raises Refused."""
    head = b""
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := _read(descriptor, HEAD_BYTES - len(head)):
        head += chunk
    return str(blake3(head).hexdigest())


def chunks(descriptor: int) -> Iterator[bytes]:
    """Yield the content of an open file from its start. Raises Refused."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    while chunk := _read(descriptor, _CHUNK_BYTES):
        yield chunk


def _read(descriptor: int, most_bytes: int) -> bytes:
    try:
        return os.read(descriptor, most_bytes)
    except OSError as error:
        raise Refused(error.strerror or str(error)) from error


def is_same_content(one: Location, other: Location) -> bool:
    """Return whether two regular files have the same bytes; False if one cannot be read."""
    try:
        with one.reading() as first, other.reading() as second:
            if os.fstat(first).st_size != os.fstat(second).st_size:
                return False
            return all(a == b for a, b in zip_longest(chunks(first), chunks(second)))
    except Refused:
        return False
