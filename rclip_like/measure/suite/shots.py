"""Zero-shot labels beside few-shot probes, and the crossing of the two."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from rclip_like.errors import counted
from rclip_like.evaluate.few_shot import (
    SplitFeatures,
    crossing,
    is_on_curve,
    probe_with_all,
    probe_with_shots,
)
from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.probe import fitting
from rclip_like.evaluate.report import Column, Interval, Line, LineChart, Section, Table
from rclip_like.measure.suite.probing import split_features
from rclip_like.measure.suite.subject import Numbers, Subject
from rclip_like.measure.suite.wording import listed, percent
from rclip_like.settings import num_processors

TITLE = "Zero-shot and few-shot"
PAPER = (
    "On average over 20 sets, zero-shot CLIP matches 4-shot probes on its own features, and nearly "
    "16-shot probes on the best features of other models. For single sets, a probe needs between "
    "less than 1 and 184 pictures per label to match zero-shot, with a median of 5.4 and a mean of "
    "20.8. On most sets a probe on all pictures adds 10 to 25 points."
)
LIMITS = (
    "Few labels with few pictures: the crossing holds for this set and this model; the paper's is "
    "a mean over 20 sets. Intervals of few-shot probes are over repeated draws from the same "
    "pictures, and do not account for the small number of test pictures."
)
KS = (1, 2, 4, 8, 16)
NUM_REPEATS = 10
MOST_LABELS = 30
LEAST_PICTURES = 5
"""A label with fewer pictures cannot fill the three splits."""


class _Curve(NamedTuple):
    """Test accuracies: of few-shot probes by k, of a probe on all pictures, and of zero-shot."""

    shots: dict[int, Interval]
    num_short: dict[int, int]
    full: Interval
    zero_shot: Interval


def num_pictures(truth: Numbers) -> int:
    """Return how many pictures are encoded."""
    return len(_chosen(truth)[1])


def measure(subject: Subject) -> Section:
    """Return the curve of few-shot probes, and zero-shot accuracy on the same test pictures."""
    labels, pictures = _chosen(subject.truth)
    if len(labels) < 2:
        sentence = f"Not measured: fewer than two labels have {LEAST_PICTURES} pictures."
        return Section("shots", TITLE, (sentence,), paper=PAPER)
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
        TITLE,
        _sentences(subject, curve, labels, crossed, len(test)),
        (_table(curve),),
        (_chart(curve),),
        PAPER,
        f"{LIMITS} {subject.limits}".strip(),
    )


def _chosen(truth: Numbers) -> tuple[Numbers, Numbers]:
    """Return the labels with the most pictures, ascending, and the positions of their pictures."""
    counts = np.bincount(truth)
    order = np.argsort(-counts, kind="stable")[:MOST_LABELS]
    labels = np.sort(order[counts[order] >= LEAST_PICTURES])
    return labels, np.flatnonzero(np.isin(truth, labels))


def _curve(subject: Subject, split: SplitFeatures, labels: Numbers, tested: Numbers) -> _Curve:
    counts = np.bincount(split.train.numbers)
    ks = [k for k in KS if k == 1 or is_on_curve(counts, k)]
    shots, num_short = {}, {}
    with fitting(), ThreadPoolExecutor(num_processors()) as pool:
        for k in ks:
            found = probe_with_shots(split, k, subject.seed, NUM_REPEATS, pool, lambda: None)
            shots[k], num_short[k] = found.mean(), found.num_short
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
        level = (
            f"no probe on up to {counted(max(curve.shots), 'picture')} per label reaches zero-shot"
        )
    elif crossed == 0:
        level = "a probe on one picture per label already reaches zero-shot"
    else:
        level = f"zero-shot equals a probe on about {crossed:.1f} pictures per label"
    return (
        f"On {num_tested} test pictures of the {len(labels)} labels with the most pictures "
        f"({names}), zero-shot gets {percent(curve.zero_shot)} right among these labels, and a "
        f"probe on all training and validation pictures {percent(curve.full)}.",
        f"By the means of {NUM_REPEATS} draws, {level}. The interval of the zero-shot accuracy is "
        f"{100 * curve.zero_shot.low:.0f} to {100 * curve.zero_shot.high:.0f} %, so the crossing "
        "is uncertain too.",
    )


def _table(curve: _Curve) -> Table:
    columns = (
        Column("by", "labels from", "text"),
        Column("accuracy", "accuracy", "share"),
        Column("short", "labels with fewer", "count"),
    )
    rows = (
        ("words alone (zero-shot)", curve.zero_shot, None),
        *(
            (f"{counted(k, 'picture')} per label", each, curve.num_short[k])
            for k, each in curve.shots.items()
        ),
        ("all training and validation pictures", curve.full, None),
    )
    note = (
        "Few-shot probes have the mean and Student's interval over ten seeded draws, the others "
        "Wilson's interval. There is no interval if a draw takes nearly all training pictures, as "
        "the draws then hardly differ. The probes are fitted on features before projection. "
        "Numbers of pictures that more than half of the labels lack are left out."
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
    value, low, high = curve.zero_shot
    ends = (line.x[0], max(line.x[-1], 2.0))
    zero_shot = Line("zero-shot, 95 % interval", ends, (value, value), (low, low), (high, high))
    levels = {"probe on all pictures": curve.full.value}
    title, across = "Zero-shot and few-shot probes", "pictures per label"
    return LineChart("shots", title, across, "accuracy", (line, zero_shot), levels, is_log_x=True)
