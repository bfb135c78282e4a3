"""The linear probe: scikit-learn's fit, the sweep, and bits that two runs share."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rclip_like.evaluate.probe import (
    NUM_STEPS,
    Fit,
    Tried,
    c_of_step,
    fit_probe,
    fitting,
    judge,
    sweep,
)


def _drawn(num_labels: int, each: int, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    numbers = np.repeat(np.arange(num_labels), each)
    features = random.normal(size=(num_labels, width))[numbers] + random.normal(
        size=(len(numbers), width)
    )
    return features.astype(np.float32), numbers


@pytest.mark.parametrize("num_labels", [2, 3, 7])
def test_a_probe_equals_scikit_learn_called_by_hand(num_labels: int) -> None:
    features, numbers = _drawn(num_labels, 20)
    fit = fit_probe(features, numbers, 0.3)
    tolerance = 1e-6 * np.linalg.norm(features, axis=1).mean()
    by_hand = LogisticRegression(C=0.3, max_iter=1000, tol=tolerance)
    by_hand.fit(features.astype(np.float64), numbers)
    weights, intercept = by_hand.coef_, by_hand.intercept_
    if num_labels == 2:  # of two labels scikit-learn keeps the difference alone
        assert np.allclose(fit.weights[1:] - fit.weights[:1], weights, atol=1e-6)
        assert np.allclose(fit.intercept[1] - fit.intercept[0], intercept, atol=1e-6)
    else:
        assert np.allclose(fit.weights, weights, atol=1e-6)
        assert np.allclose(fit.intercept, intercept, atol=1e-6)
    logits = fit.logits(features)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(shares, by_hand.predict_proba(features.astype(np.float64)), atol=1e-9)


def test_a_judgement_equals_scikit_learns_figures() -> None:
    from sklearn.metrics import accuracy_score, log_loss

    features, numbers = _drawn(4, 15)
    fit = fit_probe(features[::2], numbers[::2], 1.0)
    judged = judge(fit, features[1::2], numbers[1::2])
    logits = fit.logits(features[1::2])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert judged.accuracy == accuracy_score(numbers[1::2], logits.argmax(axis=1))
    assert judged.loss == pytest.approx(log_loss(numbers[1::2], shares))


def test_the_penalty_is_one_over_c_times_the_number_of_pictures() -> None:
    features, numbers = _drawn(3, 10)
    assert fit_probe(features, numbers, 0.5).penalty == pytest.approx(1 / (0.5 * 30))


def test_a_fit_that_does_not_converge_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    features, numbers = _drawn(3, 10)
    assert fit_probe(features, numbers, 1.0).has_converged
    monkeypatch.setattr("rclip_like.evaluate.probe.MAX_ITERATIONS", 2)
    with fitting():
        assert not fit_probe(features, numbers, 1.0).has_converged


@pytest.mark.parametrize("peak", [0, 1, 31, 48, 50, 95, 96])
def test_the_sweep_finds_the_peak_of_a_hill_in_15_fits_at_most(peak: int) -> None:
    asked = []

    def try_c(c: float) -> Tried:
        asked.append(c)
        step = round((math.log10(c) + 6) * 8)
        return Tried(c, 1.0 - abs(step - peak) / 100, 0.0)

    found = sweep(lambda cs: [try_c(c) for c in cs])
    assert found.c == pytest.approx(c_of_step(peak))
    assert len(asked) == len(set(asked)) <= 15
    assert found.is_at_end is (peak in (0, NUM_STEPS))
    assert [each.c for each in found.tried] == sorted(asked)


def test_of_equal_accuracies_the_sweep_takes_the_smaller_loss_and_then_the_smaller_c() -> None:
    by_loss = sweep(lambda cs: [Tried(c, 0.5, abs(math.log10(c) - 2.0)) for c in cs])
    assert by_loss.c == pytest.approx(100.0)
    assert sweep(lambda cs: [Tried(c, 0.5, 1.0) for c in cs]).c == pytest.approx(c_of_step(0))


def test_two_fits_share_all_bits() -> None:
    features, numbers = _drawn(5, 30, width=64)
    with fitting():
        first, second = (fit_probe(features, numbers, 10.0) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert first.intercept.tobytes() == second.intercept.tobytes()


def test_warnings_of_scikit_learn_stay_in_whatever_thread() -> None:
    features, numbers = _drawn(5, 1)
    with fitting(), ThreadPoolExecutor(4) as pool:
        fits = list(pool.map(lambda c: fit_probe(features, numbers, c), [1.0] * 40))
    assert len({fit.weights.tobytes() for fit in fits}) == 1


def test_logits_are_float64_for_rows_of_any_kind() -> None:
    fit = Fit(np.ones((2, 3)), np.array([0.0, 1.0]), 1.0, 2, True)
    assert fit.logits(np.ones((1, 3), np.float16)).tolist() == [[3.0, 4.0]]
