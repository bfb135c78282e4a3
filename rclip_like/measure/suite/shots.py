"""Zero-shot beside probes on a few pictures of each label, and where their curve crosses it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from rclip_like.evaluate.few_shot import SplitFeatures, crossing, probe_with_all, probe_with_shots
from rclip_like.evaluate.intervals import repeats, wilson
from rclip_like.evaluate.probe import fitting
from rclip_like.evaluate.report import Column, Interval, Line, LineChart, Section, Table
from rclip_like.measure.suite.probing import split_features
from rclip_like.measure.suite.subject import Numbers, Subject
from rclip_like.measure.suite.wording import listed, percent
from rclip_like.settings import num_processors

PAPER = (
    "Zero-shot CLIP equals about 4-shot probing of its own features and 16-shot probing of the "
    "best others; on most sets a probe of all pictures adds 10 to 25 points."
)
LIMITS = (
    "Few labels with few pictures: the crossing is this set's and this model's, not the paper's "
    "mean over 27 sets. Intervals of the probes are over repeated draws from the same pictures, "
    "and leave out that the test pictures are few."
)
KS = (1, 2, 4, 8, 16)
NUM_REPEATS = 10
MOST_LABELS = 30
LEAST_PICTURES = 5
"""A label with fewer has hardly any to teach, to choose and to measure with."""


class _Curve(NamedTuple):
    """Test accuracies by k, those of probes on all, and zero-shot labels of the same pictures."""

    shots: dict[int, Interval]
    num_short: dict[int, int]
    full: Interval
    zero_shot: Interval


def num_pictures(truth: Numbers) -> int:
    """Return how many pictures are encoded."""
    return len(_chosen(truth)[1])


def measure(subject: Subject) -> Section:
    """Return the curve of few-shot probes, and the zero-shot level of the same test pictures."""
    labels, pictures = _chosen(subject.truth)
    if len(labels) < 2:
        sentence = f"Not measured: fewer than two labels have {LEAST_PICTURES} pictures."
        return Section("shots", "Zero-shot and few-shot", (sentence,), paper=PAPER)
    features = subject.made(
        "features",
        len(pictures),
        lambda: {"rows": subject.features(subject.squares.pixels[each] for each in pictures)},
    )["rows"]
    numbers = np.searchsorted(labels, subject.truth[pictures])
    digests = [subject.squares.digests[each] for each in pictures]
    split, test = split_features(features, numbers, digests, subject.seed)
    curve = _curve(subject, split, labels, pictures[test])
    crossed = crossing(
        tuple(curve.shots),
        [each.value for each in curve.shots.values()],
        curve.zero_shot.value,
    )
    return Section(
        "shots",
        "Zero-shot and few-shot",
        _sentences(subject, curve, labels, crossed, len(test)),
        (_table(curve),),
        (_chart(curve),),
        PAPER,
        LIMITS,
    )


def _chosen(truth: Numbers) -> tuple[Numbers, Numbers]:
    """Return the labels with the most pictures, ascending, and the positions of their pictures."""
    counts = np.bincount(truth)
    order = np.argsort(-counts, kind="stable")[:MOST_LABELS]
    labels = np.sort(order[counts[order] >= LEAST_PICTURES])
    return labels, np.flatnonzero(np.isin(truth, labels))


def _curve(subject: Subject, split: SplitFeatures, labels: Numbers, tested: Numbers) -> _Curve:
    counts = np.bincount(split.train.numbers)
    ks = [k for k in KS if k == 1 or 2 * (counts >= k).sum() >= len(labels)]
    shots, num_short = {}, {}
    with fitting(), ThreadPoolExecutor(num_processors()) as pool:
        for k in ks:
            found = probe_with_shots(split, k, subject.seed, NUM_REPEATS, pool, lambda: None)
            shots[k], num_short[k] = repeats(found.accuracies), found.num_short
        fit, _ = probe_with_all(split, pool, lambda: None)
        full = fit.logits(split.test.features).argmax(1) == split.test.numbers
    scores = subject.of_labels.scores(subject.rows[tested])[:, labels]
    zero_shot = labels[scores.argmax(1)] == subject.truth[tested]
    return _Curve(shots, num_short, _share(full), _share(zero_shot))


def _share(right: np.ndarray) -> Interval:
    return wilson(int(right.sum()), len(right))


def _sentences(
    subject: Subject, curve: _Curve, labels: Numbers, crossed: float | None, num_tested: int
) -> tuple[str, ...]:
    names = listed([subject.labels[label] for label in labels])
    if crossed is None:
        level = f"no probe of up to {max(curve.shots)} pictures a label reaches zero-shot"
    elif crossed == 0:
        level = "a single picture a label is as good as zero-shot already"
    else:
        level = f"zero-shot equals a probe of about {crossed:.1f} pictures a label"
    return (
        f"Of the {len(labels)} labels with the most pictures ({names}) {num_tested} pictures test: "
        f"zero-shot, among these labels, gets {percent(curve.zero_shot)} right and a probe of all "
        f"teaching pictures {percent(curve.full)}.",
        f"By the means of {NUM_REPEATS} draws {level}.",
    )


def _table(curve: _Curve) -> Table:
    columns = (
        Column("by", "Labels from", "text"),
        Column("accuracy", "Accuracy", "share"),
        Column("short", "Labels with fewer", "count"),
    )
    rows = (
        ("words alone (zero-shot)", curve.zero_shot, None),
        *((f"{k} pictures a label", each, curve.num_short[k]) for k, each in curve.shots.items()),
        ("all teaching and choosing pictures", curve.full, None),
    )
    note = (
        "Of few-shot probes the mean and Student's interval over ten seeded draws; of the others "
        "Wilson's interval. Features are those before the projection. Numbers of pictures that "
        "half of the labels do not have are left out."
    )
    return Table("shots", "Accuracy on the test pictures", columns, rows, note)


def _chart(curve: _Curve) -> LineChart:
    line = Line(
        "probe on the features",
        tuple(map(float, curve.shots)),
        tuple(each.value for each in curve.shots.values()),
        tuple(each.low for each in curve.shots.values()),
        tuple(each.high for each in curve.shots.values()),
    )
    levels = {"zero-shot": curve.zero_shot.value, "probe of all pictures": curve.full.value}
    title = "Zero-shot and probes on a few pictures"
    return LineChart("shots", title, "pictures a label", "accuracy", (line,), levels, is_log_x=True)
