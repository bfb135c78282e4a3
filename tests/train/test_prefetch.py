"""A thread that makes the next batch ready changes nothing but the time."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from rclip_like.train.batches import Batch, Rows
from rclip_like.train.prefetch import PrefetchedBatches


class Drawn:
    """Batches of made-up pictures, which say how and by which threads they were read."""

    num_pairs = 8

    def __init__(self) -> None:
        self.read: list[tuple[str, int]] = []

    def batch(self, rows: Rows, epoch: int) -> Batch:
        def images(part: slice) -> torch.Tensor:
            self.read.append((threading.current_thread().name, len(rows[part])))
            pixels = np.random.default_rng((epoch, *rows)).integers(0, 256, (len(rows), 4, 4, 3))
            return torch.from_numpy(pixels.astype(np.uint8))[part]

        return Batch(rows, images, torch.from_numpy(rows))


ROWS = np.arange(5)


def images_of(batch: Batch) -> torch.Tensor:
    return torch.cat([batch.images(slice(0, 2)), batch.images(slice(2, 5))])


def test_a_batch_that_was_expected_is_read_by_the_thread_and_equal() -> None:
    drawn = Drawn()
    with PrefetchedBatches(drawn) as batches:
        batches.expect(ROWS, 3)
        found = images_of(batches.batch(ROWS, 3))
    assert torch.equal(found, images_of(Drawn().batch(ROWS, 3)))
    assert {name for name, _ in drawn.read} == {"pictures_0"}


@pytest.mark.parametrize(("rows", "epoch"), [(ROWS[::-1].copy(), 3), (ROWS, 4), (ROWS[:4], 3)])
def test_a_batch_that_was_not_expected_is_read_when_it_is_needed(rows: Rows, epoch: int) -> None:
    with PrefetchedBatches(Drawn()) as batches:
        batches.expect(ROWS, 3)
        found = batches.batch(rows, epoch).images(slice(0, 4))
    assert torch.equal(found, Drawn().batch(rows, epoch).images(slice(0, 4)))


def test_large_batches_are_read_piece_by_piece() -> None:
    drawn = Drawn()
    with PrefetchedBatches(drawn, most_bytes=5 * 4 * 4 * 3 - 1) as batches:
        batches.expect(ROWS, 3)
        found = images_of(batches.batch(ROWS, 3))
    assert torch.equal(found, images_of(Drawn().batch(ROWS, 3)))
    assert drawn.read[1:] == [("MainThread", 2), ("MainThread", 3)]


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_asked_for() -> None:
    class Broken(Drawn):
        def batch(self, rows: Rows, epoch: int) -> Batch:
            raise OSError("the disk is gone")

    with PrefetchedBatches(Broken()) as batches:
        batches.expect(ROWS, 3)
        with pytest.raises(OSError, match="the disk is gone"):
            batches.batch(ROWS, 3)


def test_the_thread_ends_with_the_block() -> None:
    def running() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name.startswith("pictures")]

    with PrefetchedBatches(Drawn()) as batches:
        batches.expect(ROWS, 1)
        assert running()
    assert not running()
