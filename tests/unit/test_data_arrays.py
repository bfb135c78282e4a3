"""A set of pictures in batches, and parted by content."""

from __future__ import annotations

import blake3
import numpy as np

from rclip_like.data.arrays import held_out, in_batches


def test_the_last_batch_holds_what_is_left() -> None:
    pictures = [np.full((2, 2, 3), number, np.uint8) for number in range(5)]
    batches = list(in_batches(iter(pictures), 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(batches), np.stack(pictures))
    assert not list(in_batches([], 2))


def test_a_picture_measures_by_its_content_whatever_else_is_there() -> None:
    digests = [blake3.blake3(b"%d" % number).digest() for number in range(1000)]
    every = held_out(digests, 0.1)
    assert 60 < every.sum() < 140
    np.testing.assert_array_equal(held_out(digests[::-1], 0.1), every[::-1])
    np.testing.assert_array_equal(held_out(digests[500:], 0.1), every[500:])
