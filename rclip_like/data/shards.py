"""Tar shards from untrusted sources, read within limits on memory and work.

A shard's own claims are not trusted: a header of 512 bytes may claim a terabyte, and gzip may
expand to a thousand times its size.
"""

from __future__ import annotations

import gzip
import os
import posixpath
import sys
import tarfile
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from rclip_like.data.captions import TEXT_BYTES, ending_of
from rclip_like.models.regular import open_regular

# Besides its own errors, tarfile raises these for malicious headers.
UNREADABLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error),
    *(ArithmeticError, LookupError, ValueError, RecursionError, MemoryError),
)
_MOST_MEMBERS = 1_000_000
_MOST_TEXT_BYTES = 1 << 30
"""Of one shard; its texts are in memory together, and those of usual shards have some megabytes."""
_MOST_NAME_BYTES = 256 << 20
"""Of one shard; a header may hold a name of a megabyte."""
_MOST_LINKS = 16
_AT_ONCE = 1 << 20
"""The most bytes in one read. No header that tarfile reads whole is larger, and longer files are
read in pieces, so that memory is taken by what is there, not by what a header claims."""
_RATIO = 100
_ALWAYS = 64 << 20
"""A gzip file may expand to `_RATIO` times its size and this, rereading included. Shards of
pictures expand to one to three times their size; zeros, to a thousand times."""
_GZIP = b"\x1f\x8b"


class Stored(NamedTuple):
    """Where the bytes of a file begin in the unpacked shard, and how many there are."""

    offset: int
    size: int


class ShardIndex(NamedTuple):
    """The files of a shard by name, in the order in which they are stored.

    pictures: where they lie, or why they cannot be used; texts: their bytes, or why not. fault: why
    the shard cannot be read to its end, "" if it can. is_packed: whether it must be read from its
    beginning to reach a file. identity: the shard's size and mtime when it was read.
    """

    pictures: Mapping[str, Stored | str]
    texts: Mapping[str, bytes | str]
    fault: str
    is_packed: bool
    identity: tuple[int, int]


def index_shard(
    shard: Path, endings: Container[str], most_bytes: int, text_endings: Container[str]
) -> ShardIndex:
    """Return what a shard holds, with the contents of its texts.

    endings: those of pictures, which may have `most_bytes`; text_endings: those of texts, which may
    have TEXT_BYTES. Files with other endings are skipped. Raises ModelError if the shard is not a
    regular file, and OSError if it cannot be opened.
    """
    with open_regular(shard, sys.maxsize) as file:
        facts = os.fstat(file.fileno())
        indexer = _Indexer(_Bounded(file), endings, most_bytes, text_endings)
        fault = ""
        try:
            indexer.walk()
        except UNREADABLE as error:
            fault = f"cannot be read to its end: {str(error) or 'not enough memory'}"
            indexer.drop_last_unless_whole(facts.st_size)
        return ShardIndex(
            indexer.pictures,
            indexer.texts,
            fault,
            indexer.stream.is_packed,
            (facts.st_size, facts.st_mtime_ns),
        )


def read_stored(
    shard: Path, index: ShardIndex, files: Sequence[Stored], most_each: int = sys.maxsize
) -> Iterator[bytes]:
    """Yield the bytes of files in a shard, of each the first `most_each`.

    files: in the order of their offsets if the shard is packed. Raises ModelError and the errors in
    UNREADABLE if the shard cannot be read any more or has changed since it was indexed.
    """
    with open_regular(shard, sys.maxsize) as file:
        facts = os.fstat(file.fileno())
        if index.identity != (facts.st_size, facts.st_mtime_ns):
            raise tarfile.ReadError("it changed while it was in use")
        stream = _Bounded(file)
        before, content = None, b""
        for stored in files:
            size = min(stored.size, most_each)
            if stored == before:  # links to one file follow each other
                stream.spend(size)
            else:
                content = stream.read_at(stored.offset, size)
            before = stored
            yield content


class _Indexer:
    """The part of a shard that has been walked."""

    def __init__(
        self,
        stream: _Bounded,
        endings: Container[str],
        most_bytes: int,
        text_endings: Container[str],
    ) -> None:
        self.stream = stream
        self.pictures: dict[str, Stored | str] = {}
        self.texts: dict[str, bytes | str] = {}
        self._endings, self._text_endings = endings, text_endings
        self._most_bytes = most_bytes
        self._files: dict[str, Stored] = {}
        self._links: dict[str, str] = {}
        self._last: tuple[str, Stored] | None = None
        self._num_text_bytes = self._num_name_bytes = 0

    def walk(self) -> None:
        """Note every member by its name. Raises the errors in UNREADABLE."""
        with tarfile.open(fileobj=cast(BinaryIO, self.stream), mode="r:") as members:
            count = 0
            while (member := members.next()) is not None:
                members.members.clear()  # type: ignore[attr-defined] # else all stay in memory
                # Before the next one is looked for: from a negative size, CPython goes back for
                # ever.
                if member.size < 0:
                    raise tarfile.ReadError(f"{member.name} claims {member.size} bytes")
                count += 1
                if count > _MOST_MEMBERS:
                    raise tarfile.ReadError(f"it holds more than {_MOST_MEMBERS:,} files")
                self._num_name_bytes += len(member.name) + len(member.linkname)
                if self._num_name_bytes > _MOST_NAME_BYTES:
                    raise tarfile.ReadError("its names have more than 256 MiB")
                self._put(member)
            self._resolve_links()

    def drop_last_unless_whole(self, shard_bytes: int) -> None:
        """Forget the last member if the shard ends within it."""
        if self._last is None:
            return
        name, stored = self._last
        end = self.stream.tell()
        if not self.stream.is_packed:  # where seeking beyond the end succeeds
            end = min(end, shard_bytes)
        if stored.offset + stored.size > end:
            self.pictures.pop(name, None)
            self.texts.pop(name, None)

    def _put(self, member: tarfile.TarInfo) -> None:
        name = member.name
        is_text = ending_of(name) in self._text_endings
        if member.issym():
            self._links[name] = posixpath.join(posixpath.dirname(name), member.linkname)
        elif member.islnk():
            self._links[name] = member.linkname
        elif not member.isreg():
            return
        else:
            stored = Stored(member.offset_data, member.size)
            self._last = name, stored
            self._files[posixpath.normpath(name)] = stored
            if is_text or ending_of(name) in self._endings:
                self._put_file(name, stored, is_sparse=member.issparse())
            return
        if is_text or ending_of(name) in self._endings:
            # So it has its position in the order.
            (self.texts if is_text else self.pictures)[name] = "is a link to nothing in the shard"

    def _put_file(self, name: str, stored: Stored, *, is_sparse: bool = False) -> None:
        is_text = ending_of(name) in self._text_endings
        most = TEXT_BYTES if is_text else self._most_bytes
        reason = "is stored as a sparse file, which is not read" if is_sparse else ""
        if not is_sparse and stored.size > most:
            reason = f"is larger than {most / (1 << 20):,.0f} MiB"
        if not is_text:
            self.pictures[name] = reason or stored
            return
        self._num_text_bytes += 0 if reason else stored.size
        if self._num_text_bytes > _MOST_TEXT_BYTES:
            raise tarfile.ReadError(f"its texts have more than {_MOST_TEXT_BYTES >> 30} GiB")
        self.texts[name] = reason or self.stream.read_at(stored.offset, stored.size)

    def _resolve_links(self) -> None:
        found = []
        for name in self._links:
            target = name
            for _ in range(_MOST_LINKS):
                if target not in self._links:
                    break
                target = self._links[target]
            if (stored := self._files.get(posixpath.normpath(target))) is not None:
                found.append((stored, name))
        for stored, name in sorted(found):
            if ending_of(name) in self._text_endings or ending_of(name) in self._endings:
                self._put_file(name, stored)


class _Bounded:
    """A tar's bytes for tarfile, limited in each read and in all."""

    def __init__(self, file: BinaryIO) -> None:
        self.stream: Any = file
        self.most_bytes = sys.maxsize
        self.is_packed = file.read(len(_GZIP)) == _GZIP
        if self.is_packed:
            self.stream = gzip.GzipFile(fileobj=file)
            self.most_bytes = _ALWAYS + _RATIO * os.fstat(file.fileno()).st_size
        file.seek(0)
        self.left = self.most_bytes

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _AT_ONCE:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        self.spend(size)
        content: bytes = self.stream.read(size)
        return content

    def read_at(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an offset. Raises ReadError if fewer are there."""
        self.seek(offset)
        pieces = []
        while size:
            piece = self.read(min(size, _AT_ONCE))
            if not piece:
                raise tarfile.ReadError("unexpected end of data")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def seek(self, offset: int) -> int:
        here = self.stream.tell()
        # Backwards, gzip begins again.
        self.spend(offset - here if offset >= here else offset)
        return int(self.stream.seek(offset))

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self.stream.tell())

    def spend(self, size: int) -> None:
        """Count bytes that take work to unpack. Raises ReadError for more than are allowed."""
        self.left -= size
        if self.left < 0:
            raise tarfile.ReadError(
                f"more than {self.most_bytes:,} bytes would have to be unpacked; if that is right, "
                "unpack it to a .tar"
            )
