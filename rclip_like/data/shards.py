"""Tar shards from untrusted sources, read within limits on memory and work.

A shard's own claims are not trusted: a header of 512 bytes may claim a terabyte, and gzip may
expand to a thousand times its size.
"""

from __future__ import annotations

import gzip
import os
import sys
import tarfile
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from rclip_like.models.regular import open_regular

_AT_ONCE = 1 << 20
"""The most bytes in one read. No header that tarfile reads whole is larger, and longer files are
read in pieces, so that memory is taken by what is there, not by what a header claims."""
_RATIO = 100
_ALWAYS = 64 << 20
"""A gzip file may expand to `_RATIO` times its size and this, rereading for links included. Shards
of pictures expand to one to three times their size; zeros, to a thousand times."""
_GZIP = b"\x1f\x8b"


def ending_of(name: str) -> str:
    """Return a name's extension, lower-case with its dot."""
    return os.path.splitext(name)[1].lower()


def read_members(
    shard: Path, most_bytes: Mapping[str, int], named_only: Container[str] = ()
) -> Iterator[tuple[str, bytes | str]]:
    """Yield the name of each file of a shard with its bytes, or with the reason it is unusable.

    most_bytes: by ending, how large a file may be; files with other endings are skipped.
    named_only: endings of files that are yielded with empty bytes. Raises ModelError if the
    shard is not a regular file, and the errors of tarfile, gzip and zlib where it cannot be read
    further.
    """
    with (
        open_regular(shard, sys.maxsize) as file,
        tarfile.open(fileobj=cast(BinaryIO, _Bounded(file)), mode="r:") as members,
    ):
        for member in members:
            # Before the next one is looked for: from a negative size, CPython goes back for ever.
            if member.size < 0:
                raise tarfile.ReadError(f"{member.name} claims {member.size} bytes")
            ending = ending_of(member.name)
            if ending in named_only:
                yield member.name, b""
                continue
            most = most_bytes.get(ending)
            content = None if most is None else _content(members, member, most)
            if content is not None:
                yield member.name, content


def _content(
    members: tarfile.TarFile, member: tarfile.TarInfo, most_bytes: int
) -> bytes | str | None:
    """Return a member's bytes, or why it cannot be used; None for a folder or a device."""
    if member.issparse():
        return "is stored as a sparse file, which is not read"
    try:
        stream = members.extractfile(member)
    except (KeyError, RecursionError):  # links may lead to each other
        return "is a link to nothing in the shard"
    if stream is None:
        return None
    with stream:
        if stream.seek(0, os.SEEK_END) > most_bytes:
            return f"is larger than {most_bytes / (1 << 20):,.0f} MiB"
        stream.seek(0)
        return b"".join(iter(lambda: stream.read(_AT_ONCE), b""))


class _Bounded:
    """A tar's bytes for tarfile, limited in each read and in all."""

    def __init__(self, file: BinaryIO) -> None:
        self.stream: Any = file
        self.most_bytes = sys.maxsize
        if file.read(len(_GZIP)) == _GZIP:
            self.stream = gzip.GzipFile(fileobj=file)
            self.most_bytes = _ALWAYS + _RATIO * os.fstat(file.fileno()).st_size
        file.seek(0)
        self.left = self.most_bytes

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _AT_ONCE:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        self._spend(size)
        content: bytes = self.stream.read(size)
        return content

    def seek(self, offset: int) -> int:
        here = self.stream.tell()
        # Backwards, gzip begins again.
        self._spend(offset - here if offset >= here else offset)
        return int(self.stream.seek(offset))

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self.stream.tell())

    def _spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise tarfile.ReadError(
                f"more than {self.most_bytes:,} bytes would have to be unpacked; if that is right, "
                "unpack it to a .tar"
            )
