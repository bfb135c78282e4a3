"""Zero-shot labels: templates, synonyms and the best k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rclip_like.evaluate.zero_shot import Classifier, build_classifier, top_k_accuracy


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return unit rows that depend on each text's letters alone."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


def test_a_row_is_the_unit_mean_of_unit_embeddings_of_all_templates() -> None:
    templates = ["a photo of a {}.", "{}", "the {}"]
    classifier = build_classifier({"cat": (), "dog": ()}, templates, encode)
    for row, name in zip(classifier.rows, ("cat", "dog"), strict=True):
        mean = np.mean([encode([template.format(name)])[0] for template in templates], axis=0)
        assert np.allclose(row, mean / np.linalg.norm(mean), atol=1e-6)


def test_a_label_scores_as_its_nearest_synonym() -> None:
    synonyms = {"ladybug": ("ladybird", "Ladybug"), "cat": ()}
    classifier = build_classifier(synonyms, ["{}"], encode)
    assert classifier.label_of_row.tolist() == [0, 0, 1]
    image = encode(["ladybird"])
    assert classifier.scores(image)[0, 0] == pytest.approx(1.0, abs=1e-6)
    expected = max(image[0] @ encode([name])[0] for name in ("ladybug", "ladybird"))
    assert classifier.scores(image)[0, 0] == pytest.approx(expected)


def test_accuracy_equals_a_loop() -> None:
    random = np.random.default_rng(4)
    scores = random.normal(size=(40, 7)).astype(np.float32)
    truth = random.integers(0, 7, 40)
    reached = top_k_accuracy(scores, truth, (1, 5))
    for k in (1, 5):
        best = np.argsort(-scores, axis=1)[:, :k]
        assert reached[k] == pytest.approx(
            np.mean([t in row for t, row in zip(truth, best, strict=True)])
        )


def test_equal_scores_give_the_share_of_chance() -> None:
    scores = np.zeros((3, 4), np.float32)
    assert top_k_accuracy(scores, np.array([0, 1, 3]), (1, 2)) == {1: 0.25, 2: 0.5}


def test_scores_need_no_synonyms() -> None:
    rows = np.eye(3, dtype=np.float32)
    classifier = Classifier(("a", "b", "c"), rows, np.arange(3))
    assert np.array_equal(classifier.scores(rows), rows)
