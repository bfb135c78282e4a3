"""Word queries: what counts as right, and precision with ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from recipe.words import WORDS, forms, mentions, precision_at


@pytest.mark.parametrize(
    ("word", "plural"),
    [("dog", "dogs"), ("church", "churches"), ("bus", "buses"), ("fly", "flies"), ("key", "keys")],
)
def test_plurals_are_the_regular_ones(word: str, plural: str) -> None:
    assert forms(word) == (word, plural)


@pytest.mark.parametrize(
    ("word", "text", "expected"),
    [
        ("dog", "Two DOGS run.", True),
        ("dog", "a hot dog", True),
        ("cat", "a catapult", False),
        ("car", "scarf", False),
        ("musical instrument", "a box of musical instruments", True),
        ("church", "churches in a row", True),
        ("fish", "fishing", False),
    ],
)
def test_whole_words_and_their_plurals_count(word: str, text: str, expected: bool) -> None:
    assert mentions(word, ["nothing", text]) is expected


def test_precision_counts_the_best_ten() -> None:
    scores = np.linspace(1, 0, 50, dtype=np.float32)
    relevant = np.arange(50) % 3 == 0
    assert precision_at(scores, relevant, 10) == 0.4
    assert precision_at(scores, relevant, 100) == pytest.approx(17 / 50)


def test_ties_count_with_their_mean_over_all_orders() -> None:
    scores = np.array([0.7, 0.4, 0.4, 0.4, 0.1], dtype=np.float32)
    relevant = np.array([True, True, False, False, True])
    for k in range(1, 6):
        orders = [
            sorted(order, key=lambda place: -scores[place])[:k]
            for order in itertools.permutations(range(5))
        ]
        expected = np.mean([np.mean(relevant[list(order)]) for order in orders])
        assert precision_at(scores, relevant, k) == pytest.approx(expected)


def test_the_twenty_words_are_there() -> None:
    assert len(set(WORDS)) == 20
    assert {"musical instrument", "lighthouse", "flower"} < set(WORDS)
