"""The pending batch: what was read and waits to be encoded and written."""

from __future__ import annotations

import time
from collections.abc import Container
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.store import Batch, ContentRow, FailureRow, FileRow, Reading
from rclip_like.values import FileFacts, Picture

if TYPE_CHECKING:
    from rclip_like.values import Embeddings, Pixels

_MOST_ROWS = 1024
_MOST_SECONDS = 10.0


class PendingRead(NamedTuple):
    """A file that a reader was asked for: `facts.device` is that of its folder."""

    facts: FileFacts
    read_at_ns: int
    before: bytes | None = None
    """The digest in its row, where its size and mtime are still the row's."""


@dataclass
class PendingBatch:
    """Collects what one transaction will hold; pictures of equal content are encoded once."""

    files: list[FileRow] = field(default_factory=list)
    failures: list[FailureRow] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    reread: dict[bytes, Reading] = field(default_factory=dict)
    """By digest: what a mended reader made of a content, of which it saw the same pixels."""
    waiting: dict[bytes, Picture] = field(default_factory=dict)
    """By digest: the pictures to be encoded."""
    num_waiting: int = 0
    """How many pictures the encoder will be given: all parts of those in `waiting`."""
    since: float = field(default_factory=time.monotonic)
    """When collecting began, on the monotonic clock."""
    embeddings: Embeddings | None = None
    """Unit rows (N, D) of what `pixels` gives, once the encoder has made them."""

    def take(self, read: PendingRead, picture: Picture, *, encode: bool) -> None:
        """Add a file that was read; with `encode` its picture waits for the encoder."""
        self.files.append(FileRow(read.facts, read.read_at_ns, picture.digest))
        if encode:
            self.waiting[picture.digest] = picture
            self.num_waiting += len(picture.parts)

    def is_due(self, batch_size: int) -> bool:
        """Return whether it is time to write: the batch is full, or it has been a while.

        batch_size: how many pictures the encoder takes at a time, 0 while nothing waits for it.
        """
        num_rows = len(self.files) + len(self.failures) + len(self.gone)
        is_old = time.monotonic() - self.since > _MOST_SECONDS
        return (
            0 < batch_size <= self.num_waiting
            or num_rows >= _MOST_ROWS
            or (is_old and num_rows > 0)
        )

    def pixels(self) -> Pixels:
        """Return the waiting pictures' pixels, uint8 (N, S, S, 3), part by part."""
        import numpy as np  # most runs find nothing to encode

        return np.stack(
            [one for picture in self.waiting.values() for one in picture.parts.values()]
        )

    def as_batch(self, unencoded: Container[bytes] = ()) -> Batch:
        """Return what is to be written, but for unencoded contents and their files.

        The encoder may finish a batch after its contents were found unencoded.
        """
        contents = {}
        if self.embeddings is not None:
            rows = iter(self.embeddings)
            for digest, picture in self.waiting.items():
                embeddings = {part: next(rows) for part in picture.parts}
                if digest not in unencoded:
                    contents[digest] = ContentRow(reading_of(picture), embeddings)
        files = [file for file in self.files if file.digest not in unencoded]
        return Batch(contents, files, self.failures, self.gone, reread=self.reread)


def reading_of(picture: Picture) -> Reading:
    """Return what the index stores of how a picture was read."""
    assert picture.facts is not None
    pixels = picture.pixels_digest
    read = (picture.reader, pixels, picture.words, picture.seconds)
    return Reading(picture.size_bytes, picture.facts, *read)
