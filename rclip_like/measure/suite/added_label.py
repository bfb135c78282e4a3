"""A label added: which pictures it takes, from the right label or from a wrong one."""

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
    "words 32.3 % of pictures of people up to 20 years fell under the vile ones; when the label "
    "'child' was added, 8.7 %."
)
LIMITS = (
    "No pictures of people are used, and nothing here says what a model does to people. It shows "
    "only how much the answers hang on the list. Every label of the set is added to the others in "
    "turn, so that the mean share of pictures it takes is one in the number of labels."
)
OUTSIDERS = ("something else", "object", "scene")
"""Labels that no set is expected to have, and that take what nothing else fits."""
_SHOWN = 20
_MOST_VALUES = 1 << 30


class Moved(NamedTuple):
    """What one label takes when it is added to the others: numbers of pictures."""

    label: str
    num_own: int
    num_taken: int
    num_gained: int
    num_lost: int


def measure(subject: Subject) -> Section:
    """Return which pictures each label takes from the others, and what labels beside them take."""
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
        f"Each of the {len(subject.labels):,} labels was added to the others. Of the pictures that "
        f"changed their label {percent(wilson(gained, num))} got the right one, "
        f"{percent(wilson(lost, num))} lost the right one, and the others went from one wrong "
        "label to another.",
        f"'{most.label}' takes the most: {most.num_taken:,} of {num:,} pictures, "
        f"{most.num_gained:,} of them its own; {none:,} labels take none.",
        "A label that is added leaves the pictures that it does not take with the labels they had: "
        f"this held for every picture and each of the {num_looked_at(scores):,} labels looked at.",
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
    """Return the label of each picture, and that it has while its own is missing, (N,) each.

    scores: (N, L), L >= 2. Of equal scores the first label wins.
    """
    answers = scores.argmax(1)
    left = scores.copy()
    left[np.arange(len(scores)), answers] = -np.inf
    return answers, left.argmax(1)


def leaves_others_alone(scores: npt.NDArray[np.float32]) -> bool:
    """Return whether taking a label out of the list moves the pictures of that label alone."""
    answers = scores.argmax(1)
    for label in range(num_looked_at(scores)):
        rest = np.delete(scores, label, axis=1).argmax(1)
        rest += rest >= label
        if (rest != answers)[answers != label].any():
            return False
    return True


def num_looked_at(scores: npt.NDArray[np.float32]) -> int:
    """Return how many labels, from the first on, `leaves_others_alone` takes out."""
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
        Column("other", "from a wrong one", "count"),
    )
    order = sorted(moved, key=lambda each: (each.num_gained - each.num_taken, each.label))
    rows = tuple((*each, each.num_taken - each.num_gained - each.num_lost) for each in order)
    note = "" if len(rows) <= _SHOWN else f"The {_SHOWN} labels that take the most of others'."
    return Table("labels", "What each label takes", columns, rows[:_SHOWN], note)


def _outsiders(subject: Subject, scores: npt.NDArray[np.float32]) -> Table:
    """Return what labels take that are not of the set, and how many of these were wrong before."""
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
        f"Of all pictures {percent(float(wrong.mean()))} are wrong before; a label that takes more "
        "of these than of the right ones mends more than it spoils."
    )
    return Table("outsiders", "Labels that are not of the set", columns, tuple(rows), note)
