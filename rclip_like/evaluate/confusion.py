"""Accuracy, the figures of each class, and which classes are confused with which."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.zero_shot import top_k_hits

Counts = npt.NDArray[np.int64]

NO_ANSWER = -1
"""The predicted number of a picture without a label."""


class ClassFigures(NamedTuple):
    """The figures of one class; recall, precision and f1 are in [0, 1].

    label: its number. num: its pictures. num_predicted: how often it was predicted. recall is None
    if num is 0, precision if num_predicted is 0, and f1 = 2 right / (num + num_predicted) if both
    are.
    """

    label: int
    num: int
    num_predicted: int
    recall: float | None
    precision: float | None
    f1: float | None


class ClassCounts(NamedTuple):
    """For each class, (L,): right predictions, pictures, and predictions.

    The means over classes need only these, so a bootstrap spares the L * L cells of a confusion.
    """

    right: Counts
    num: Counts
    num_predicted: Counts

    def mean_per_class_recall(self) -> float:
        """Return the mean recall of the classes that have pictures."""
        is_there = self.num > 0
        return float((self.right[is_there] / self.num[is_there]).mean())

    def macro_f1(self) -> float:
        """Return the mean F1 of the classes that have pictures or were predicted."""
        both = self.num + self.num_predicted
        return float((2 * self.right[both > 0] / both[both > 0]).mean())


class Confusion(NamedTuple):
    """A confusion matrix: counts (L, L) with a row per true label and a column per predicted one.

    unanswered (L,): by true label, the pictures without a predicted one. Both are int64.
    """

    counts: Counts
    unanswered: Counts

    def num(self) -> int:
        """Return the number of pictures."""
        return int(self.counts.sum() + self.unanswered.sum())

    def accuracy(self) -> float:
        """Return the share of right predictions; a picture without an answer counts as wrong."""
        return float(np.trace(self.counts) / self.num())

    def classes(self) -> tuple[ClassFigures, ...]:
        """Return the figures of each class, in the order of the labels."""
        return tuple(
            ClassFigures(
                label,
                int(n),
                int(p),
                float(r / n) if n else None,
                float(r / p) if p else None,
                float(2 * r / (n + p)) if n + p else None,
            )
            for label, (r, n, p) in enumerate(zip(*self._class_counts(), strict=True))
        )

    def mean_per_class_recall(self) -> float:
        """Return the mean recall of the classes that have pictures."""
        return self._class_counts().mean_per_class_recall()

    def macro_f1(self) -> float:
        """Return the mean F1 of the classes that have pictures or were predicted."""
        return self._class_counts().macro_f1()

    def _class_counts(self) -> ClassCounts:
        num = self.counts.sum(1) + self.unanswered
        return ClassCounts(np.diagonal(self.counts), num, self.counts.sum(0))

    def most_confused(self, most: int = 10) -> tuple[tuple[int, int, int], ...]:
        """Return true label, predicted label and number of pictures, the most frequent first.

        Equal numbers keep the order of the labels. Pairs without pictures are left out.
        """
        wrong = self.counts - np.diag(np.diagonal(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return tuple((int(t), int(p), int(wrong[t, p])) for t, p in pairs if wrong[t, p])


class Accuracy(NamedTuple):
    """Top-1 and top-5 accuracy, and their values for each picture.

    hits1, hits5 (N,): the probability that the true label is among the best 1 and 5, with equal
    scores in random order. acc1, acc5: their means. acc5 and hits5 are None with five labels or
    fewer.
    """

    acc1: float
    acc5: float | None
    hits1: npt.NDArray[np.float64]
    hits5: npt.NDArray[np.float64] | None


def confusion(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], num_labels: int
) -> Confusion:
    """Return the confusion matrix; truth and predicted are label numbers, (N,).

    predicted may be `NO_ANSWER`.
    """
    has_answer = predicted != NO_ANSWER
    cells = truth[has_answer] * num_labels + predicted[has_answer]
    counts = np.bincount(cells, minlength=num_labels**2).reshape(num_labels, num_labels)
    unanswered = np.bincount(truth[~has_answer], minlength=num_labels)
    return Confusion(counts.astype(np.int64), unanswered.astype(np.int64))


def count_classes(
    truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], num_labels: int
) -> ClassCounts:
    """Return the counts of each class; truth and predicted as in `confusion`."""
    return ClassCounts(
        np.bincount(truth[truth == predicted], minlength=num_labels),
        np.bincount(truth, minlength=num_labels),
        np.bincount(predicted[predicted != NO_ANSWER], minlength=num_labels),
    )


def accuracy(scores: npt.NDArray[np.floating], truth: npt.NDArray[np.int64]) -> Accuracy:
    """Return top-1 accuracy, and top-5 accuracy if there are more than five labels.

    scores (N, L) with N of at least 1; truth (N,) label numbers.
    """
    ks = (1, 5) if scores.shape[1] > 5 else (1,)
    hits = top_k_hits(scores, truth, ks)
    hits5 = hits.get(5)
    acc5 = None if hits5 is None else float(hits5.mean())
    return Accuracy(float(hits[1].mean()), acc5, hits[1], hits5)
