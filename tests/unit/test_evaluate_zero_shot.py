"""Zero-shot labels: rows of wordings, probabilities and the best k."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.zero_shot import Classifier, build_classifier, top_k_accuracy


def encode(texts: Sequence[str]) -> np.ndarray:
    """Return unit rows that depend on each text's letters alone."""
    rows = [np.random.default_rng(list(text.encode())).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)


@pytest.mark.parametrize("name", ["none", "photo", "simple", "imagenet80"])
def test_a_row_is_the_unit_mean_of_unit_embeddings_of_all_templates(name: str) -> None:
    templates = templates_of(name)
    classifier = build_classifier({"cat": (), "dog": ()}, templates, encode)
    for row, label in zip(classifier.rows, ("cat", "dog"), strict=True):
        texts = [template.replace("{}", label) for template in templates]
        mean = encode(texts).astype(np.float64).mean(0)
        assert np.allclose(row, mean / np.linalg.norm(mean), rtol=0, atol=1e-6)


def test_a_label_scores_as_its_nearest_wording() -> None:
    wordings = {"ladybug": ("ladybug", "ladybird", "Ladybug"), "cat": ()}
    classifier = build_classifier(wordings, ["{}"], encode)
    assert classifier.label_of_row.tolist() == [0, 0, 1]
    image = encode(["ladybird"])
    assert classifier.scores(image)[0, 0] == pytest.approx(1.0, abs=1e-6)
    expected = max(image[0] @ encode([name])[0] for name in ("ladybug", "ladybird"))
    assert classifier.scores(image)[0, 0] == pytest.approx(expected)


def test_a_label_with_wordings_is_not_one_itself() -> None:
    classifier = build_classifier({"n01440764": ("tench", "fish")}, ["a {}"], encode)
    assert np.allclose(classifier.rows, encode(["a tench", "a fish"]))


def test_braces_in_a_label_are_what_they_are() -> None:
    seen: list[str] = []

    def listen(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return encode(texts)

    build_classifier({"{0.__class__}": (), "{}": ()}, ["a {} {x}"], listen)
    assert seen == ["a {0.__class__} {x}", "a {} {x}"]


def test_probabilities_are_the_softmax_of_the_scaled_cosines() -> None:
    wordings = {"ladybug": ("ladybug", "ladybird"), "cat": (), "dog": ()}
    classifier, images = build_classifier(wordings, ["{}"], encode), encode(["a", "b", "c"])
    powers = np.exp(classifier.scores(images).astype(np.float64) * 100)
    probabilities = classifier.probabilities(images, 100.0)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities, powers / powers.sum(1, keepdims=True), atol=1e-5)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)


def test_multi_holds_each_label_against_something() -> None:
    templates = ["a photo of {}", "{}!"]
    classifier = build_classifier({"cat": (), "dog": ()}, templates, encode, multi=True)
    (something,) = build_classifier({"something": ()}, templates, encode).rows
    images = encode(["a", "b", "c"])
    probabilities = classifier.probabilities(images, 20.0, multi=True)
    for image, row in zip(images, probabilities, strict=True):
        for label, probability in zip(classifier.rows, row, strict=True):
            pair = np.exp(20 * np.array([image @ label, image @ something], dtype=np.float64))
            assert probability == pytest.approx(pair[0] / pair.sum(), abs=1e-6)


def test_scores_far_apart_overflow_nowhere() -> None:
    classifier = Classifier(("a", "b"), np.float32([[1, 0], [-1, 0]]), np.arange(2))
    classifier = Classifier(
        *[getattr(classifier, n) for n in ("labels", "rows", "label_of_row")],
        something=np.float32([-1, 0]),
    )
    images = np.float32([[1, 0]])
    assert classifier.probabilities(images, 1e4).tolist() == [[1.0, 0.0]]
    assert classifier.probabilities(images, 1e4, multi=True).tolist() == [[1.0, 0.5]]


def test_results_do_not_depend_on_where_the_chunks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {str(number): (str(number), f"no {number}") for number in range(5)}
    images = encode([str(number) for number in range(9)])
    whole = build_classifier(labels, ["{}", "a {}"], encode)
    monkeypatch.setattr("rclip_like.evaluate.zero_shot._TEXTS_AT_ONCE", 3)
    monkeypatch.setattr("rclip_like.evaluate.zero_shot._VALUES_AT_ONCE", 20)
    parts = build_classifier(labels, ["{}", "a {}"], encode)
    assert np.array_equal(whole.rows, parts.rows)
    assert np.allclose(whole.probabilities(images, 9.0), parts.probabilities(images, 9.0))


def test_halves_are_scored_as_they_are() -> None:
    classifier, images = build_classifier({"cat": ()}, ["{}"], encode), encode(["a"])
    halves = images.astype(np.float16)
    assert np.array_equal(classifier.scores(halves), classifier.scores(halves.astype(np.float32)))


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


def test_texts_that_the_model_cannot_tell_apart_tie_exactly() -> None:
    random = np.random.default_rng(0)

    def encode(texts: Sequence[str]) -> np.ndarray:
        rows = np.random.default_rng(7).normal(size=(1, 16)).repeat(len(texts), axis=0)
        rows += random.normal(size=rows.shape) * 1e-8
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    classifier = build_classifier(dict.fromkeys(["Orange", "orange", "pizza"], ()), ["{}"], encode)
    images = random.normal(size=(50, 16)).astype(np.float32)
    scores = classifier.scores(images)
    assert np.array_equal(scores[:, 0], scores[:, 1])
    assert not np.array_equal(scores[:, 0], scores[:, 2])
