"""Robustness: accuracy on corrupted pictures, optionally beside an ImageNet classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.data.arrays import in_batches
from rclip_like.errors import counted
from rclip_like.evaluate.intervals import bootstrap_statistic, wilson
from rclip_like.evaluate.report import (
    Cell,
    Chart,
    Column,
    Interval,
    Line,
    LineChart,
    PictureChart,
    Section,
    Table,
)
from rclip_like.measure.suite.corruptions import CORRUPTIONS, LEVELS, Corruption, corrupted
from rclip_like.measure.suite.subject import Numbers, Subject
from rclip_like.measure.suite.wording import is_clear, listed, percent, points

if TYPE_CHECKING:
    from rclip_like.measure.suite.baseline import Baseline

TITLE = "Labels under corruption"
PAPER = (
    "The paper measures natural shifts (section 3.3), other photos and drawings of the same "
    "things, instead of synthetic ones such as these: at equal accuracy on ImageNet (76.2 %), "
    "zero-shot CLIP is more robust than a ResNet-101 (ImageNetV2 70.1 against 64.3 %, ImageNet-R "
    "88.9 against 37.7, ObjectNet 72.3 against 32.6, Sketch 60.2 against 25.2, ImageNet-A 77.1 "
    "against 2.7)."
)
OTHERS = (
    "Later talks and notes on CLIP show it ahead of a ResNet-101 under random masks, Gaussian "
    "noise and blur; we do not know their source. Hendrycks and Dietterich (2019), Benchmarking "
    "Neural Network Robustness to Common Corruptions and Perturbations, introduced corruptions at "
    "five strengths each."
)
LIMITS = (
    "These are relative drops under synthetic corruptions of the model's own square. Effective "
    "robustness, which needs many models of equal clean accuracy, and natural shifts, which need "
    "other pictures, are not measured. A relative drop from a low accuracy says little."
)
_COMPARED_LIMITS = (
    " The classifier learnt from labelled ImageNet pictures, which may include these. Both choose "
    "among the shared labels alone."
)

Right = npt.NDArray[np.bool_]


class _Answers(NamedTuple):
    """Label numbers given under one corruption.

    all (N,): the model's, for all pictures. shared (M,): the model's, for the pictures compared and
    among the shared labels. classifier (M,): the baseline's, for the same.
    """

    all: Numbers
    shared: Numbers
    classifier: Numbers


class _Curve(NamedTuple):
    """Which pictures are right under one corruption at levels 0 to 5, (6, N)."""

    corruption: Corruption
    right: Right

    @property
    def drop(self) -> Interval:
        """The share of the clean accuracy that is lost, as the mean over the five levels."""
        return _drop(self.right[0], self.right[1:].mean(0))


def num_pictures(num: int, num_compared: int) -> int:
    """Return how many pictures are encoded for `num` pictures, including by the classifier."""
    return len(CORRUPTIONS) * len(LEVELS) * (num + num_compared) + num_compared


def measure(subject: Subject) -> Section:
    """Return accuracy by corruption and strength, and with a baseline the drops of both models."""
    compared = _compared(subject)
    clean = _answers(subject, CORRUPTIONS[0], 0, compared)
    answers = {
        corruption.key: [clean, *(_answers(subject, corruption, n, compared) for n in LEVELS)]
        for corruption in CORRUPTIONS
    }
    truth = subject.truth
    curves = [
        _Curve(each, np.stack([found.all == truth for found in answers[each.key]]))
        for each in CORRUPTIONS
    ]
    tables = [_by_strength(curves), _by_corruption(curves)]
    sentences = [*_sentences(subject, curves)]
    charts: list[Chart] = []
    limits = f"{LIMITS} {subject.limits}".strip()
    if subject.baseline is None:
        charts += [_chart(subject, [curve], [subject.model.specification.name]) for curve in curves]
    else:
        shared, classified = (
            [
                _Curve(each, np.stack([got[which] == truth[compared] for got in answers[each.key]]))
                for each in CORRUPTIONS
            ]
            for which in (1, 2)
        )
        tables.append(_comparison(shared, classified))
        sentences += _compared_sentences(subject, shared, classified)
        names = [subject.model.specification.name, subject.baseline.classifier.name]
        charts += [
            _chart(subject, pair, names) for pair in map(list, zip(shared, classified, strict=True))
        ]
        limits += _COMPARED_LIMITS
    charts.append(_photo(subject, answers))
    return Section(
        "corruptions",
        TITLE,
        tuple(sentences),
        tuple(tables),
        tuple(charts),
        PAPER,
        limits,
        OTHERS,
    )


def _compared(subject: Subject) -> Numbers:
    """Return the positions of the pictures whose label the baseline has, (M,)."""
    if subject.baseline is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(subject.baseline.names(subject.truth))


def _answers(subject: Subject, corruption: Corruption, level: int, compared: Numbers) -> _Answers:
    """Return the answers at one level, from a finished part if there is one."""
    beside = "" if subject.baseline is None else "-beside"
    name = f"{corruption.key}-{level}{beside}" if level else f"clean-answers{beside}"
    number = (len(subject.truth) if level else 0) + len(compared)
    made = subject.made(name, number, lambda: _answer(subject, corruption, level, compared))
    return _Answers(made["all"], made["shared"], made["classifier"])


def _answer(
    subject: Subject, corruption: Corruption, level: int, compared: Numbers
) -> dict[str, Numbers]:
    squares, baseline = subject.squares, subject.baseline
    rows, classified, start = [], [], 0
    pictures = (
        corrupted(pixels, digest, corruption, level, subject.seed)
        for pixels, digest in zip(squares.pixels, squares.digests, strict=True)
    )
    for batch in in_batches(pictures, subject.model.batch_size):
        if level:
            rows.append(subject.embed(batch))
        own = compared[(compared >= start) & (compared < start + len(batch))] - start
        if baseline is not None and len(own):
            classified.append(baseline.answers(batch[own]))
            subject.pace.encoded(len(own))
        start += len(batch)
    scores = subject.of_labels.scores(np.concatenate(rows) if level else subject.rows)
    nobody = np.empty(0, np.int64)
    shared = nobody
    if baseline is not None:
        shared = baseline.labels[scores[compared][:, baseline.labels].argmax(1)]
    found = np.concatenate([nobody, *classified])
    return {"all": scores.argmax(1), "shared": shared, "classifier": found}


def _drop(clean: npt.NDArray[np.generic], left: npt.NDArray[np.generic]) -> Interval:
    """Return the share of the clean accuracy that is lost, resampling pictures."""

    def lost(numbers: Numbers) -> float:
        before = float(clean[numbers].mean())
        return 1 - float(left[numbers].mean()) / before if before else float("nan")

    return bootstrap_statistic(lost, len(clean))


def _accuracy(right: Right) -> Interval:
    return wilson(int(right.sum()), len(right))


def _by_strength(curves: list[_Curve]) -> Table:
    columns = (
        Column("corruption", "corruption", "text"),
        Column("level", "level", "count"),
        Column("strength", "strength"),
        Column("accuracy", "accuracy", "share"),
        Column("drop", "relative drop", "share"),
    )
    rows = [
        (
            curve.corruption.title,
            level,
            curve.corruption.strengths[level - 1],
            _accuracy(curve.right[level]),
            _drop(curve.right[0], curve.right[level]),
        )
        for curve in curves
        for level in LEVELS
    ]
    measures = "; ".join(f"{each.title}: {each.measure}" for each in CORRUPTIONS)
    note = f"Strengths are: {measures}. Accuracies have Wilson's interval, drops a bootstrap one."
    return Table("by_strength", "Accuracy by strength", columns, tuple(rows), note)


def _by_corruption(curves: list[_Curve]) -> Table:
    columns = (
        Column("corruption", "corruption", "text"),
        Column("accuracy", "mean accuracy", "share"),
        Column("drop", "mean relative drop", "share"),
    )
    rows = [(curve.corruption.title, float(curve.right[1:].mean()), curve.drop) for curve in curves]
    rows.append(("mean of all", float(_mean_of(curves).mean()), _mean_drop(curves)))
    return Table("by_corruption", "Mean over the five strengths", columns, tuple(rows))


def _comparison(shared: list[_Curve], classified: list[_Curve]) -> Table:
    columns = (
        Column("corruption", "corruption", "text"),
        Column("model", "model: accuracy", "share"),
        Column("classifier", "ImageNet classifier: accuracy", "share"),
        Column("model_drop", "model: drop", "share"),
        Column("classifier_drop", "ImageNet classifier: drop", "share"),
        Column("difference", "drop, model minus classifier", "points"),
    )
    first = ("none", _accuracy(shared[0].right[0]), _accuracy(classified[0].right[0]))
    rows: list[tuple[Cell, ...]] = [(*first, None, None, None)]
    for own, other in zip(shared, classified, strict=True):
        means = float(own.right[1:].mean()), float(other.right[1:].mean())
        difference = _difference([own], [other])
        rows.append((own.corruption.title, *means, own.drop, other.drop, difference))
    means = float(_mean_of(shared).mean()), float(_mean_of(classified).mean())
    drops = _mean_drop(shared), _mean_drop(classified), _difference(shared, classified)
    rows.append(("mean of all", *means, *drops))
    return Table(
        "comparison",
        "Beside an ImageNet classifier: means over the five strengths",
        columns,
        tuple(rows),
        "Differences are in points of relative drop, with paired bootstrap intervals; below zero "
        "the model loses less.",
    )


def _mean_of(curves: list[_Curve]) -> npt.NDArray[np.float64]:
    """Return for each picture (N,) the share of corruptions and levels at which it is right."""
    means: npt.NDArray[np.float64] = np.mean([curve.right[1:].mean(0) for curve in curves], axis=0)
    return means


def _mean_drop(curves: list[_Curve]) -> Interval:
    return _drop(curves[0].right[0], _mean_of(curves))


def _difference(own: list[_Curve], other: list[_Curve]) -> Interval:
    pairs = [(each[0].right[0], _mean_of(each)) for each in (own, other)]

    def difference(numbers: Numbers) -> float:
        (before, left), (before_other, left_other) = (
            (float(clean[numbers].mean()), float(mean[numbers].mean())) for clean, mean in pairs
        )
        if not before or not before_other:
            return float("nan")
        return left_other / before_other - left / before

    return bootstrap_statistic(difference, len(pairs[0][0]))


def _sentences(subject: Subject, curves: list[_Curve]) -> list[str]:
    clean = _accuracy(curves[0].right[0])
    lead = (
        f"{percent(clean)} of {counted(len(subject.truth), 'picture')} get their true label, one "
        f"of {len(subject.labels):,}."
    )
    if clean.low <= 1 / len(subject.labels):
        return [
            f"{lead} This is not clearly above chance ({percent(1 / len(subject.labels))}), so "
            "there is nothing to lose, and the sections on these labels say nothing about the "
            "model."
        ]
    drops = {curve.corruption.title: curve.drop.value for curve in curves}
    least, most = min(drops, key=drops.__getitem__), max(drops, key=drops.__getitem__)
    return [
        f"{lead} Over {len(curves)} corruptions at {len(LEVELS)} strengths "
        f"{percent(_mean_drop(curves))} of this accuracy is lost, the least under {least} "
        f"({percent(drops[least])}), the most under {most} ({percent(drops[most])}). The order "
        "depends on the strengths, which were set by hand."
    ]


def _compared_sentences(
    subject: Subject, shared: list[_Curve], classified: list[_Curve]
) -> list[str]:
    baseline = subject.baseline
    assert baseline is not None
    names = [subject.labels[number] for number in baseline.labels]
    difference = _difference(shared, classified)
    verdict = "the interval contains zero, so neither is clearly more robust here"
    if is_clear(difference):
        verdict = f"here the model loses {'less' if difference.high < 0 else 'more'}"
    return [
        *_trunk_sentences(subject, baseline),
        f"{len(names):,} of the {len(subject.labels):,} labels are classes of ImageNet-1k by name "
        f"or synonym: {listed(names)}. They have {counted(shared[0].right.shape[1], 'picture')}.",
        f"Choosing among these labels, the model loses {percent(_mean_drop(shared))} of its clean "
        f"accuracy, and {baseline.classifier.name}, trained on ImageNet, "
        f"{percent(_mean_drop(classified))}. The difference is {points(difference)}: {verdict}.",
    ]


def _trunk_sentences(subject: Subject, baseline: Baseline) -> list[str]:
    """Return what it means for the comparison if the model has weights of the classifier."""
    tower, classifier = (
        f"The image tower of {subject.model.specification.name}",
        baseline.classifier,
    )
    if baseline.share_in_model == 1:
        return [
            f"{tower} is {classifier.name} itself, with the weights learnt from ImageNet's labels: "
            "this compares two heads on the same features, and says nothing about learning from "
            "texts."
        ]
    if baseline.share_in_model > 0:
        return [
            f"{tower} began as {classifier.name}, with the weights learnt from ImageNet's labels, "
            f"and has {percent(baseline.share_in_model)} of them unchanged: this compares what "
            "became of one model, and says little about learning from texts."
        ]
    return []


def _chart(subject: Subject, curves: list[_Curve], names: list[str]) -> LineChart:
    corruption = curves[0].corruption
    lines = []
    for curve, name in zip(curves, names, strict=True):
        ends = [_accuracy(right) for right in curve.right]
        lines.append(
            Line(
                name,
                (0.0, *corruption.strengths),
                tuple(end.value for end in ends),
                tuple(end.low for end in ends),
                tuple(end.high for end in ends),
            )
        )
    labels = len(subject.labels) if len(curves) == 1 else len(_labels_of(subject))
    return LineChart(
        corruption.key,
        corruption.title,
        corruption.measure,
        "accuracy",
        tuple(lines),
        {f"chance among {labels:,}": 1 / labels},
    )


def _labels_of(subject: Subject) -> Numbers:
    assert subject.baseline is not None
    return subject.baseline.labels


def _photo(subject: Subject, answers: dict[str, list[_Answers]]) -> PictureChart:
    """Return one photo under every corruption: the first that gets its true label uncorrupted."""
    right = np.flatnonzero(answers[CORRUPTIONS[0].key][0].all == subject.truth)
    chosen = int(right[0]) if len(right) else 0
    squares = subject.squares
    pixels, digest = np.array(squares.pixels[chosen]), squares.digests[chosen]
    rows = tuple(
        (
            corruption.title,
            tuple(
                (
                    corrupted(pixels, digest, corruption, level, subject.seed),
                    f"{(0.0, *corruption.strengths)[level]:g}: "
                    f"{subject.labels[answers[corruption.key][level].all[chosen]]}",
                )
                for level in (0, *LEVELS)
            ),
        )
        for corruption in CORRUPTIONS
    )
    label = subject.labels[subject.truth[chosen]]
    return PictureChart("photo", f"One photo of {label!r}: strengths, and the labels given", rows)
