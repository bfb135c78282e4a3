"""Prompts: bare names, one template, and ensembles of 7 and 80 templates in embedding space."""

from __future__ import annotations

import numpy as np

from rclip_like.evaluate.intervals import paired_difference, wilson
from rclip_like.evaluate.report import Column, Interval, Section, Table
from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.zero_shot import Classifier
from rclip_like.measure.suite.subject import TEMPLATE, Subject
from rclip_like.measure.suite.wording import is_clear, percent, points

TITLE = "Prompts"
PAPER = (
    "On ImageNet an ensemble of 80 templates, averaged in embedding space, gains 3.5 points over "
    "one template, and almost 5 together with prompt engineering. Wording matters: a 'boxer' is a "
    "dog or an athlete."
)
OTHERS = (
    "The notebook on prompts in CLIP's code says that seven of the templates do slightly better "
    "than all 80."
)
LIMITS = (
    "The templates were written for ImageNet; other labels may gain less, and a model that was "
    "trained on such sentences may gain nothing. If you choose a template by these figures, "
    "confirm it on other pictures."
)
_TITLES = {
    "none": "bare name",
    "photo": TEMPLATE,
    "simple": "7 templates, averaged",
    "imagenet80": "80 templates, averaged",
    "own": "the set's own",
}


def num_texts(num_labels: int, own: tuple[str, ...]) -> int:
    """Return how many texts are encoded, including those of `TEMPLATE` for all sections."""
    return num_labels * (1 + sum(len(templates) for templates in _sets(own).values()))


def measure(subject: Subject) -> Section:
    """Return the accuracy of each prompt, and its difference from `TEMPLATE`."""
    right = {
        name: _right(subject, name, templates)
        for name, templates in _sets(subject.templates).items()
    }
    right["photo"] = subject.answers(subject.rows) == subject.truth
    num = len(subject.truth)
    differences = {
        name: paired_difference(right["photo"], each, seed=subject.seed)
        for name, each in right.items()
        if name != "photo"
    }
    rows = tuple(
        (_TITLES[name], wilson(int(right[name].sum()), num), differences.get(name))
        for name in _TITLES
        if name in right
    )
    columns = (
        Column("prompt", "prompt", "text"),
        Column("accuracy", "accuracy", "share"),
        Column("difference", f"minus {TEMPLATE!r}", "points"),
    )
    table = Table("prompts", "Accuracy by prompt", columns, rows)
    sentences = _sentences(float(right["photo"].mean()), differences)
    limits = f"{LIMITS} {subject.limits}".strip()
    return Section("prompts", TITLE, sentences, (table,), (), PAPER, limits, OTHERS)


def _sets(own: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    sets = {name: templates_of(name) for name in ("none", "simple", "imagenet80")}
    return sets | ({"own": own} if own else {})


def _right(subject: Subject, name: str, templates: tuple[str, ...]) -> np.ndarray:
    def make() -> dict[str, np.ndarray]:
        return {"rows": subject.classifier(subject.labels, templates).rows}

    num_texts = len(templates) * len(subject.labels)
    rows = np.asarray(subject.made(f"prompts-{name}", 0, make, num_texts=num_texts)["rows"])
    classifier = Classifier(subject.labels, rows, np.arange(len(rows)))
    return np.asarray(classifier.scores(subject.rows).argmax(1) == subject.truth)


def _sentences(accuracy: float, differences: dict[str, Interval]) -> tuple[str, ...]:
    clear = [
        f"{_TITLES[name]} {points(difference)}"
        for name, difference in differences.items()
        if is_clear(difference)
    ]
    unclear = [_TITLES[name] for name, each in differences.items() if not is_clear(each)]
    start = f"With {TEMPLATE!r} {percent(accuracy)} of the pictures get their true label."
    sentences = [start]
    if clear:
        sentences.append(f"Differences from it: {'; '.join(clear)}.")
    if unclear:
        sentences.append(f"No clear difference for: {'; '.join(unclear)}.")
    return tuple(sentences)
