"""The seeded order, the captions drawn and the pairs that are not wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from rclip_like.train.batches import CaptionBatches, draw, epoch_batches
from rclip_like.train.prepare import TokenTexts, caption_numbers

CAPTIONS = [("A dog",), ("a dog ", "brown dog"), ("a cat",), ("a cat", "tabby"), ("a bird",)]


def make_batches() -> CaptionBatches:
    tokens = [np.array([[row, m] for m in range(len(own))]) for row, own in enumerate(CAPTIONS)]
    images = SimpleNamespace(rows=lambda rows, epoch: torch.from_numpy(rows))
    pictures = np.array([0, 1, 2, 3, 2])
    words: dict[str, int] = {}
    numbers = caption_numbers(
        [
            np.array([[words.setdefault(each.strip().lower(), len(words))] for each in own])
            for own in CAPTIONS
        ]
    )
    return CaptionBatches(np.arange(5), images, TokenTexts(tokens), numbers, pictures, seed=5)


def test_every_row_comes_once_an_epoch_in_batches_as_equal_as_can_be() -> None:
    batches = epoch_batches(23, 5, seed=1, epoch=2)
    assert sorted(np.concatenate(batches)) == list(range(23))
    assert [len(rows) for rows in batches] == [5, 5, 5, 4, 4]


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    orders = [
        np.concatenate(epoch_batches(50, 8, seed=seed, epoch=epoch)).tolist()
        for seed, epoch in ((1, 0), (1, 0), (1, 1), (2, 0))
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2] != orders[3] != orders[0]


def test_a_rows_captions_take_turns() -> None:
    for row in range(4):
        drawn = [draw(5, 7, epoch, row) for epoch in range(10)]
        assert sorted(drawn[:5]) == sorted(drawn[5:]) == list(range(5))


def test_equal_captions_and_equal_pictures_are_no_wrong_pairs() -> None:
    batches = make_batches()
    for epoch in range(4):
        batch = batches.batch(np.arange(5), epoch)
        assert batch.equal is not None
        same_NN = batch.equal.rows(slice(0, 5))
        drawn = [CAPTIONS[row][m].strip().lower() for row, m in batch.texts.tolist()]
        for i in range(5):
            own = {caption.strip().lower() for caption in CAPTIONS[i]}
            for j in range(5):
                expected = drawn[j] in own or {i, j} == {2, 4} or i == j
                assert same_NN[i, j] == expected, (epoch, i, j)
