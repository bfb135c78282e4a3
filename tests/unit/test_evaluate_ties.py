"""Equal scores in random order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rclip_like.evaluate.ties import Targets, best_of_row, chance_of_hit, expected_reciprocal_rank


def test_ties_count_with_their_mean_over_all_orders() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1], dtype=np.float32)
    right = np.array([False, True, False, True, True])
    better, tied = best_of_row(scores[None], np.float32([0.5]))
    for k in range(8):
        hits = [
            any(right[number] for number in sorted(order, key=lambda number: -scores[number])[:k])
            for order in itertools.permutations(range(5))
        ]
        assert chance_of_hit(better, tied, np.array([2]), k) == pytest.approx([np.mean(hits)])


def test_thousands_of_equal_scores_give_finite_figures() -> None:
    counts = np.array([0]), np.array([25_000]), np.array([5])
    (chance,) = chance_of_hit(*counts, 10_000)
    assert chance == pytest.approx(1 - 0.6**5, abs=1e-3)
    (reciprocal,) = expected_reciprocal_rank(*counts)
    assert 0 < reciprocal < 0.01


def test_equal_rows_tie_wherever_they_stand() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(1003, 512)).astype(np.float32)
    rows[502:] = rows[:501]
    queries = random.normal(size=(50, 512)).astype(np.float32)
    scores = Targets(rows).cosines(queries)
    assert np.array_equal(scores[:, 502:], scores[:, :501])
    assert np.allclose(scores, queries @ rows.T, atol=1e-4)
    assert np.array_equal(Targets(rows[:501]).cosines(queries), queries @ rows[:501].T)
