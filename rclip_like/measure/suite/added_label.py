"""Add a label to the list: which pictures it takes, from the right label or from a wrong one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Column, Interval, Section, Table
from rclip_like.measure.suite.subject import TEMPLATE, Numbers, Subject
from rclip_like.measure.suite.wording import percent

PAPER = (
    "A closed list forces an answer, and the list decides it: with a list of races and a few vile "
    "words, 32.3 % of the pictures of people up to 20 years got one of the vile words; with the "
    "label 'child' added, 8.7 %."
)
LIMITS = (
    "This shows only how much the answers depend on the list; it does not measure what a model "
    "does to people. Every label of the set is added to the others in turn, so the mean share of "
    "pictures that a label takes is 1 / the number of labels."
)
OUTSIDERS = ("something else", "object", "scene")
"""General labels, which no set is expected to have."""
_SHOWN = 20
_MOST_VALUES = 1 << 30


class Moved(NamedTuple):
    """Numbers of pictures that one label takes when it is added to the others.

    num_own: pictures of the label. num_taken: pictures that get it; num_gained of these are its
    own, and num_lost had their right label before.
    """

    label: str
    num_own: int
    num_taken: int
    num_gained: int
    num_lost: int


def measure(subject: Subject) -> Section:
    """Return which pictures each label takes from the others, and what `OUTSIDERS` take."""
    scores, truth = subject.of_labels.scores(subject.rows), subject.truth
    answers, without = answers_without_own(scores)
    moved = [
        _moved(subject.labels[number], number, answers, without, truth)
        for number in range(len(subject.labels))
    ]
    num = len(truth)
    gained, lost = sum(each.num_gained for each in moved), sum(each.num_lost for each in moved)
    most = max(moved, key=lambda each: each.num_taken)
    none = sum(not each.num_taken for each in moved)
    outside = _outsiders(subject, scores)
    sentences = (
        f"Each of the {len(subject.labels):,} labels was added to the others. Of the pictures "
        f"whose label changed, {percent(wilson(gained, num))} got the right one, "
        f"{percent(wilson(lost, num))} lost it, and the others went from one wrong label to "
        "another.",
        f"'{most.label}' takes the most: {most.num_taken:,} of {num:,} pictures, "
        f"{most.num_gained:,} of them its own; {none:,} labels take no picture.",
        "An added label does not change the labels of the pictures that it does not take: this "
        f"held for every picture and each of the {num_checked(scores):,} labels that were checked.",
    )
    assert leaves_others_alone(scores)
    return Section(
        "added",
        "A label added",
        sentences,
        (_greediest(moved), outside),
        paper=PAPER,
        limits=LIMITS,
    )


def answers_without_own(scores: npt.NDArray[np.float32]) -> tuple[Numbers, Numbers]:
    """Return the label given to each picture, and the one given when that label is missing, (N,).

    scores: (N, L), L >= 2. The first of equal scores wins.
    """
    answers = scores.argmax(1)
    left = scores.copy()
    left[np.arange(len(scores)), answers] = -np.inf
    return answers, left.argmax(1)


def leaves_others_alone(scores: npt.NDArray[np.float32]) -> bool:
    """Return whether removing a label changes the labels of only those pictures that had it."""
    answers = scores.argmax(1)
    for label in range(num_checked(scores)):
        rest = np.delete(scores, label, axis=1).argmax(1)
        rest += rest >= label
        if (rest != answers)[answers != label].any():
            return False
    return True


def num_checked(scores: npt.NDArray[np.float32]) -> int:
    """Return how many labels `leaves_others_alone` removes; fewer if there are many scores."""
    return int(min(scores.shape[1], max(1, _MOST_VALUES // scores.size)))


def _moved(label: str, number: int, answers: Numbers, without: Numbers, truth: Numbers) -> Moved:
    is_taken, is_own = answers == number, truth == number
    return Moved(
        label,
        int(is_own.sum()),
        int(is_taken.sum()),
        int((is_taken & is_own).sum()),
        int((is_taken & (without == truth)).sum()),
    )


def _greediest(moved: list[Moved]) -> Table:
    columns = (
        Column("label", "Label added", "text"),
        Column("own", "Its pictures", "count"),
        Column("taken", "Takes", "count"),
        Column("gained", "of its own", "count"),
        Column("lost", "from their right label", "count"),
        Column("other", "from a wrong label", "count"),
    )
    order = sorted(moved, key=lambda each: (each.num_gained - each.num_taken, each.label))
    rows = tuple((*each, each.num_taken - each.num_gained - each.num_lost) for each in order)
    note = "" if len(rows) <= _SHOWN else f"The {_SHOWN} labels that take most from other labels."
    return Table("labels", "What each label takes", columns, rows[:_SHOWN], note)


def _outsiders(subject: Subject, scores: npt.NDArray[np.float32]) -> Table:
    """Return which shares of pictures `OUTSIDERS` take, and how many of these were wrong before."""
    names = [name for name in OUTSIDERS if name not in subject.labels]
    added = subject.classifier(names, (TEMPLATE,)).scores(subject.rows)
    wrong = scores.argmax(1) != subject.truth
    rows: list[tuple[str, Interval, Interval | None]] = []
    for number, name in enumerate(names):
        is_taken = added[:, number] > scores.max(1)
        was_wrong = (
            wilson(int(wrong[is_taken].sum()), int(is_taken.sum())) if is_taken.any() else None
        )
        rows.append((name, wilson(int(is_taken.sum()), len(wrong)), was_wrong))
    columns = (
        Column("label", "Label added", "text"),
        Column("taken", "Takes", "share"),
        Column("wrong", "of these wrong before", "share"),
    )
    note = (
        f"{percent(float(wrong.mean()))} of all pictures are wrong before. A label takes wrong "
        "pictures more often than right ones if its share of wrong ones is higher than that."
    )
    return Table("outsiders", "Labels from outside the set", columns, tuple(rows), note)
