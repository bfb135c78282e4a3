"""The sections of a report on zero-shot labels: accuracy, calibration, words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.evaluate.calibration import NUM_BINS
from rclip_like.evaluate.confusion import ACCURACY_COLUMNS, CLASS_COLUMNS, CONFUSED_COLUMNS
from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.report import Column, Line, LineChart, MatrixChart, Section, Table
from rclip_like.evaluate.words import PRECISION_AT
from rclip_like.evaluate.zero_shot import zero_shot_limits
from rclip_like.measure.tables import MODEL, differences_table, figures_table

if TYPE_CHECKING:
    from rclip_like.evaluate.calibration import Calibration
    from rclip_like.evaluate.report import Cell
    from rclip_like.measure.confidence import Confidence
    from rclip_like.measure.labels import LabelFigures
    from rclip_like.measure.words import WordFigures

Found = Sequence[tuple[str, "LabelFigures"]]
"""The models' names and figures."""

_LIMITS = (
    "The list is closed: the nearest label wins, even if none fits. Accuracy depends on how many "
    "labels there are, how similar they are, and how they are worded."
)
_LEAST_IN_BIN = 10
"""The accuracy of a bin with fewer pictures is mostly chance, and not drawn."""
_PARTS = "A picture counts in equal parts for labels that share its highest score."


def label_sections(
    found: Found, scales: Mapping[str, float | None], seed: int
) -> Iterator[Section]:
    """Yield the sections on labels; scales: the models' logit scales, None for a probe."""
    if not found:
        return
    yield _accuracy_section(found, seed)
    yield _confidence_section(found, scales)
    if all(figures.words is not None for _, figures in found):
        yield _word_section(found, seed)


def _accuracy_section(found: Found, seed: int) -> Section:
    figures = found[0][1]
    num_true = int((figures.confusion.counts.sum(1) > 0).sum())
    sentences = [
        f"{figures.num_pictures:,} pictures get the likeliest of {len(figures.labels):,} labels; "
        f"{num_true:,} of these labels have pictures."
    ]
    by_model = {"": [(name, figures.figures) for name, figures in found]}
    tables = [figures_table("accuracy", "Accuracy", ACCURACY_COLUMNS, by_model)]
    if len(found) > 1:
        tables.append(differences_table(ACCURACY_COLUMNS, by_model, seed))
    for number, (name, each) in enumerate(found):
        tables += _class_tables(name, each, f"-{number + 1}" if len(found) > 1 else "")
    charts = [
        MatrixChart(
            f"confusion-{number + 1}", f"Confusion of {name}", each.labels, each.confusion.counts
        )
        for number, (name, each) in enumerate(found)
    ]
    return Section(
        "labels",
        "Labels without training",
        tuple(sentences),
        tuple(tables),
        tuple(charts),
        limits=" ".join(filter(None, (_LIMITS, *(zero_shot_limits(name) for name, _ in found)))),
    )


def _class_tables(name: str, figures: LabelFigures, ending: str) -> Iterator[Table]:
    of = f", {name}" if ending else ""
    labels = figures.labels
    rows = figures.confusion.confused_rows(labels)
    if rows:
        note = _PARTS if figures.confusion.has_ties else ""
        title = f"Most frequent mistakes{of}"
        yield Table(f"confused{ending}", title, CONFUSED_COLUMNS, rows, note)
    classes = [each for each in figures.confusion.classes() if each.num or each.num_predicted]
    classes.sort(key=lambda each: (each.recall is None, each.recall, -each.num))
    yield Table(
        f"classes{ending}",
        f"Labels, the hardest first{of}",
        CLASS_COLUMNS,
        tuple(each.cells(labels[each.label]) for each in classes),
    )


# ---- Calibration


def _confidence_section(found: Found, scales: Mapping[str, float | None]) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for name, figures in found:
        confidence, scale = figures.confidence, scales[name]
        rows += _confidence_rows(name, confidence, scale)
    table = Table(
        "calibration",
        "Calibration errors",
        (
            MODEL,
            Column("logit_scale", "logit scale"),
            Column("pictures", "pictures", "count"),
            Column("ece", "ECE"),
            Column("ece_equal_mass", "ECE, equal mass"),
            Column("nll", "NLL"),
            Column("brier", "Brier"),
        ),
        tuple(rows),
        "The second and third row of a model measure the same half of the pictures, before and "
        "after the scale was fitted on the other half."
        if any(figures.confidence.fitted for _, figures in found)
        else "",
    )
    reasons = dict.fromkeys(figures.confidence.reason for _, figures in found)
    sentences = [f"Not measured: {reason}." for reason in reasons if reason]
    charts = _reliability_charts(found)
    return Section(
        "calibration",
        "Calibration",
        ("Is a label with a probability of 80 % right in 80 % of the cases?", *sentences),
        (table,) if rows else (),
        charts,
        limits="With few pictures, ECE is too large by chance: of a perfect classifier too, its "
        "interval does not reach 0. ECE holds for this list of labels: a "
        "longer or shorter list has other probabilities.",
    )


def _confidence_rows(
    name: str, found: Confidence, scale: float | None
) -> Iterator[tuple[Cell, ...]]:
    fitted_scale = scale / found.temperature if scale and found.temperature else None
    of_scales = ((scale, found.own), (scale, found.own_half), (fitted_scale, found.fitted))
    for logit_scale, each in of_scales:
        if each is not None:
            yield name, logit_scale, each.num, each.ece, each.ece_equal_mass, each.nll, each.brier


def _reliability_charts(found: Found) -> tuple[LineChart, ...]:
    lines = []
    for name, figures in found:
        confidence = figures.confidence
        if confidence.fitted is not None and confidence.own_half is not None:
            lines.append(_reliability_line(name, confidence.own_half))
            lines.append(_reliability_line(f"{name}, scale fitted", confidence.fitted))
        elif confidence.own is not None:
            lines.append(_reliability_line(name, confidence.own))
    if not lines:
        return ()
    return (
        LineChart(
            "reliability",
            f"Reliability in {NUM_BINS} bins of confidence, without bins of fewer than "
            f"{_LEAST_IN_BIN} pictures",
            "mean confidence of the bin",
            "share of right labels",
            tuple(lines),
            x_unit="share",
            diagonal=True,
        ),
    )


def _reliability_line(name: str, found: Calibration) -> Line:
    """Return the accuracies of the bins with Wilson's intervals; the name tells of how many."""
    bins = [each for each in found.bins if each.num >= _LEAST_IN_BIN]
    accuracies = [wilson((each.accuracy or 0.0) * each.num, each.num) for each in bins]
    return Line(
        f"{name} ({found.num:,} pictures)",
        tuple(each.confidence or 0.0 for each in bins),
        tuple(each.value for each in accuracies),
        tuple(each.low for each in accuracies),
        tuple(each.high for each in accuracies),
    )


# ---- Words


def _word_section(found: Found, seed: int) -> Section:
    num_words = int((_words_of(found[0][1]).num_pictures > 0).sum())
    columns = [
        Column("precision@1", "precision@1", "share"),
        Column("precision@10", "precision@10", "share"),
        Column("ndcg@10", "nDCG@10"),
        Column("map", "mean AP"),
    ]
    by_model = {"": [(name, _words_of(each).figures) for name, each in found]}
    tables = [figures_table("words", "Means over the words", columns, by_model)]
    if len(found) > 1:
        tables.append(differences_table(columns, by_model, seed))
    for number, (name, each) in enumerate(found):
        tables.append(_each_word_table(name, each, f"-{number + 1}" if len(found) > 1 else ""))
    return Section(
        "words",
        "Search by the labels' names",
        (
            f"{num_words:,} labels are searched for as typed, each among the "
            f"{found[0][1].num_pictures:,} labelled pictures.",
        ),
        tuple(tables),
        limits="A picture that shows the thing but has another label counts as wrong. A word with "
        "three pictures reaches a precision@10 of 30 % at most; nDCG@10 allows for that.",
    )


def _each_word_table(name: str, figures: LabelFigures, ending: str) -> Table:
    words = _words_of(figures)
    numbers = np.flatnonzero(words.num_pictures)
    precisions, averages = (
        words.by_word.precisions[PRECISION_AT[-1]],
        words.by_word.average_precisions,
    )
    order = sorted(numbers.tolist(), key=lambda number: (averages[number], -precisions[number]))
    return Table(
        f"each-word{ending}",
        f"Words, the hardest first{f', {name}' if ending else ''}",
        (
            Column("word", "word", "text"),
            Column("pictures", "pictures", "count"),
            Column("precision@10", "precision@10", "share"),
            Column("ap", "AP"),
        ),
        tuple(
            (
                figures.labels[number],
                int(words.num_pictures[number]),
                float(precisions[number]),
                float(averages[number]),
            )
            for number in order
        ),
    )


def _words_of(figures: LabelFigures) -> WordFigures:
    assert figures.words is not None
    return figures.words
