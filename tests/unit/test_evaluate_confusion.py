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

from rclip_like.evaluate.confusion import (
    Answers,
    Confusion,
    accuracy,
    confusion,
    count_classes,
    nearest,
)


def labels(seed: int, num_classes: int = 9, present: int = 7) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(0, present, 60), random.integers(0, num_classes - 1, 60)


def given(predicted: np.ndarray) -> Answers:
    """Return these label numbers as the answers."""
    return nearest(np.eye(9)[predicted])


def counted(truth: np.ndarray, predicted: np.ndarray, num_labels: int) -> Confusion:
    return confusion(truth, given(predicted), num_labels)


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = labels(seed)
    ours = counted(truth, predicted, 9)
    assert np.array_equal(ours.counts, confusion_matrix(truth, predicted, labels=range(9)))
    assert ours.accuracy() == pytest.approx(np.mean(truth == predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of predicted classes that are not present
        assert ours.mean_per_class_recall() == pytest.approx(
            balanced_accuracy_score(truth, predicted)
        )
    assert ours.macro_f1() == pytest.approx(f1_score(truth, predicted, average="macro"))
    counts = count_classes(truth, given(predicted), 9)
    assert counts.macro_f1() == ours.macro_f1()
    assert counts.mean_per_class_recall() == ours.mean_per_class_recall()


def test_the_table_by_class_equals_that_of_scikit_learn() -> None:
    truth, predicted = labels(1)
    reference = precision_recall_fscore_support(
        truth, predicted, labels=range(9), zero_division=np.nan
    )
    for each, (precision, recall, f1, num) in zip(
        counted(truth, predicted, 9).classes(), zip(*reference, strict=True), strict=True
    ):
        assert each.num == num
        assert each.num_predicted == (predicted == each.label).sum()
        for ours, theirs in ((each.precision, precision), (each.recall, recall), (each.f1, f1)):
            assert (ours is None) if np.isnan(theirs) else ours == pytest.approx(theirs)


def test_equal_scores_share_a_picture() -> None:
    scores = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    truth = np.array([0, 0, 1, 2])
    ours = confusion(truth, nearest(scores), 3)
    assert ours.counts.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert ours.accuracy() == accuracy(scores, truth).acc1 == 0.75
    assert ours.mean_per_class_recall() == pytest.approx((0.5 + 1 + 1) / 3)
    assert ours.macro_f1() == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert [each.num_predicted for each in ours.classes()] == [1, 2, 1]
    one = confusion(truth[1:], nearest(scores[1:]), 3)
    assert one.most_confused() == ((0, 1, 0.5),)


def test_counts_of_a_resample_equal_those_of_its_pictures() -> None:
    random = np.random.default_rng(2)
    scores, truth = random.integers(0, 3, (40, 5)).astype(np.float32), random.integers(0, 5, 40)
    some = random.integers(0, 40, 40)
    drawn = count_classes(truth, nearest(scores), 5, some)
    apart = count_classes(truth[some], nearest(scores[some]), 5)
    assert all(np.allclose(ours, theirs) for ours, theirs in zip(drawn, apart, strict=True))


def test_the_most_confused_come_first() -> None:
    truth, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([1, 1, 0, 0, 1, 2])
    ours = counted(truth, predicted, 3)
    assert ours.most_confused() == ((0, 1, 2), (1, 0, 1), (2, 1, 1))
    assert ours.most_confused(1) == ((0, 1, 2),)
    assert counted(truth, truth, 3).most_confused() == ()


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
