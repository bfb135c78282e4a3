"""Counting: one to ten drawn shapes, counted by words, by a probe, and by their area alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import mean_interval, paired_difference, wilson
from rclip_like.evaluate.report import Column, MatrixChart, PictureChart, Section, Table
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.drawing import shapes
from rclip_like.measure.suite.probing import probe_answers, split_features
from rclip_like.measure.suite.subject import TEMPLATE, Numbers, Subject
from rclip_like.measure.suite.wording import percent, points

if TYPE_CHECKING:
    from rclip_like.values import Pixels

TITLE = "Counting drawn shapes"
PAPER = (
    "Counting is one of the abstract tasks at which zero-shot CLIP is weak (section 6); in the "
    "paper's example of counted shapes the right text, 'a photo of 4 objects', is ranked second."
)
LIMITS = (
    "The pictures are synthetic: flat shapes of one kind and colour on a plain ground, which may "
    "be far from what the model has seen. A probe need not count: more shapes cover more of the "
    "picture, so a probe on the area alone is shown beside it."
)
COUNTS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
EACH = 60
"""The number of pictures drawn for each count."""


def num_pictures() -> int:
    """Return how many pictures are encoded: for their features, and for their embeddings."""
    return 2 * EACH * len(COUNTS)


def measure(subject: Subject) -> Section:
    """Return the accuracies of zero-shot labels, a probe on features, and one on the area."""
    truth = np.repeat(np.arange(len(COUNTS)), EACH)
    made = subject.made("counting", num_pictures(), lambda: _encoded(subject))
    digests = [b"%d" % number for number in range(len(truth))]
    split, test = split_features(made["features"], truth, digests, subject.seed)
    by_area, _ = split_features(_by_area(made["areas"]), truth, digests, subject.seed)
    labels = [f"{count} object{'s' if count != 'one' else ''}" for count in COUNTS]
    classifier = subject.classifier(labels, (TEMPLATE,))
    expected = truth[test]
    answers = {
        "zero_shot": classifier.scores(made["rows"][test]).argmax(1),
        "probe": probe_answers(split),
        "area": probe_answers(by_area),
    }
    right = {name: each == expected for name, each in answers.items()}
    zero, probe, area = (wilson(int(each.sum()), len(each)) for each in right.values())
    over_zero, over_area = (
        paired_difference(right[name], right["probe"], seed=subject.seed)
        for name in ("zero_shot", "area")
    )
    sentences = (
        f"Words count {percent(zero)} of {len(expected)} drawn pictures right (chance is "
        f"{percent(1 / len(COUNTS))}), and a probe on the features {percent(probe)}, a difference "
        f"of {points(over_zero)}.",
        f"A probe on the covered area alone counts {percent(area)} right; the probe on the "
        f"features differs from it by {points(over_area)}.",
    )
    return Section(
        "counting",
        TITLE,
        sentences,
        (_table(answers, expected),),
        (_examples(subject, made["rows"], classifier.scores(made["rows"]).argmax(1)),)
        + tuple(_confusion(name, answers[name], expected) for name in ("zero_shot", "probe")),
        PAPER,
        LIMITS,
    )


def _pictures(subject: Subject) -> Iterator[Pixels]:
    size = subject.squares.pixels.shape[1]
    for number in range(len(COUNTS)):
        for copy in range(EACH):
            yield shapes(size, number + 1, generator_of(subject.seed, "shapes", number, copy))


def _encoded(subject: Subject) -> dict[str, npt.NDArray[np.float32]]:
    areas = [(each != each[0, 0]).any(-1).mean() for each in _pictures(subject)]
    return {
        "rows": subject.embed(_pictures(subject)),
        "features": subject.features(_pictures(subject)),
        "areas": np.array(areas, np.float32),
    }


def _by_area(areas: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return features (N, 3) that let a linear probe cut the area into ranges."""
    logs = np.log(np.maximum(areas, 1e-6).astype(np.float64))
    standard = (logs - logs.mean()) / max(logs.std(), 1e-9)
    return np.stack([standard, standard**2, standard**3], 1)


def _table(answers: dict[str, Numbers], expected: Numbers) -> Table:
    titles = {
        "zero_shot": "zero-shot, in words",
        "probe": "probe on the features",
        "area": "probe on the area covered",
    }
    columns = (
        Column("by", "counted by", "text"),
        Column("accuracy", "accuracy", "share"),
        Column("error", "mean error, shapes"),
    )
    rows = tuple(
        (
            titles[name],
            wilson(int((each == expected).sum()), len(expected)),
            mean_interval(np.abs(each - expected).astype(np.float64)),
        )
        for name, each in answers.items()
    )
    note = (
        f"{EACH} pictures of each count were drawn: three fifths are fitted on, a fifth validates, "
        "and a fifth tests."
    )
    return Table("counts", "Counts of one to ten", columns, rows, note)


def _examples(subject: Subject, rows: npt.NDArray[np.float32], answers: Numbers) -> PictureChart:
    size = subject.squares.pixels.shape[1]
    lines = []
    for copy in range(2):
        pictures = tuple(
            (
                shapes(size, number + 1, generator_of(subject.seed, "shapes", number, copy)),
                f"{number + 1}, given {answers[number * EACH + copy] + 1}",
            )
            for number in range(len(COUNTS))
        )
        lines.append(("", pictures))
    return PictureChart("shapes", "Drawn shapes, and the counts by words", tuple(lines))


def _confusion(name: str, answers: Numbers, expected: Numbers) -> MatrixChart:
    counts = np.zeros((len(COUNTS), len(COUNTS)), np.int64)
    np.add.at(counts, (expected, answers), 1)
    labels = tuple(str(number + 1) for number in range(len(COUNTS)))
    title = {"zero_shot": "Counted in words", "probe": "Counted by the probe"}[name]
    return MatrixChart(name, title, labels, counts)
