"""Ranking against brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rclip_like.errors import DimensionMismatch, UsageError
from rclip_like.ranking import (
    best_first,
    combine,
    score,
    score_halves,
    score_rows,
)

pytestmark = pytest.mark.light


def unit_rows(seed: int, count: int, dimension: int = 16) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def order(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, kind="stable")


def ranked(query: np.ndarray, rows: np.ndarray) -> list[int]:
    numbers: list[int] = np.concatenate([*best_first(score(query, rows))]).tolist()
    return numbers


def test_the_best_agree_with_a_plain_double_precision_loop() -> None:
    rows, query = unit_rows(0, 500), unit_rows(1, 1)[0]
    plain = sorted(range(500), key=lambda i: -float(np.float64(rows[i]) @ np.float64(query)))
    assert ranked(query, rows) == plain


def test_equal_scores_keep_row_order() -> None:
    row = unit_rows(0, 1)
    assert ranked(row[0], np.repeat(row, 5, axis=0)) == [0, 1, 2, 3, 4]


def test_embeddings_of_another_dimension_are_refused() -> None:
    with pytest.raises(DimensionMismatch, match="16 dimensions, the index 8"):
        score(unit_rows(0, 1)[0], unit_rows(0, 3, dimension=8))


def test_scores_never_leave_the_range_of_a_cosine() -> None:
    rows = unit_rows(0, 200, dimension=3)
    scores = np.concatenate([score(row, rows) for row in rows])
    assert scores.max() <= 1.0
    assert scores.min() >= -1.0


def test_a_single_term_is_itself_whatever_its_weight() -> None:
    row = unit_rows(0, 1)
    for weight in (1e-300, 0.3, 1.0, 1e300):
        np.testing.assert_allclose(combine(row, [weight]), row[0], atol=1e-6)


@given(
    st.integers(2, 5),
    st.lists(st.floats(-3, 3).filter(lambda w: abs(w) > 0.1), min_size=5),
    st.data(),
)
def test_a_sum_of_terms_has_unit_length(
    count: int, weights: list[float], data: st.DataObject
) -> None:
    rows = unit_rows(data.draw(st.integers(0, 1000)), count)
    combined = combine(rows, weights[:count])
    assert np.linalg.norm(combined) == pytest.approx(1.0, abs=1e-6)


def test_subtracting_a_term_lowers_its_rows() -> None:
    first, second = np.eye(4, dtype=np.float32)[:2]
    combined = combine(np.stack([first, second]), [1.0, -0.5])
    assert combined @ second < 0 < combined @ first


@pytest.mark.parametrize(
    ("weights", "reason"),
    [([1.0, -1.0], "cancel out"), ([0.0, 0.0], "all zero")],
)
def test_terms_that_leave_no_direction_are_refused(weights: list[float], reason: str) -> None:
    row = unit_rows(0, 1)[0]
    with pytest.raises(UsageError, match=reason):
        combine(np.stack([row, row]), weights)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, float("nan")]), max_size=60))
def test_the_best_first_are_those_of_a_stable_sort(values: list[float]) -> None:
    scores = np.array(values, dtype=np.float32)
    stretches = list(best_first(scores))
    expected = order(np.nan_to_num(scores, nan=-2))
    assert [each for stretch in stretches for each in stretch] == expected.tolist()


def test_stretches_are_short_at_first_and_share_no_score() -> None:
    scores = np.random.default_rng(0).integers(0, 3000, 20_000).astype(np.float32)
    stretches = list(best_first(scores))
    assert np.concatenate(stretches).tolist() == order(scores).tolist()
    assert len(stretches[0]) < 600
    for one, other in pairwise(stretches):
        assert scores[one].min() > scores[other].max()


def test_every_finite_half_is_scored_as_a_cast_would() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    halves = halves[np.abs(halves) <= 1].reshape(-1, 1)
    query = np.ones(1, dtype=np.float32)
    np.testing.assert_array_equal(score_halves(query, halves), halves[:, 0].astype(np.float32))


@pytest.mark.parametrize("dimension", [1, 3, 256, 768])
def test_halves_are_scored_as_a_plain_float32_scan_does(dimension: int) -> None:
    rows = unit_rows(dimension, 3000, dimension).astype(np.float16)
    query = unit_rows(1, 1, dimension)[0]
    np.testing.assert_allclose(score_halves(query, rows), score(query, rows), atol=1e-6)
    wanted = np.flatnonzero(np.arange(3000) % 7 == 0)
    found = score_halves(query, rows, wanted)
    np.testing.assert_allclose(found, score(query, rows[wanted]), atol=1e-6)


def test_threads_share_the_rows_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from rclip_like import ranking

    rows, query = unit_rows(0, 5000, 16).astype(np.float16), unit_rows(1, 1, 16)[0]
    alone = score_halves(query, rows)
    monkeypatch.setattr(ranking, "_VALUES_A_THREAD", 1000)
    monkeypatch.setattr(ranking, "num_processors", lambda: 3)
    np.testing.assert_allclose(score_halves(query, rows), alone, atol=1e-6)


def test_of_few_rows_asked_for_those_and_their_frames_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rclip_like import ranking

    rows, query = unit_rows(0, 9_000, 16).astype(np.float16), unit_rows(1, 1, 16)[0]
    frames = np.array([[8_000, 5], [9, 8_999]], dtype=np.int32)
    read: list[int] = []
    plain, scorer = score(query, rows), ranking.score_halves

    def noted(query: np.ndarray, rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        read.extend(numbers.tolist())
        return scorer(query, rows, numbers)

    monkeypatch.setattr(ranking, "score_halves", noted)
    scores = score_rows(query, rows, np.array([7, 5, 7], dtype=np.int32), frames)
    expected = [plain[7], max(plain[5], plain[8_000]), plain[7]]
    assert scores == pytest.approx(expected, abs=1e-6)
    assert read == [5, 7, 8_000]


@pytest.mark.parametrize("share", [1, 3, 40])
def test_a_score_is_the_largest_over_the_frames(share: int) -> None:
    random = np.random.default_rng(share)
    rows, query = unit_rows(2, 120).astype(np.float16), unit_rows(1, 1)[0]
    frames = np.stack([np.arange(60, 120), random.integers(0, 60, 60)], axis=1).astype(np.int32)
    slots = np.arange(0, 60, share, dtype=np.int32)
    plain = score(query, rows)
    for slot, found in zip(slots, score_rows(query, rows, slots, frames), strict=True):
        of_frames = plain[frames[frames[:, 1] == slot, 0]]
        assert found == pytest.approx(max([plain[slot], *of_frames]), abs=1e-6)


def test_halves_of_another_dimension_are_refused() -> None:
    with pytest.raises(DimensionMismatch, match="16 dimensions, the index 8"):
        score_halves(unit_rows(0, 1)[0], unit_rows(0, 3, dimension=8).astype(np.float16))
