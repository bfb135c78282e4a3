"""Adds the tiles of pictures that were encoded without them; the whole is not encoded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rclip_like.index.batch import PendingBatch
from rclip_like.store import ranges_of
from rclip_like.values import Root, Trouble

if TYPE_CHECKING:
    from rclip_like.images.readers import Readers, ReadTask
    from rclip_like.index.encoding import EncoderThread
    from rclip_like.store import Writer


def untiled_tasks(
    writer: Writer, model_id: int, roots: Sequence[Root], encoder: EncoderThread
) -> Iterator[ReadTask]:
    """Yield a task for each content under the roots that is to have tiles and has none."""
    for _, path in writer.untiled(model_id, ranges_of(roots)):
        from rclip_like.images.products import Square, Tiles
        from rclip_like.images.readers import ReadTask

        yield ReadTask(path, (Tiles(Square.of(encoder.model.specification.preprocessing)),))


def add_tiles(
    writer: Writer,
    model_id: int,
    encoder: EncoderThread,
    readers: Readers,
    tasks: Iterator[ReadTask],
) -> Iterator[int]:
    """Read, encode and write tiles, a batch a transaction; yield of how many contents.

    A file that cannot be read now, or has another content, is passed over: what becomes of it is
    for the next walk to say.
    """
    batch = PendingBatch()
    written: set[bytes] = set()
    """The digests of contents, since copies come more than once."""

    def write() -> int:
        encoder.put(batch, batch.pixels())
        encoder.wait()
        contents = batch.as_batch().contents
        writer.put_parts(model_id, {digest: row.embeddings for digest, row in contents.items()})
        written.update(contents)
        return len(contents)

    for picture in readers.read_all(tasks):
        if isinstance(picture, Trouble) or not picture.parts:
            continue
        if picture.digest not in batch.waiting and picture.digest not in written:
            batch.waiting[picture.digest] = picture
            batch.num_waiting += len(picture.parts)
        if batch.waiting and not encoder.batch_size:
            encoder.load()
        if batch.num_waiting >= encoder.batch_size > 0:
            yield write()
            batch = PendingBatch()
    if batch.waiting:
        yield write()
