"""Retrieval both ways against brute-force loops over shuffled orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rclip_like.evaluate.retrieval import (
    equal_caption_positives,
    positives_of_captions,
    rank_positives,
    retrieval_figures,
    retrieve,
    text_to_image_recall,
)

KS = (1, 2, 5, 9)


def unit_rows(number: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, 6)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(queries: np.ndarray, targets: np.ndarray, right: np.ndarray, k: int) -> float:
    hits = 0
    for query, row in zip(queries, right, strict=True):
        scores = [float(query @ target) for target in targets]
        best = sorted(range(len(targets)), key=lambda number: -scores[number])[:k]
        hits += any(row[number] for number in best)
    return hits / len(queries)


def over_all_orders(scores: np.ndarray, right: set[int], k: int) -> dict[str, float]:
    """Return the figures of one query as means over all orders of the targets."""
    found: dict[str, list[float]] = {"hit": [], "recall": [], "rank": [], "rr": [], "ap": []}
    for shuffled in itertools.permutations(range(len(scores))):
        order = sorted(shuffled, key=lambda number: -scores[number])
        hits = [number in right for number in order]
        found["hit"].append(any(hits[:k]))
        found["recall"].append(sum(hits[:k]) / len(right))
        found["rank"].append(1 + hits.index(True))
        found["rr"].append(1 / found["rank"][-1])
        precisions = [sum(hits[: i + 1]) / (i + 1) for i in range(len(right)) if hits[i]]
        found["ap"].append(sum(precisions) / len(right))
    return {name: float(np.mean(values)) for name, values in found.items()}


def test_recall_equals_a_loop_with_several_captions_a_picture() -> None:
    images, texts = unit_rows(20, 1), unit_rows(60, 2)
    right = np.arange(60)[:, None] // 3 == np.arange(20)
    ours = text_to_image_recall(texts, images, right, (1, 5, 20, 99))
    assert ours == {k: brute_force(texts, images, right, k) for k in (1, 5, 20, 99)}
    assert ours[20] == ours[99] == 1.0
    back = text_to_image_recall(images, texts, right.T, (1, 5))
    assert back == {k: brute_force(images, texts, right.T, k) for k in (1, 5)}


def test_both_ways_from_captions_equal_a_loop() -> None:
    images, texts = unit_rows(20, 1), unit_rows(60, 2)
    right = np.arange(60)[:, None] // 3 == np.arange(20)
    of_texts, of_images = positives_of_captions(list(map(str, range(60))), np.arange(60) // 3, 20)
    found, back = (
        retrieve(texts, images, of_texts, (1, 5)),
        retrieve(images, texts, of_images, (5,)),
    )
    assert found.hits[1].mean() == brute_force(texts, images, right, 1)
    assert found.hits[5].mean() == brute_force(texts, images, right, 5)
    assert back.hits[5].mean() == brute_force(images, texts, right.T, 5)


def test_a_perfect_model_scores_one_where_captions_repeat() -> None:
    images = np.eye(5, dtype=np.float32)
    captions = ["a dog", "A dog ", "a cat", "a bird", "a bird"]
    right = equal_caption_positives(captions, range(5), 5)
    shared = np.stack([images[0], images[0], images[2], images[3], images[3]])
    assert right.sum(1).tolist() == [2, 2, 1, 2, 2]
    assert text_to_image_recall(shared, images, right, (1,)) == {1: 1.0}
    of_texts, of_images = positives_of_captions(captions, range(5), 5)
    assert retrieve(shared, images, of_texts, (1,)).hits[1].tolist() == [1.0] * 5
    assert of_images.counts().tolist() == [2, 2, 1, 2, 2]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("num_values", [1, 2, 3, 9])
def test_every_figure_is_its_mean_over_all_orders_of_ties(seed: int, num_values: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, num_values, size=(3, 6)).astype(np.float32)
    captions = [str(random.integers(5)) for _ in range(3)]
    owners = random.integers(0, 6, size=3).tolist()
    positives, _ = positives_of_captions(captions, owners, 6)
    found = rank_positives(scores, positives, KS)
    for query in range(3):
        right = {o for c, o in zip(captions, owners, strict=True) if c == captions[query]}
        for k in KS:
            expected = over_all_orders(scores[query], right, k)
            assert found.hits[k][query] == pytest.approx(expected["hit"])
            assert found.recalls[k][query] == pytest.approx(expected["recall"])
            assert found.ranks[query] == pytest.approx(expected["rank"])
            assert found.reciprocal_ranks[query] == pytest.approx(expected["rr"])
            assert found.precisions_at_r[query] == pytest.approx(expected["ap"])


def test_a_query_without_a_right_answer_belongs_to_no_mean() -> None:
    _, of_images = positives_of_captions(["a dog"], [1], 3)
    found = rank_positives(np.ones((3, 1), np.float32), of_images, (1,))
    assert found.hits[1].tolist()[1] == 1.0
    assert np.isnan(found.hits[1]).tolist() == [True, False, True]
    assert np.isnan(found.ranks).tolist() == [True, False, True]


def test_equal_captions_of_one_picture_are_its_own_twice() -> None:
    of_texts, of_images = positives_of_captions(["a dog", "A  DOG", "a cat"], [0, 0, 1], 2)
    assert of_texts.targets.tolist() == [0, 0, 1]
    assert of_images.targets.tolist() == [0, 1, 2]


def test_results_do_not_depend_on_where_the_chunks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    images, texts = unit_rows(20, 1), unit_rows(60, 2)
    positives, _ = positives_of_captions([str(n % 40) for n in range(60)], np.arange(60) // 3, 20)
    whole = retrieve(texts, images, positives, KS)
    monkeypatch.setattr("rclip_like.evaluate.retrieval._VALUES_AT_ONCE", 7 * 20)
    parts = retrieve(texts, images, positives, KS)
    assert np.array_equal(whole.ranks, parts.ranks)
    assert all(np.array_equal(whole.hits[k], parts.hits[k]) for k in KS)


def test_figures_are_means_over_the_queries_that_have_an_answer() -> None:
    images, texts = unit_rows(20, 1), unit_rows(57, 2)
    owners = np.arange(57) // 3
    of_texts, of_images = positives_of_captions([str(n) for n in range(57)], owners.tolist(), 20)
    found = retrieve(texts, images, of_texts, (1, 5, 30))
    figures = retrieval_figures(found, owners)
    assert figures.recall[5].value == pytest.approx(found.hits[5].mean())
    assert figures.recall[5].low < figures.recall[5].value < figures.recall[5].high
    assert figures.median_rank.value == np.median(found.ranks)
    assert figures.recall[30].value == 1.0
    assert np.isnan(figures.recall[30].low)  # true of any pictures
    assert figures.capped == (30,)
    back = retrieval_figures(retrieve(images, texts, of_images, (1, 5)))
    assert (back.num_queries, back.num_without, back.num_targets) == (19, 1, 57)
    assert back.true_recall[5].value <= back.recall[5].value
