"""The gain on held-out pairs, and the alpha that it speaks for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import Positives, retrieve
from rclip_like.train.gain import Gain, choose_alpha, gains
from rclip_like.train.held_out import RECALL_AT, HeldOut


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def found(rows: np.ndarray, noise: float, captions: int = 2) -> HeldOut:
    """Return what captions find that are their pictures' embeddings with so much noise."""
    random = np.random.default_rng(rows)
    images = unit(random.normal(size=(len(rows), 16)))
    owners = np.repeat(np.arange(len(rows)), captions)
    texts = unit(images[owners] + noise * random.normal(size=(len(owners), 16)))
    own = Positives(np.arange(len(owners) + 1), owners)
    starts = np.arange(0, len(owners) + 1, captions)
    of_pictures = Positives(starts, np.arange(len(owners)))
    return HeldOut(
        rows[owners],
        rows,
        retrieve(texts, images, own, RECALL_AT),
        retrieve(images, texts, of_pictures, RECALL_AT),
        0.0,
    )


def parts(noises: dict[float, float], size: int = 30) -> list[dict[float, HeldOut]]:
    return [
        {alpha: found(np.arange(start, start + size), noise) for alpha, noise in noises.items()}
        for start in (0, size)
    ]


def by_hand(held_out: list[HeldOut], k: int) -> float:
    return float(np.mean(np.concatenate([each.of_texts.hits[k] for each in held_out])))


def test_the_queries_of_all_parts_count_together() -> None:
    held_out = parts({0.0: 1.0, 1.0: 0.5})
    gain = gains(held_out, is_labelled=False)[1.0]
    for k in RECALL_AT:
        before, after = (by_hand([part[alpha] for part in held_out], k) for alpha in (0.0, 1.0))
        assert gain.of_texts.before.recall[k].value == pytest.approx(before, abs=1e-12)
        assert gain.of_texts.after.recall[k].value == pytest.approx(after, abs=1e-12)
        gained = gain.of_texts.gained_recall[k]
        assert gained.value == pytest.approx(after - before, abs=1e-12)
        assert math.isnan(gained.low) or gained.low <= gained.value <= gained.high
    assert gain.deciding == gain.of_texts.gained
    assert gain.deciding.low > 0
    assert (gain.num_pictures, gain.of_texts.after.num_targets) == (60, 30)


def test_intervals_are_over_pictures_and_not_over_captions() -> None:
    few = gains(
        [{0.0: found(np.arange(40), 1.0, 1), 1.0: found(np.arange(40), 0.7, 1)}], is_labelled=False
    )
    assert few[1.0].of_texts.after.num_queries == 40
    many = gains(
        [{0.0: found(np.arange(40), 1.0, 9), 1.0: found(np.arange(40), 0.7, 9)}], is_labelled=False
    )
    assert many[1.0].of_texts.after.num_queries == 360
    first, second = (each[1.0].deciding for each in (few, many))
    assert (second.high - second.low) > (first.high - first.low) / 3 * 0.9


def test_the_accuracy_decides_for_labelled_pictures() -> None:
    gain = gains(parts({0.0: 1.0, 1.0: 0.2}), is_labelled=True)[1.0]
    assert gain.deciding == gain.of_pictures.gained_recall[1]


def test_shares_of_few_pictures_are_not_percentages_and_large_k_say_nothing() -> None:
    gain = gains(parts({0.0: 1.0}, size=30), is_labelled=False)[0.0]
    assert not gain.has_percentages
    assert gain.of_texts.telling() == (1, 5)
    assert gains(parts({0.0: 1.0}, size=50), is_labelled=False)[0.0].has_percentages
    assert gains([], is_labelled=False) == {}


def test_an_alpha_that_some_parts_lack_is_left_out() -> None:
    first, second = parts({0.0: 1.0, 0.6: 0.5, 1.0: 0.5})
    del second[0.6]
    assert [*gains([first, second], is_labelled=False)] == [0.0, 1.0]


def some_gain(low: float, value: float) -> Gain:
    template = gains(parts({0.0: 1.0}, size=12), is_labelled=False)[0.0]
    return template._replace(deciding=Interval(value, low, 2 * value - low))


def test_the_largest_gain_beyond_its_interval_is_chosen() -> None:
    gain = {0.0: some_gain(0.0, 0.0), 0.5: some_gain(0.01, 0.1), 1.0: some_gain(-0.01, 0.3)}
    assert choose_alpha(gain, {}) == 0.5
    assert choose_alpha({alpha: some_gain(-0.1, 0.2) for alpha in (0.5, 1.0)}, {}) == 0.0
    nothing = Interval(0.0, math.nan, math.nan)
    assert choose_alpha({1.0: some_gain(0.1, 0.2)._replace(deciding=nothing)}, {}) == 0.0


def test_what_forgets_more_than_a_point_is_not_chosen() -> None:
    gain = {alpha: some_gain(0.01, alpha) for alpha in (0.25, 0.5, 1.0)}
    lost = {
        alpha: Interval(points, 0, 9) for alpha, points in ((0.25, 0.2), (0.5, 1.0), (1.0, 1.1))
    }
    assert choose_alpha(gain, lost) == 0.5
    assert choose_alpha(gain, {alpha: Interval(5.0, 0, 9) for alpha in gain}) == 0.0


def test_without_held_out_pairs_the_trained_model_is_chosen_unless_it_forgets() -> None:
    assert choose_alpha({}, {}) == 1.0
    lost = {0.0: Interval(0.0, 0, 0), 0.5: Interval(0.4, 0, 9), 1.0: Interval(3.0, 0, 9)}
    assert choose_alpha({}, lost) == 0.5
