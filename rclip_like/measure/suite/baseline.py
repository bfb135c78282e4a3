"""An ImageNet classifier beside the model: on the pictures whose labels both can name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.models.towers.torch_classifier import ImageNetClassifier, class_names

if TYPE_CHECKING:
    from rclip_like.measure.suite.subject import Numbers

# Shape suffixes: N pictures, S the picture size, C classes that stand for one of the labels.


class Baseline(NamedTuple):
    """A classifier, and which of a set's labels are classes of ImageNet-1k.

    labels (K,): their numbers in the set. classes (C,): numbers of classes, and label_of_class
    (C,) the label that each stands for, as a number in the set.
    """

    classifier: ImageNetClassifier
    labels: Numbers
    classes: Numbers
    label_of_class: Numbers

    def answers(self, pixels: npt.NDArray[np.uint8]) -> Numbers:
        """Return the label number of the likeliest of those classes (N,), of uint8 (N, S, S, 3)."""
        logits_NC = self.classifier.logits(pixels)[:, self.classes]
        return np.asarray(self.label_of_class[logits_NC.argmax(1)])

    def names(self, truth: Numbers) -> npt.NDArray[np.bool_]:
        """Return which pictures (N,) have a label that is a class of ImageNet."""
        return np.isin(truth, self.labels)


def load_baseline(labels: Sequence[str]) -> Baseline:
    """Return the classifier for the labels whose names, or synonyms in WordNet, are classes.

    A label may stand for several classes ("crane"); a class stands for the first label that names
    it. Raises ModelError where a package is missing, MeasureError where under two labels match.
    """
    classes = _classes_of_labels(labels)
    if len(set(classes.values())) < 2:
        raise MeasureError(
            f"of the {len(labels)} labels fewer than two are classes of ImageNet-1k, so that its "
            "classifier cannot be compared with"
        )
    numbers = np.array(list(classes), np.int64)
    label_of_class = np.array(list(classes.values()), np.int64)
    return Baseline(ImageNetClassifier(), np.unique(label_of_class), numbers, label_of_class)


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
    """Return the form in which names are compared: small letters, words between single spaces."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())
