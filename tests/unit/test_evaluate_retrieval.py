"""Recall against a brute-force loop over shuffled orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rclip_like.evaluate.retrieval import (
    chance_of_hit,
    equal_caption_positives,
    text_to_image_recall,
)


def unit_rows(number: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, 6)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(queries: np.ndarray, targets: np.ndarray, right: np.ndarray, k: int) -> float:
    hits = 0
    for query, row in zip(queries, right, strict=True):
        scores = [float(query @ target) for target in targets]
        best = sorted(range(len(targets)), key=lambda place: -scores[place])[:k]
        hits += any(row[place] for place in best)
    return hits / len(queries)


def test_recall_equals_a_loop_with_several_captions_a_picture() -> None:
    images, texts = unit_rows(20, 1), unit_rows(60, 2)
    right = np.arange(60)[:, None] // 3 == np.arange(20)
    ours = text_to_image_recall(texts, images, right, (1, 5, 20, 99))
    assert ours == {k: brute_force(texts, images, right, k) for k in (1, 5, 20, 99)}
    assert ours[20] == ours[99] == 1.0
    back = text_to_image_recall(images, texts, right.T, (1, 5))
    assert back == {k: brute_force(images, texts, right.T, k) for k in (1, 5)}


def test_a_perfect_model_scores_one_where_captions_repeat() -> None:
    images = np.eye(5, dtype=np.float32)
    captions = ["a dog", "A dog ", "a cat", "a bird", "a bird"]
    right = equal_caption_positives(captions, range(5), 5)
    shared = np.stack([images[0], images[0], images[2], images[3], images[3]])
    assert right.sum(1).tolist() == [2, 2, 1, 2, 2]
    assert text_to_image_recall(shared, images, right, (1,)) == {1: 1.0}


def test_ties_count_with_their_mean_over_all_orders() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1], dtype=np.float32)
    right = np.array([False, True, False, True, True])
    for k in range(1, 6):
        hits = [
            any(right[place] for place in sorted(order, key=lambda place: -scores[place])[:k])
            for order in itertools.permutations(range(5))
        ]
        assert chance_of_hit(scores, right, k) == pytest.approx(np.mean(hits))


def test_a_query_without_a_right_answer_never_hits() -> None:
    assert chance_of_hit(np.ones(4, np.float32), np.zeros(4, bool), 4) == 0.0
