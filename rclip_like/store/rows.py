"""The values that go into the index and come out of it, their digests, and stretches of paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import blake3

from rclip_like.values import FileFacts, FileVersion, PictureFacts, Root

if TYPE_CHECKING:
    from rclip_like.values import Embedding

CLOCK_GRAIN_NS = 2_000_000_000
"""The coarsest clock a file's mtime comes from (FAT: two seconds).

A file whose mtime lies within it of the moment it was read may have been changed since without
its size and mtime telling, and is not trusted as unchanged.
"""

CLOCK_AHEAD_NS = 86_400 * 10**9
"""How far the clock of a file server may run ahead of ours. An mtime still later was set by a
camera with a wrong date: a change would give the file another one, so it is trusted."""

SETTLED = f"(mtime_ns < read_at_ns - {CLOCK_GRAIN_NS} OR mtime_ns > read_at_ns + {CLOCK_AHEAD_NS})"
"""In SQL, whether a row of files or failures can be trusted while size and mtime stay."""

UNCHANGED = "size_bytes = ? AND mtime_ns = ? AND inode = ? AND coalesce(changed_ns, ?) = ?"
"""In SQL, whether a row of files or failures says of a file what `unchanged_values` say."""

OUTDATED = ""
"""Stands in a reading for a reader that has been mended since."""

IMPORTED_DEVICE = -1
"""Stands for the device of a file that another machine has read, until its folder is walked here;
no file system has this number. Nothing that is missing on it counts as gone."""

STORED_DTYPE = "<f2"
"""Embeddings are kept as little-endian float16."""

OF_RIGHT_LENGTH = "length(embedding) = (SELECT 2 * dimension FROM models WHERE model_id = ?)"
"""In SQL, whether an embedding is as long as the model's are; SQLite reads no blob for it."""

IndexedFacts = tuple[bytes, int, int, int, int | None, int | None]
"""What is remembered of a path when the walk passes it: path, size_bytes, mtime_ns, device,
settled_inode and changed_ns; settled_inode is None for what is not a settled picture.

Settled are pictures encoded with the model asked about, unless the clock's grain makes them
doubtful. So the row of a settled picture equals the FileFacts of its file while nothing has
changed: both are tuples, and whole pages of them are compared in one stroke.
"""


class WalkedRoot(NamedTuple):
    """A folder that was a root: the device it lay on, and when it was walked."""

    path: bytes
    device: int
    walked_at_ns: int

    @property
    def extent(self) -> PathRange:
        """The range of all paths in it."""
        return range_of(Root(self.path, self.path))

    def lies_in(self, ranges: Sequence[PathRange]) -> bool:
        """Return whether the folder itself lies in one of the ranges."""
        return any(start <= self.extent.start < end for start, end in ranges)


class StoredFile(NamedTuple):
    """A file's row with the digest and the facts of its content; `path` is absolute."""

    rowid: int
    path: bytes
    size_bytes: int
    mtime_ns: int
    device: int
    inode: int
    changed_ns: int | None
    content_id: int
    digest: bytes
    is_hidden: bool
    facts: PictureFacts

    @property
    def version(self) -> FileVersion:
        """The content that was encoded, and what `stat` said of the file then."""
        return FileVersion(self.digest, self.size_bytes, self.mtime_ns, self.inode, self.changed_ns)


class Reading(NamedTuple):
    """How a content was read: its facts, by which reader ("TIFF 2"), the digest of the pixels that
    the model saw, its captions and keywords, each in a line, and when a video's frames come.
    """

    size_bytes: int
    facts: PictureFacts
    reader: str | None = None
    pixels: bytes | None = None
    words: tuple[str, str] | None = None
    seconds: tuple[float, ...] = ()


class ContentRow(NamedTuple):
    """A content that the model has encoded now: how it was read, and its embeddings.

    embeddings: unit float32 (D,) by part number, see `FIRST_PARTS`; the whole picture comes first.
    """

    reading: Reading
    embeddings: Mapping[int, Embedding]


class FileRow(NamedTuple):
    """A file as it was when it was handed to a reader, and the digest that came back."""

    facts: FileFacts
    read_at_ns: int
    digest: bytes


class FailureRow(NamedTuple):
    """A file that could not be read as a picture, why, and by which readers.

    `code` names the reason without words, None where an earlier version remembered it;
    `attempts` counts how often the file, as it is, was tried.
    """

    facts: FileFacts
    read_at_ns: int
    reason: str
    reader_versions: str
    code: str | None = None
    attempts: int = 1


class Batch(NamedTuple):
    """What one transaction writes: new contents by digest, files, failures, paths now gone.

    `noted` are unchanged files whose inode or ctime the index does not have; `reread` are contents
    of which a mended reader gave the same pixels as before, by digest.
    """

    contents: Mapping[bytes, ContentRow] = MappingProxyType({})
    files: Sequence[FileRow] = ()
    failures: Sequence[FailureRow] = ()
    gone: Sequence[bytes] = ()
    noted: Sequence[FileFacts] = ()
    reread: Mapping[bytes, Reading] = MappingProxyType({})


_DIGEST_BYTES = 8
"""The length of the digests that reveal damage. Chance changes rows, not malice: one damaged row in
2 to the power of 64 goes unseen."""


def unchanged_values(facts: FileFacts) -> tuple[int | None, ...]:
    """Return the values that `UNCHANGED` compares with."""
    times = (facts.changed_ns, facts.changed_ns)
    return (facts.size_bytes, facts.mtime_ns, facts.inode, *times)


def row_digest(embedding: bytes) -> bytes:
    """Return the digest that stands beside an embedding of a picture."""
    return bytes(blake3.blake3(embedding).digest(_DIGEST_BYTES))


def text_mark(model_id: int, tokenizer: str, text: str, embedding: bytes) -> str:
    """Return what stands beside a remembered text: its tokenizer, and a digest of the whole row."""
    described = f"{model_id} {tokenizer} {text}\0".encode()
    return f"{tokenizer} {blake3.blake3(described + embedding).digest(_DIGEST_BYTES).hex()}"


class PathRange(NamedTuple):
    """All paths from `start` up to, but not with, `end`, compared byte by byte."""

    start: bytes
    end: bytes


EVERYTHING = PathRange(b"", b"\xff")
"""Holds every absolute path: they begin with a slash or a drive letter."""


def ranges_of(roots: Sequence[Root] | None) -> list[PathRange]:
    """Return the ranges of the roots in ascending order, without overlaps; None is everything."""
    if roots is None:
        return [EVERYTHING]
    kept: list[PathRange] = []
    for one in sorted(range_of(root) for root in roots):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        else:  # the root of a disk as a path of its own begins where the folder does
            kept[-1] = PathRange(kept[-1].start, max(kept[-1].end, one.end))
    return kept


def range_of(root: Root) -> PathRange:
    """Return the range of one root: the file itself, or what lies in the folder."""
    if root.is_file:
        return PathRange(root.path, root.path + b"\0")
    is_windows = root.path[1:3] == b":\\" or root.path.startswith(b"\\\\")
    separator = b"\\" if is_windows else b"/"
    folder = root.path.removesuffix(separator)
    return PathRange(folder + separator, folder + bytes([separator[0] + 1]))
