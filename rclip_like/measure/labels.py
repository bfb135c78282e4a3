"""Measure zero-shot labels against the true ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.evaluate.confusion import Confusion, accuracy, confusion, count_classes, nearest
from rclip_like.evaluate.intervals import wilson
from rclip_like.evaluate.zero_shot import build_classifier
from rclip_like.measure.confidence import Confidence, measure_confidence
from rclip_like.measure.measured import Measured
from rclip_like.measure.words import WordFigures, measure_words

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.data.embedding import EmbeddedSet
    from rclip_like.evaluate.confusion import Answers
    from rclip_like.evaluate.intervals import Numbers
    from rclip_like.models.model import Model


class LabelFigures(NamedTuple):
    """The figures of zero-shot labels, by name.

    The names are acc1, acc5 (if there are more than five labels), mean_per_class_recall and
    macro_f1. acc1 and acc5 have Wilson's interval. words: None if no words were searched for.
    """

    num_pictures: int
    labels: tuple[str, ...]
    templates: tuple[str, ...]
    figures: Mapping[str, Measured]
    confusion: Confusion
    confidence: Confidence
    words: WordFigures | None = None


def measure_labels(
    embedded: EmbeddedSet, model: Model, templates: Sequence[str], seed: int
) -> LabelFigures:
    """Return the figures of zero-shot labels and of their words, on the labelled pictures."""
    has_label = embedded.label_numbers >= 0
    truth, images = embedded.label_numbers[has_label], embedded.rows[has_label]
    wordings = dict.fromkeys(embedded.labels, ())
    classifier = build_classifier(wordings, templates, model.texts)
    scores = classifier.scores(images)
    logits = scores * np.float32(model.logit_scale)
    figures = measure_scores(scores, logits, truth, embedded.labels, seed)
    words = measure_words(images, truth, embedded.labels, model, seed)
    return figures._replace(templates=tuple(templates), words=words)


def measure_scores(
    scores: npt.NDArray[np.float32],
    logits: npt.NDArray[np.float32],
    truth: Numbers,
    labels: tuple[str, ...],
    seed: int,
) -> LabelFigures:
    """Return the figures of labels given by the highest score; labels of equal score share it.

    scores and logits (N, L); truth (N,) label numbers.
    """
    answers = nearest(scores)
    return LabelFigures(
        len(truth),
        labels,
        (),
        _figures(scores, truth, answers, seed),
        confusion(truth, answers, len(labels)),
        measure_confidence(logits, truth, seed),
    )


def _figures(
    scores: npt.NDArray[np.float32], truth: Numbers, answers: Answers, seed: int
) -> dict[str, Measured]:
    num, num_labels = scores.shape
    found = accuracy(scores, truth)
    figures = {"acc1": Measured(wilson(float(found.hits1.sum()), num), found.hits1)}
    if found.hits5 is not None:
        figures["acc5"] = Measured(wilson(float(found.hits5.sum()), num), found.hits5)

    def mean_per_class_recall(some: Numbers) -> float:
        return count_classes(truth, answers, num_labels, some).mean_per_class_recall()

    def macro_f1(some: Numbers) -> float:
        return count_classes(truth, answers, num_labels, some).macro_f1()

    figures["mean_per_class_recall"] = Measured.over_labels(mean_per_class_recall, num, seed)
    figures["macro_f1"] = Measured.over_labels(macro_f1, num, seed)
    return figures
