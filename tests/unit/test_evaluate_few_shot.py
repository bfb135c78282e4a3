"""Few-shot probes: one C a k, every repeat on its own draw, and the crossing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rclip_like.evaluate.few_shot import (
    LabelledFeatures,
    Shots,
    SplitFeatures,
    crossing,
    probe_with_all,
    probe_with_shots,
)
from rclip_like.evaluate.probe import fit_probe, fitting, judge
from rclip_like.evaluate.splits import draw_shots

NUM_LABELS = 4


def _side(seed: int, each: int) -> LabelledFeatures:
    centres = np.random.default_rng(0).normal(size=(NUM_LABELS, 8))
    random = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(NUM_LABELS), each)
    features = (centres[numbers] + random.normal(size=(len(numbers), 8))).astype(np.float32)
    return LabelledFeatures(features, numbers, tuple(row.tobytes() for row in features))


SPLIT = SplitFeatures(_side(1, 12), _side(2, 6), _side(3, 10))


def _shots(k: int, threads: int = 1, split: SplitFeatures = SPLIT) -> Shots:
    with ThreadPoolExecutor(threads) as pool, fitting():
        return probe_with_shots(split, k, 7, 3, pool, lambda: None)


def test_every_repeat_is_fitted_on_its_draw_alone() -> None:
    shots = _shots(2)
    for repeat, accuracy in enumerate(shots.accuracies):
        own = draw_shots(SPLIT.train.digests, SPLIT.train.numbers, 7, repeat, 2)
        assert np.array_equal(own, shots.drawn[repeat])
        fit = fit_probe(SPLIT.train.features[own], SPLIT.train.numbers[own], shots.sweep.c)
        assert judge(fit, SPLIT.test.features, SPLIT.test.numbers).accuracy == accuracy


def test_the_c_of_a_k_has_the_highest_mean_accuracy_on_the_validation_pictures() -> None:
    shots = _shots(4)
    assert max(each.accuracy for each in shots.sweep.tried) == pytest.approx(
        next(each.accuracy for each in shots.sweep.tried if each.c == shots.sweep.c)
    )
    fits = [
        fit_probe(SPLIT.train.features[own], SPLIT.train.numbers[own], shots.sweep.c)
        for own in shots.drawn
    ]
    validation = SPLIT.validation
    mean = np.mean([judge(fit, validation.features, validation.numbers).accuracy for fit in fits])
    assert max(each.accuracy for each in shots.sweep.tried) == pytest.approx(mean)


def test_threads_change_no_bit() -> None:
    one, three = _shots(4, threads=1), _shots(4, threads=3)
    assert one.accuracies.tobytes() == three.accuracies.tobytes()
    assert one.sweep == three.sweep


def test_labels_with_fewer_pictures_than_k_are_counted() -> None:
    assert _shots(12).num_short == 0
    assert _shots(16).num_short == NUM_LABELS


def test_without_validation_pictures_c_is_one() -> None:
    nothing = LabelledFeatures(np.empty((0, 8), np.float32), np.empty(0, np.int64), ())
    shots = _shots(2, split=SPLIT._replace(validation=nothing))
    assert shots.sweep.c == 1.0
    assert shots.sweep.tried == ()
    assert len(shots.accuracies) == 3


@pytest.mark.parametrize(
    ("level", "expected"),
    [(0.1, 0.0), (0.3, 0.0), (0.4, 2**0.5), (0.5, 2.0), (0.6, 2 * 2**0.5), (0.8, None)],
)
def test_the_crossing_is_interpolated_in_log_k(level: float, expected: float | None) -> None:
    found = crossing((1, 2, 4), (0.3, 0.5, 0.7), level)
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_probe_of_all_is_fitted_on_training_and_validation_pictures() -> None:
    with ThreadPoolExecutor(2) as pool, fitting():
        fit, chosen = probe_with_all(SPLIT, pool, lambda: None)
    both = np.concatenate([SPLIT.train.features, SPLIT.validation.features])
    numbers = np.concatenate([SPLIT.train.numbers, SPLIT.validation.numbers])
    with fitting():
        by_hand = fit_probe(both, numbers, chosen.c)
    assert fit.weights.tobytes() == by_hand.weights.tobytes()
    assert fit.num_pictures == len(both)
    best = max(each.accuracy for each in chosen.tried)
    alone = fit_probe(SPLIT.train.features, SPLIT.train.numbers, chosen.c)
    assert judge(alone, *SPLIT.validation[:2]).accuracy == best
