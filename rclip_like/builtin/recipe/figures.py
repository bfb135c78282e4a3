"""The three figures of a model on starter photos: captions, labels and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.evaluate.retrieval import equal_caption_positives, text_to_image_recall
from rclip_like.evaluate.words import precision
from rclip_like.evaluate.zero_shot import EncodeTexts, build_classifier, top_k_accuracy

from .photos import Photo, wordings_by_label
from .words import mentions

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

RECALL_AT = (1, 5, 10)
ACCURACY_AT = (1, 5)
PRECISION_AT = 10
TEMPLATE = "a photo of a {}."
TIERS = {"open and research": ("open", "research"), "web": ("web",)}


@dataclass(frozen=True, slots=True)
class LabelAccuracy:
    """Shares of one group of photos whose label is among the k best, and their number."""

    num_photos: int
    accuracy: dict[int, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a model reaches; shares are in [0, 1].

    recall: by k, of captions whose own photo is among the k nearest captioned ones. accuracy: by
    group of tiers. precision: by word, over all photos.
    """

    num_captioned: int
    num_captions: int
    recall: dict[int, float]
    num_labels: int
    accuracy: dict[str, LabelAccuracy]
    num_photos: int
    precision: dict[str, float]

    def mean_precision(self) -> float:
        """Return the mean over the words."""
        return float(np.mean(list(self.precision.values())))


def measure(
    photos: Sequence[Photo], images: Embeddings, encode_texts: EncodeTexts, words: Sequence[str]
) -> Figures:
    """Return all figures; images: unit rows (N, D), one for each photo.

    The candidates of the labels are always all labels of these photos, in `TEMPLATE`.
    """
    captioned = [row for row, photo in enumerate(photos) if photo.captions]
    return Figures(
        num_captioned=len(captioned),
        num_captions=sum(len(photos[row].captions) for row in captioned),
        recall=caption_recall(photos, images, encode_texts),
        num_labels=len(wordings_by_label(photos)),
        accuracy=label_accuracy(photos, images, encode_texts),
        num_photos=len(photos),
        precision=word_precision(photos, images, encode_texts, words),
    )


def caption_recall(
    photos: Sequence[Photo], images: Embeddings, encode_texts: EncodeTexts
) -> dict[int, float]:
    """Return text-to-photo recall among the captioned photos; an equal caption counts as right."""
    rows = [row for row, photo in enumerate(photos) if photo.captions]
    captions = [caption for row in rows for caption in photos[row].captions]
    owners = [place for place, row in enumerate(rows) for _ in photos[row].captions]
    positives = equal_caption_positives(captions, owners, len(rows))
    return text_to_image_recall(encode_texts(captions), images[rows], positives, RECALL_AT)


def label_accuracy(
    photos: Sequence[Photo], images: Embeddings, encode_texts: EncodeTexts
) -> dict[str, LabelAccuracy]:
    """Return top-k accuracy by group of tiers; a label's synonyms are further rows of it."""
    classifier = build_classifier(wordings_by_label(photos), [TEMPLATE], encode_texts)
    number_of = {label: number for number, label in enumerate(classifier.labels)}
    accuracy = {}
    for group, tiers in TIERS.items():
        rows = [row for row, photo in enumerate(photos) if photo.label and photo.tier in tiers]
        if rows:
            truth = np.array([number_of[photos[row].label or ""] for row in rows])
            reached = top_k_accuracy(classifier.scores(images[rows]), truth, ACCURACY_AT)
            accuracy[group] = LabelAccuracy(len(rows), reached)
    return accuracy


def word_precision(
    photos: Sequence[Photo], images: Embeddings, encode_texts: EncodeTexts, words: Sequence[str]
) -> dict[str, float]:
    """Return by word the share of right photos among the first ten of all.

    A photo is right when its label, names, kind, objects or a caption has the word or its plural.
    """
    scores = encode_texts(words) @ images.T
    relevant = np.array(
        [[mentions(word, photo.words()) for photo in photos] for word in words], dtype=np.float64
    )
    found = np.nan_to_num(precision(scores, relevant, PRECISION_AT))
    return dict(zip(words, found.tolist(), strict=True))
