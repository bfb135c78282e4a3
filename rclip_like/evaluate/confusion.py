"""Accuracy, the figures of each class, and which classes are confused with which.

If t labels share the highest score of a picture, it counts as 1 / t for each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Cell, Column
from rclip_like.evaluate.zero_shot import top_k_hits

Numbers = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64] | npt.NDArray[np.float64]
"""int64 if all counts are whole, else float64."""

ACCURACY_COLUMNS = (
    Column("acc1", "top-1 accuracy", "share"),
    Column("acc5", "top-5 accuracy", "share"),
    Column("mean_per_class_recall", "mean recall", "share"),
    Column("macro_f1", "macro F1", "share"),
)
CLASS_COLUMNS = (
    Column("label", "label", "text"),
    Column("pictures", "pictures", "count"),
    Column("given", "given", "count"),
    Column("recall", "recall", "share"),
    Column("precision", "precision", "share"),
    Column("f1", "F1", "share"),
)
CONFUSED_COLUMNS = (
    Column("true", "true label", "text"),
    Column("given", "given label", "text"),
    Column("pictures", "pictures", "count"),
    Column("share", "share of the label", "share"),
)
"""The same columns wherever labels are compared with true ones."""

_DECIMALS = 9
"""Sums of parts such as 1 / 3 are rounded to so many decimals."""


class Answers(NamedTuple):
    """The labels with the highest score of each picture, (A,): one or more per picture.

    pictures, labels: their numbers. parts: 1 / t if t labels share the highest score.
    """

    pictures: Numbers
    labels: Numbers
    parts: npt.NDArray[np.float64]


class ClassFigures(NamedTuple):
    """The figures of one class; recall, precision and f1 are in [0, 1].

    label: its number. num: its pictures. num_predicted: how often it was predicted, an int if it is
    whole. recall is None if num is 0, precision if num_predicted is 0, and
    f1 = 2 right / (num + num_predicted) if both are.
    """

    label: int
    num: int
    num_predicted: float
    recall: float | None
    precision: float | None
    f1: float | None

    def cells(self, name: str) -> tuple[Cell, ...]:
        """Return the class's row under `CLASS_COLUMNS`, with Wilson's intervals."""
        right = round((self.recall or 0.0) * self.num, _DECIMALS)
        recall = wilson(right, self.num) if self.num else None
        precision: Cell = self.precision
        if self.num_predicted >= 1:
            precision = wilson(right, self.num_predicted)
        return name, self.num, self.num_predicted, recall, precision, self.f1


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
    """A confusion matrix: counts (L, L) with a row per true label, a column per predicted one."""

    counts: Counts

    def accuracy(self) -> float:
        """Return the share of right predictions."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def has_ties(self) -> bool:
        """Whether any picture counts in parts."""
        return self.counts.dtype != np.int64

    def classes(self) -> tuple[ClassFigures, ...]:
        """Return the figures of each class, in the order of the labels."""
        return tuple(
            ClassFigures(
                label,
                round(n),
                p.item(),
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
        right, num = self.counts.diagonal(), self.counts.sum(1)
        return ClassCounts(*map(_rounded, (right, num, self.counts.sum(0))))

    def confused_rows(self, labels: Sequence[str], most: int = 10) -> tuple[tuple[Cell, ...], ...]:
        """Return the most frequent mistakes as rows under `CONFUSED_COLUMNS`."""
        num = self.counts.sum(1)
        return tuple(
            (labels[true], labels[given], count, wilson(count, round(num[true].item())))
            for true, given, count in self.most_confused(most)
        )

    def most_confused(self, most: int = 10) -> tuple[tuple[int, int, float], ...]:
        """Return true label, predicted label and number of pictures, the most frequent first.

        Equal numbers keep the order of the labels. Pairs without pictures are left out.
        """
        wrong = self.counts - np.diag(np.diagonal(self.counts))
        order = np.argsort(-wrong, axis=None, kind="stable")[:most]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return tuple((int(t), int(p), wrong[t, p].item()) for t, p in pairs if wrong[t, p])


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


def nearest(scores: npt.NDArray[np.floating]) -> Answers:
    """Return the labels with the highest score of each picture; scores are (N, L)."""
    is_highest = scores == scores.max(axis=1, keepdims=True)
    pictures, labels = np.nonzero(is_highest)
    return Answers(pictures, labels, 1.0 / is_highest.sum(axis=1)[pictures])


def confusion(truth: Numbers, answers: Answers, num_labels: int) -> Confusion:
    """Return the confusion matrix; truth (N,): label numbers."""
    cells = truth[answers.pictures] * num_labels + answers.labels
    counts = np.bincount(cells, answers.parts, num_labels**2)
    return Confusion(_rounded(counts).reshape(num_labels, num_labels))


def count_classes(
    truth: Numbers, answers: Answers, num_labels: int, some: Numbers | None = None
) -> ClassCounts:
    """Return the counts of each class; truth and answers as in `confusion`.

    some: picture numbers, which may repeat, as in a resample; None for every picture once.
    """
    times = np.ones(len(truth)) if some is None else np.bincount(some, minlength=len(truth))
    parts = answers.parts * times[answers.pictures]
    is_right = truth[answers.pictures] == answers.labels
    return ClassCounts(
        np.bincount(answers.labels[is_right], parts[is_right], num_labels),
        np.bincount(truth, times, num_labels),
        np.bincount(answers.labels, parts, num_labels),
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


def _rounded(counts: npt.NDArray[Any]) -> Counts:
    """Return counts without rounding errors, as int64 if they are whole."""
    exact = np.asarray(np.round(counts, _DECIMALS), dtype=np.float64)
    whole = exact.astype(np.int64)
    return whole if np.array_equal(whole, exact) else exact
