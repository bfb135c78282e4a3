"""Reads the words of pictures that were indexed before there were any; nothing is encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rclip_like.store import ranges_of
from rclip_like.values import Picture, Root

if TYPE_CHECKING:
    from rclip_like.images.readers import Readers, ReadTask
    from rclip_like.store import Writer

_PICTURES_A_TRANSACTION = 256


def unread_tasks(writer: Writer, roots: Sequence[Root]) -> Iterator[ReadTask]:
    """Yield what is to be read of each content under the roots whose words were never read."""
    for digest, path in writer.words.contents_unread(ranges_of(roots)):
        from rclip_like.images.readers import ReadTask

        yield ReadTask(path, (), words_of=digest)


def read_words(writer: Writer, readers: Readers, tasks: Iterator[ReadTask]) -> Iterator[int]:
    """Read and write the words of pictures, some hundred at each step, and yield how many.

    One that cannot be read, and will not be later, has none.
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
