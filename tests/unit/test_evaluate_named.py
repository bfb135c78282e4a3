"""The row of a name: the mean of its pictures, or a probe where that is better."""

from __future__ import annotations

import numpy as np
import pytest

from rclip_like.evaluate import named
from rclip_like.evaluate.named import average_precision, row_of

DIMENSION = 16


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def drawn(number: int, centre: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((number, DIMENSION))
    return unit(centre + 0.3 * noise)


def test_few_pictures_are_their_mean() -> None:
    pictures = unit(np.array([[1.0, 0], [0, 1.0]]))
    row, method = row_of(pictures, pictures[:0])
    assert method == "mean"
    np.testing.assert_allclose(row, [0.5**0.5] * 2, rtol=1e-6)


def test_a_probe_is_taken_where_the_mean_is_what_all_pictures_share() -> None:
    pytest.importorskip("sklearn")
    common, own = 5 * np.eye(DIMENSION)[0], 0.5 * np.eye(DIMENSION)[1]
    others = drawn(300, common, 1)
    pictures = drawn(20, common + own, 2)
    row, method = row_of(pictures, others)
    assert method == "probe"
    assert np.linalg.norm(row) == pytest.approx(1)
    tested = drawn(20, common + own, 3) @ row
    mean = pictures.mean(0)
    assert average_precision(tested, others @ row) > average_precision(
        drawn(20, common + own, 3) @ mean, others @ mean
    )
    np.testing.assert_array_equal(row_of(pictures, others)[0], row)


def test_the_mean_stays_where_a_probe_is_not_better_or_scikit_learn_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = drawn(300, -np.eye(DIMENSION)[0], 1)
    pictures = drawn(20, np.eye(DIMENSION)[0], 2)
    assert row_of(pictures, others)[1] == "mean"
    monkeypatch.setattr(named, "has_research", lambda: False)
    assert row_of(pictures, drawn(300, np.eye(DIMENSION)[0], 1))[1] == "mean"


def test_average_precision_is_the_mean_precision_at_each_right_one() -> None:
    right, wrong = np.array([0.9, 0.5]), np.array([0.7, 0.1])
    assert average_precision(right, wrong) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(right[:1], np.array([0.9])) == pytest.approx(1 / 2)
