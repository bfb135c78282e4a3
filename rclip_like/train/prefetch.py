"""The pictures of the next step, made ready by a thread while the present step is taken."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rclip_like.train.batches import Batch, Batches, Rows

_MOST_BYTES = 1 << 28
"""A batch of larger pictures is read piece by piece when they are needed: 1,783 of 224 pixels."""


class _Expected(NamedTuple):
    rows: Rows
    epoch: int
    batch: Future[Batch]


class PrefetchedBatches:
    """The same batches, each read from the disk, cropped and mirrored before it is asked for.

    What each batch holds depends on its rows and its epoch alone, so that the thread changes
    nothing but the time. Errors of the thread are raised by `batch`. Used with `with`.
    """

    def __init__(self, batches: Batches, most_bytes: int = _MOST_BYTES) -> None:
        self._batches, self._most_bytes = batches, most_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._expected: _Expected | None = None

    def __enter__(self) -> PrefetchedBatches:
        return self

    def __exit__(self, *raised: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    @property
    def num_pairs(self) -> int:
        """Return the number of pairs of an epoch."""
        return self._batches.num_pairs

    def expect(self, rows: Rows, epoch: int) -> None:
        """Begin to make the batch of these rows ready, which is asked for next."""
        self._expected = _Expected(rows, epoch, self._thread.submit(self._ready, rows, epoch))

    def batch(self, rows: Rows, epoch: int) -> Batch:
        """Return the pairs of these rows as an epoch sees them, waiting for them if need be."""
        expected, self._expected = self._expected, None
        if expected is None:
            return self._batches.batch(rows, epoch)
        if expected.epoch == epoch and np.array_equal(expected.rows, rows):
            return expected.batch.result()
        expected.batch.cancel()
        return self._batches.batch(rows, epoch)

    def _ready(self, rows: Rows, epoch: int) -> Batch:
        batch = self._batches.batch(rows, epoch)
        one = batch.images(slice(0, 1))
        if one.nbytes * len(batch) > self._most_bytes:
            return batch
        images = batch.images(slice(0, len(batch)))
        return replace(batch, images=lambda part: images[part])
