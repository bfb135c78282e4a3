"""Words and several labels a picture against scikit-learn and loops, with ties."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, ndcg_score

from rclip_like.errors import MeasureError
from rclip_like.evaluate.words import (
    average_precision,
    mean_average_precision,
    precision,
    ranking_figures,
    reciprocal_rank,
)


def tied_scores(seed: int, rows: int = 20, columns: int = 30, values: int = 6) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, values, size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("values", [1, 6, 10_000])
def test_figures_equal_those_of_scikit_learn(seed: int, values: int) -> None:
    scores = tied_scores(seed, values=values)
    gains = np.random.default_rng(seed + 50).integers(0, 3, size=scores.shape)
    found = ranking_figures(scores, gains)
    for query, (row, gain) in enumerate(zip(scores, gains, strict=True)):
        assert found.average_precisions[query] == pytest.approx(
            average_precision_score(gain > 0, row)
        )
        assert found.ndcg[query] == pytest.approx(ndcg_score(gain[None], row[None], k=10))


@pytest.mark.parametrize("seed", range(5))
def test_precision_and_reciprocal_rank_are_means_over_all_orders_of_ties(seed: int) -> None:
    scores = tied_scores(seed, 3, 6, 3)
    relevant = np.random.default_rng(seed).random(scores.shape) < 0.5
    relevant[:, 0] = True
    for query, (row, right) in enumerate(zip(scores, relevant, strict=True)):
        orders = [
            right[sorted(shuffled, key=lambda number: -row[number])]
            for shuffled in itertools.permutations(range(6))
        ]
        for k in (1, 2, 4, 6, 10):
            expected = np.mean([order[:k].sum() / min(k, 6) for order in orders])
            assert precision(scores, relevant.astype(float), k)[query] == pytest.approx(expected)
        expected = np.mean([1 / (1 + order.argmax()) for order in orders])
        assert reciprocal_rank(scores, relevant.astype(float))[query] == pytest.approx(expected)


def test_precision_counts_the_best_ten() -> None:
    scores = np.linspace(1, 0, 50, dtype=np.float32)[None]
    relevant = (np.arange(50) % 3 == 0)[None].astype(float)
    assert precision(scores, relevant, 10) == [0.4]
    assert precision(scores, relevant, 100) == pytest.approx([17 / 50])


def test_a_query_without_a_relevant_picture_belongs_to_no_mean() -> None:
    gains = np.zeros((2, 5))
    gains[1, 2] = 1
    found = ranking_figures(tied_scores(1, 2, 5), gains)
    for values in (*found.precisions.values(), found.ndcg, found.reciprocal_ranks):
        assert np.isnan(values).tolist() == [True, False]
    assert np.isnan(found.average_precisions).tolist() == [True, False]


def test_results_do_not_depend_on_where_the_chunks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = tied_scores(1)
    gains = np.random.default_rng(2).random(scores.shape) < 0.3
    whole = ranking_figures(scores, gains)
    monkeypatch.setattr("rclip_like.evaluate.words._VALUES_AT_ONCE", 90)
    parts = ranking_figures(scores, gains)
    assert np.allclose(whole.ndcg, parts.ndcg, equal_nan=True)
    assert np.array_equal(whole.precisions[10], parts.precisions[10], equal_nan=True)


def test_labels_without_pictures_are_counted_and_belong_to_no_mean() -> None:
    scores = tied_scores(3, 40, 5)
    targets = np.random.default_rng(3).random((40, 5)) < 0.3
    targets[:, [1, 4]] = False
    ours = mean_average_precision(scores, targets)
    has_any = targets.any(0)
    for average in ("macro", "micro"):
        reference = average_precision_score(
            targets[:, has_any], scores[:, has_any], average=average
        )
        assert getattr(ours, average) == pytest.approx(reference)
    assert (ours.num_labels, ours.num_without) == (5, 2)
    assert np.isnan(ours.by_label).tolist() == (~has_any).tolist()
    with pytest.raises(MeasureError, match="no picture has a label"):
        mean_average_precision(scores, np.zeros((40, 5), bool))


def test_average_precision_of_constant_scores_is_the_share_of_positives() -> None:
    gains = np.array([[1.0, 0, 0, 0], [0, 0, 0, 1.0]])
    assert average_precision(np.ones((2, 4), np.float32), gains).tolist() == [0.25, 0.25]
