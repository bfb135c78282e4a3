"""Add a label to the list: which pictures it takes, from which labels, and whether it helps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import counted
from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Cell, Column, Interval, Section, Table
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.subject import TEMPLATE, Numbers, Subject
from rclip_like.measure.suite.wording import listed, percent

TITLE = "A label added"
PAPER = (
    "A closed list forces an answer, and the list decides it (section 7.1): with a list of races "
    "and a few vile words, 32.3 % of the pictures of people up to 20 years got one of the vile "
    "words; with the label 'child' added, 8.7 %."
)
LIMITS = (
    "This does not measure what a model does to people. A few labels with a few pictures each show "
    "what can happen, not how often it does."
)
WAYS_OUT = ("something else", "thing", "object", "scene")
"""General labels, which no set is expected to have, for pictures that no other label fits."""
MOST_HELD_OUT = 8
LEAST_PICTURES = 5
_NUM_NAMED = 3


class Added(NamedTuple):
    """The pictures that one label takes when it is added to the others.

    own: how many pictures the label has. taken: how many it takes; taken_own of these are its own,
    and taken_right had their right label before. takes_from: the labels before of the taken
    pictures that are not its own. stand_ins: the labels of its own pictures while it was missing.
    Both hold label numbers.
    """

    label: int
    own: int
    taken: int
    taken_own: int
    taken_right: int
    takes_from: Numbers
    stand_ins: Numbers


def measure(subject: Subject) -> Section:
    """Return which pictures held-out labels take when added, and which `WAYS_OUT` take."""
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
    """Return what a label takes from the others; scores (N, L), L >= 2; truth (N,)."""
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
        return (f"No label has {LEAST_PICTURES} pictures, so no label was held out.",)
    own, taken, taken_own, taken_right = (
        sum(getattr(each, name) for each in found)
        for name in ("own", "taken", "taken_own", "taken_right")
    )
    names = listed([subject.labels[each.label] for each in found])
    start = (
        f"{counted(len(found), 'label')} drawn by the seed ({names}) were left out one at a time. "
        "Without its label a picture gets another one, because the list cannot say 'none'. Added "
        f"again, the labels take back {percent(wilson(taken_own, own))} of their pictures"
    )
    if not taken:
        return (f"{start}, and take no others.",)
    return (
        f"{start}; of the {counted(taken, 'picture')} that they take, "
        f"{percent(wilson(taken_own, taken))} are their own, and "
        f"{percent(wilson(taken_right, taken))} had their right label before.",
    )


def _held_out_table(labels: Sequence[str], found: Sequence[Added]) -> Table:
    columns = (
        Column("label", "label added", "text"),
        Column("pictures", "pictures", "count"),
        Column("recall", "takes back", "share"),
        Column("given", "takes", "count"),
        Column("precision", "own share of these", "share"),
        Column("right_before", "right before", "count"),
        Column("takes_from", "takes other pictures from", "text"),
        Column("stand_ins", "labels of its pictures without it", "text"),
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
    note = f"Numbers after labels count pictures; up to {_NUM_NAMED} labels are named."
    return Table("held_out", "Labels left out and added again", columns, rows, note)


def _most(labels: Sequence[str], numbers: Numbers) -> str:
    """Return the most frequent labels with their counts, "" for none."""
    counts = np.bincount(numbers, minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    named = [f"{labels[number]} {counts[number]}" for number in order if counts[number]]
    return ", ".join(named[:_NUM_NAMED]) + (", ..." if len(named) > _NUM_NAMED else "")


def _ways_out(subject: Subject, scores: npt.NDArray[np.float32]) -> tuple[Table, tuple[str, ...]]:
    """Return a table of the right and wrong answers that `WAYS_OUT` take, and a sentence on it."""
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
        f"A general label helps here: {'; '.join(helping)}."
        if helping
        else "No general label clearly takes wrong answers more often than right ones."
    )
    columns = (
        Column("label", "label added", "text"),
        Column("taken", "takes", "share"),
        Column("wrong", "wrong before", "share"),
        Column("of_wrong", "of the wrong answers", "share"),
        Column("of_right", "of the right answers", "share"),
    )
    start = (
        f"With the full list, {percent(wilson(int(is_wrong.sum()), len(is_wrong)))} of the answers "
        "are wrong. Then one general label was added."
    )
    table = Table("ways_out", "General labels, added one at a time", columns, tuple(rows))
    return table, (f"{start} {verdict}",)


def _share(
    of: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_] | None = None
) -> Interval | None:
    chosen = of if among is None else of[among]
    return wilson(int(chosen.sum()), len(chosen)) if len(chosen) else None
