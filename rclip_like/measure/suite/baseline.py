"""The baseline: an ImageNet classifier, on the pictures whose labels are classes of ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.models.towers.torch_classifier import ImageNetClassifier, class_names

if TYPE_CHECKING:
    from rclip_like.measure.suite.subject import Numbers
    from rclip_like.models.specification import ModelSpecification

# Shape suffixes: N pictures, S the picture size, C classes that stand for one of the labels.


class Baseline(NamedTuple):
    """A classifier, and the labels of a set that are classes of ImageNet-1k.

    labels (K,): their numbers in the set. classes (C,): numbers of classes, and label_of_class
    (C,) the label that each stands for, as a number in the set. share_in_model: the share
    of the classifier's weights, its last layer aside, that the model's image tower has.
    """

    classifier: ImageNetClassifier
    labels: Numbers
    classes: Numbers
    label_of_class: Numbers
    share_in_model: float = 0.0

    def answers(self, pixels: npt.NDArray[np.uint8]) -> Numbers:
        """Return label numbers (N,) of pictures uint8 (N, S, S, 3): of the likeliest class each."""
        logits_NC = self.classifier.logits(pixels)[:, self.classes]
        return np.asarray(self.label_of_class[logits_NC.argmax(1)])

    def names(self, truth: Numbers) -> npt.NDArray[np.bool_]:
        """Return which pictures (N,) have a label that is a class of ImageNet."""
        return np.isin(truth, self.labels)


def load_baseline(labels: Sequence[str], model: ModelSpecification) -> Baseline:
    """Return the classifier for the labels whose names, or synonyms in WordNet, are classes.

    A label may name several classes ("crane"); a class belongs to the first label that names it.
    Raises ModelError if a package is missing, and MeasureError if fewer than two labels match.
    """
    classes = _classes_of_labels(labels)
    if len(set(classes.values())) < 2:
        raise MeasureError(
            f"the baseline needs two labels that are classes of ImageNet-1k, but fewer of the "
            f"{len(labels)} labels are"
        )
    numbers = np.array(list(classes), np.int64)
    label_of_class = np.array(list(classes.values()), np.int64)
    classifier = ImageNetClassifier()
    share_in_model = classifier.share_in(model)
    labels_shared = np.unique(label_of_class)
    return Baseline(classifier, labels_shared, numbers, label_of_class, share_in_model)


def _classes_of_labels(labels: Sequence[str]) -> dict[int, int]:
    """Return the label number of each class that one of the labels names, by class number."""
    named: dict[str, list[int]] = {}
    for number, names in enumerate(class_names()):
        for name in names:
            named.setdefault(_plain(name), []).append(number)
    found: dict[int, int] = {}
    for label, name in enumerate(labels):
        for number in named.get(_plain(name), ()):
            found.setdefault(number, label)
    return found


def _plain(name: str) -> str:
    """Return the form in which names are compared: case folded, single spaces between words."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
