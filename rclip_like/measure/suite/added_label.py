"""A label added to a list: what it takes, from which labels, and whether a way out helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Cell, Column, Interval, Section, Table
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.subject import TEMPLATE, Numbers, Subject
from rclip_like.measure.suite.wording import counted, listed, percent

TITLE = "A label added"
PAPER = (
    "A closed list forces an answer, and the list decides it (section 7.1): with a list of races "
    "and a few vile words 32.3 % of pictures of people up to 20 years fell under the vile ones; "
    "when the label 'child' was added, 8.7 %."
)
LIMITS = (
    "No pictures of people are used, and nothing here says what a model does to people. A handful "
    "of labels with a handful of pictures each say what can happen, not how often it does."
)
WAYS_OUT = ("something else", "thing", "object", "scene")
"""Labels that no set is expected to have, for what no other label fits."""
MOST_HELD_OUT = 8
LEAST_PICTURES = 5
_NUM_NAMED = 3


class Added(NamedTuple):
    """What one label takes when it is added to the others.

    own: how many pictures it has; taken: how many it takes, of which taken_own are its own and
    taken_right had their right label before. takes_from: the labels before, of those not its own;
    stand_ins: those of its own pictures while it was missing. Both are label numbers.
    """

    label: int
    own: int
    taken: int
    taken_own: int
    taken_right: int
    takes_from: Numbers
    stand_ins: Numbers


def measure(subject: Subject) -> Section:
    """Return what labels of the set take back that were held out, and what ways out take."""
    scores, truth = subject.of_labels.scores(subject.rows), subject.truth
    held_out = hold_out(truth, subject.seed)
    found = [add_label(scores, truth, label) for label in held_out]
    ways_out, sentences = _ways_out(subject, scores)
    tables = (_held_out_table(subject.labels, found),) if found else ()
    return Section(
        "added",
        TITLE,
        (*_held_out_sentences(subject, found), *sentences),
        (*tables, ways_out),
        paper=PAPER,
        limits=LIMITS,
    )


def hold_out(truth: Numbers, seed: int) -> list[int]:
    """Return up to `MOST_HELD_OUT` labels with at least `LEAST_PICTURES` pictures, ascending."""
    candidates = np.flatnonzero(np.bincount(truth) >= LEAST_PICTURES)
    drawn = generator_of(seed, "held out").permutation(candidates)[:MOST_HELD_OUT]
    return sorted(drawn.tolist())


def add_label(scores: npt.NDArray[np.float32], truth: Numbers, label: int) -> Added:
    """Return what a label takes from a list without it; scores (N, L), L >= 2, truth (N,)."""
    without = scores.copy()
    without[:, label] = -np.inf
    before, is_taken, is_own = without.argmax(1), scores.argmax(1) == label, truth == label
    return Added(
        label,
        int(is_own.sum()),
        int(is_taken.sum()),
        int((is_taken & is_own).sum()),
        int((is_taken & (before == truth)).sum()),
        before[is_taken & ~is_own],
        before[is_own],
    )


def _held_out_sentences(subject: Subject, found: Sequence[Added]) -> tuple[str, ...]:
    if not found:
        return (f"No label has {LEAST_PICTURES} pictures, so that none was held out.",)
    own, taken, taken_own, taken_right = (
        sum(getattr(each, name) for each in found)
        for name in ("own", "taken", "taken_own", "taken_right")
    )
    names = listed([subject.labels[each.label] for each in found])
    start = (
        f"{counted(len(found), 'label')} drawn by the seed ({names}) were held out one at a time. "
        f"Without its label each picture gets another one: the list has no way to say 'none'. When "
        f"the label is added it takes back {percent(wilson(taken_own, own))} of its pictures"
    )
    if not taken:
        return (f"{start}, and takes no others.",)
    return (
        f"{start}; of the {counted(taken, 'picture')} that it takes "
        f"{percent(wilson(taken_own, taken))} belong to it, and "
        f"{percent(wilson(taken_right, taken))} had their right label before.",
    )


def _held_out_table(labels: Sequence[str], found: Sequence[Added]) -> Table:
    columns = (
        Column("label", "label added", "text"),
        Column("pictures", "pictures", "count"),
        Column("recall", "takes back", "share"),
        Column("given", "takes", "count"),
        Column("precision", "of these its own", "share"),
        Column("right_before", "right before", "count"),
        Column("takes_from", "takes others' pictures from", "text"),
        Column("stand_ins", "its pictures without it", "text"),
    )
    rows = tuple(
        (
            labels[each.label],
            each.own,
            wilson(each.taken_own, each.own),
            each.taken,
            wilson(each.taken_own, each.taken) if each.taken else None,
            each.taken_right,
            _most(labels, each.takes_from),
            _most(labels, each.stand_ins),
        )
        for each in found
    )
    note = "Numbers behind labels count pictures; of many labels the most frequent are named."
    return Table("held_out", "Labels held out and added", columns, rows, note)


def _most(labels: Sequence[str], numbers: Numbers) -> str:
    """Return the most frequent labels with their counts, "" for none."""
    counts = np.bincount(numbers, minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    named = [f"{labels[number]} {counts[number]}" for number in order if counts[number]]
    return ", ".join(named[:_NUM_NAMED]) + (", ..." if len(named) > _NUM_NAMED else "")


def _ways_out(subject: Subject, scores: npt.NDArray[np.float32]) -> tuple[Table, tuple[str, ...]]:
    """Return what labels take that are not of the set, of right and of wrong answers."""
    names = [name for name in WAYS_OUT if name not in subject.labels]
    added = subject.classifier(names, (TEMPLATE,)).scores(subject.rows)
    is_wrong = scores.argmax(1) != subject.truth
    rows: list[tuple[Cell, ...]] = []
    helping = []
    for number, name in enumerate(names):
        is_taken = added[:, number] > scores.max(1)
        of_wrong, of_right = _share(is_taken, is_wrong), _share(is_taken, ~is_wrong)
        rows.append((name, _share(is_taken), _share(is_wrong, is_taken), of_wrong, of_right))
        if of_wrong is not None and of_right is not None and of_wrong.low > of_right.high:
            helping.append(
                f"'{name}' takes {percent(of_wrong)} of the wrong answers and {percent(of_right)} "
                "of the right ones"
            )
    verdict = (
        f"A way out helps here, if a little: {'; '.join(helping)}."
        if helping
        else "That a way out takes wrong answers rather than right ones cannot be told here."
    )
    columns = (
        Column("label", "label added", "text"),
        Column("taken", "takes", "share"),
        Column("wrong", "of these wrong before", "share"),
        Column("of_wrong", "of the wrong answers", "share"),
        Column("of_right", "of the right answers", "share"),
    )
    start = (
        f"With the full list {percent(wilson(int(is_wrong.sum()), len(is_wrong)))} of the answers "
        "are wrong. Then a label was added that stands for nothing in particular."
    )
    table = Table("ways_out", "Labels that are not of the set", columns, tuple(rows))
    return table, (f"{start} {verdict}",)


def _share(
    of: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_] | None = None
) -> Interval | None:
    chosen = of if among is None else of[among]
    return wilson(int(chosen.sum()), len(chosen)) if len(chosen) else None
