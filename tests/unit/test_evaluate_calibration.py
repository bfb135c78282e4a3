"""Calibration against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from rclip_like.errors import MeasureError
from rclip_like.evaluate.calibration import (
    bins_of_mass,
    bins_of_width,
    calibration,
    calibration_error,
    fit_temperature,
    predict,
)


def drawn(num: int, seed: int = 0, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits whose softmax, divided by the scale, is right as often as it says."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(num, 6)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (random.random((num, 1)) > shares.cumsum(1)).sum(1)
    return (logits * scale).astype(np.float32), truth.astype(np.int64)


def test_losses_equal_those_of_scikit_learn() -> None:
    logits, truth = drawn(500)
    predicted = predict(logits, truth, 1.7)
    shares = np.exp(logits.astype(np.float64) / 1.7)
    shares /= shares.sum(1, keepdims=True)
    assert predicted.nll.mean() == pytest.approx(log_loss(truth, shares, labels=range(6)))
    brier = ((shares - np.eye(6)[truth]) ** 2).sum(1)
    assert np.allclose(predicted.brier, brier)
    assert np.allclose(predicted.confidence, shares.max(1))
    assert np.array_equal(predicted.correct, logits.argmax(1) == truth)


def test_ece_equals_a_loop_over_bins() -> None:
    logits, truth = drawn(700, scale=2)
    predicted = predict(logits, truth)
    width = mass = 0.0
    order = np.argsort(predicted.confidence)
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        inside = (predicted.confidence > low) & (predicted.confidence <= high)
        if inside.any():
            gap = predicted.correct[inside].mean() - predicted.confidence[inside].mean()
            width += inside.mean() * abs(gap)
    for part in np.array_split(order, 15):
        gap = predicted.correct[part].mean() - predicted.confidence[part].mean()
        mass += len(part) / 700 * abs(gap)
    found, why = calibration(logits, truth)
    assert found is not None
    assert why == ""
    assert found.ece.value == pytest.approx(width)
    assert found.ece_equal_mass.value == pytest.approx(mass, abs=2e-3)  # other parts get the rest
    assert found.nll.low < found.nll.value < found.nll.high
    assert sum(each.num for each in found.bins) == 700
    reached = sum(abs(b.accuracy - b.confidence) * b.num for b in found.bins if b.num) / 700
    assert reached == pytest.approx(width)


def test_equal_mass_needs_no_order_of_equal_confidences() -> None:
    logits = np.tile(np.float32([2, 0]), (300, 1))
    truth = np.repeat([0, 1], 150)
    (first, _), (second, _) = calibration(logits, truth), calibration(logits, truth[::-1])
    assert first is not None
    assert second is not None
    assert first.ece_equal_mass.value == pytest.approx(second.ece_equal_mass.value)
    assert first.ece_equal_mass.value == pytest.approx(first.ece.value)


def test_bins_hold_their_upper_edge_and_equal_numbers() -> None:
    assert bins_of_width(np.array([0.0, 0.25, 0.26, 1.0]), 4).tolist() == [0, 0, 1, 3]
    assert np.bincount(bins_of_mass(np.random.default_rng(1).random(31), 15)).tolist() == (
        [3] + [2] * 14
    )


def test_the_interval_of_a_calibrated_classifier_is_below_that_of_another() -> None:
    found, _ = calibration(*drawn(400, 3))
    far, _ = calibration(*drawn(400, 3, scale=8))
    assert found is not None
    assert far is not None
    assert found.ece.high < far.ece.low


def test_each_interval_of_ece_contains_the_figure() -> None:
    for seed in range(20):
        found, _ = calibration(*drawn(220, seed), seed=seed)
        assert found is not None
        for each in (found.ece, found.ece_equal_mass):
            assert 0 <= each.low < each.value < each.high <= 1


def test_a_temperature_undoes_a_wrong_scale() -> None:
    logits, truth = drawn(4000, scale=5)
    temperature = fit_temperature(logits, truth)
    assert temperature == pytest.approx(5, rel=0.06)
    best = predict(logits, truth, temperature).nll.mean()
    assert best <= predict(logits, truth, temperature * 1.01).nll.mean()
    assert best <= predict(logits, truth, temperature / 1.01).nll.mean()
    before, after = calibration(logits, truth)[0], calibration(logits, truth, temperature=5)[0]
    assert before is not None
    assert after is not None
    assert after.ece.value < before.ece.value / 4


def test_a_classifier_that_is_never_wrong_has_the_least_temperature() -> None:
    logits = np.eye(5, dtype=np.float32)
    assert fit_temperature(logits, np.arange(5)) < 0.1
    with pytest.raises(MeasureError, match="there are none"):
        fit_temperature(logits[:0], np.arange(0))


def test_too_few_pictures_have_no_calibration() -> None:
    found, why = calibration(*drawn(199))
    assert found is None
    assert why == "calibration needs at least 200 pictures with a label, but there are 199"


def test_labels_that_share_the_highest_logit_share_the_right_answer() -> None:
    predicted = predict(np.zeros((2, 4), np.float32), np.array([0, 3]))
    assert predicted.correct.tolist() == [0.25, 0.25]
    assert predicted.confidence.tolist() == [0.25, 0.25]


def test_bins_and_gaps_give_the_error() -> None:
    assert calibration_error(np.array([0, 0, 3]), np.array([0.5, -0.5, -0.3])) == pytest.approx(0.1)
