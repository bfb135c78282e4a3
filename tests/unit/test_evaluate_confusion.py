"""Single labels against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import (
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    top_k_accuracy_score,
)

from rclip_like.evaluate.confusion import NO_ANSWER, accuracy, confusion, count_classes


def labels(seed: int, num_classes: int = 9, present: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, present, 60), random.integers(0, num_classes - 1, 60)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = labels(seed)
    ours = confusion(truth, predicted, 9)
    assert np.array_equal(ours.counts, confusion_matrix(truth, predicted, labels=range(9)))
    assert ours.accuracy() == pytest.approx(np.mean(truth == predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of predicted classes that are not present
        assert ours.mean_per_class_recall() == pytest.approx(
            balanced_accuracy_score(truth, predicted)
        )
    assert ours.macro_f1() == pytest.approx(f1_score(truth, predicted, average="macro"))
    counted = count_classes(truth, predicted, 9)
    assert counted.macro_f1() == ours.macro_f1()
    assert counted.mean_per_class_recall() == ours.mean_per_class_recall()


def test_the_table_by_class_equals_that_of_scikit_learn() -> None:
    truth, predicted = labels(1)
    reference = precision_recall_fscore_support(
        truth, predicted, labels=range(9), zero_division=np.nan
    )
    for each, (precision, recall, f1, num) in zip(
        confusion(truth, predicted, 9).classes(), zip(*reference, strict=True), strict=True
    ):
        assert each.num == num
        assert each.num_predicted == (predicted == each.label).sum()
        for ours, theirs in ((each.precision, precision), (each.recall, recall), (each.f1, f1)):
            assert (ours is None) if np.isnan(theirs) else ours == pytest.approx(theirs)


def test_a_picture_without_an_answer_counts_as_wrong() -> None:
    truth, predicted = np.array([0, 0, 1, 1]), np.array([0, NO_ANSWER, NO_ANSWER, 0])
    ours = confusion(truth, predicted, 2)
    assert ours.num() == 4
    assert ours.accuracy() == 0.25
    assert ours.unanswered.tolist() == [1, 1]
    assert count_classes(truth, predicted, 2).macro_f1() == ours.macro_f1()
    first, second = ours.classes()
    assert (first.recall, first.precision, second.recall) == (0.5, 0.5, 0.0)
    assert second.precision is None


def test_the_most_confused_come_first() -> None:
    truth, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([1, 1, 0, 0, 1, 2])
    ours = confusion(truth, predicted, 3)
    assert ours.most_confused() == ((0, 1, 2), (1, 0, 1), (2, 1, 1))
    assert ours.most_confused(1) == ((0, 1, 2),)
    assert confusion(truth, truth, 3).most_confused() == ()


def test_top_five_is_told_where_there_are_more_than_five_labels() -> None:
    random = np.random.default_rng(3)
    scores, truth = random.normal(size=(50, 6)).astype(np.float32), random.integers(0, 6, 50)
    ours = accuracy(scores, truth)
    assert ours.acc1 == pytest.approx(np.mean(scores.argmax(1) == truth))
    assert ours.acc5 == pytest.approx(top_k_accuracy_score(truth, scores, k=5))
    assert ours.acc1 == ours.hits1.mean()
    few = accuracy(scores[:, :5], truth % 5)
    assert few.acc5 is None
    assert few.hits5 is None
