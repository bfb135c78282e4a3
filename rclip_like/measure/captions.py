"""Measure retrieval: pictures by their captions, and captions by their pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.evaluate.retrieval import positives_of_captions, retrieval_figures, retrieve
from rclip_like.measure.measured import Measured

if TYPE_CHECKING:
    from rclip_like.data.embedding import EmbeddedSet
    from rclip_like.evaluate.intervals import Numbers
    from rclip_like.evaluate.report import Interval
    from rclip_like.evaluate.retrieval import Retrieved
    from rclip_like.evaluate.ties import Shares
    from rclip_like.models.model import Model

KS = (1, 5, 10)
TEXT_TO_PICTURE, PICTURE_TO_TEXT = "image_retrieval", "text_retrieval"
"""The directions, named after what is retrieved, as in CLIP_benchmark."""
DIRECTIONS = {TEXT_TO_PICTURE: "pictures by captions", PICTURE_TO_TEXT: "captions by pictures"}


class CaptionFigures(NamedTuple):
    """The figures of retrieval, by direction and name.

    The names are recall@K, true_recall@K, median_rank, mrr and map@r. num_shared: captions of more
    than one picture. num_cut: captions that are longer than the model reads.
    """

    num_pictures: int
    num_captions: int
    num_shared: int
    num_cut: int
    figures: Mapping[str, Mapping[str, Measured]]


def measure_captions(embedded: EmbeddedSet, model: Model, seed: int) -> CaptionFigures:
    """Return the retrieval figures of the pictures with captions and of these captions.

    A caption of several pictures is right for all of them. Equal scores count with their expected
    value over random orders. Intervals and differences are over whole pictures.
    """
    has_captions = [bool(captions) for captions in embedded.captions]
    images = embedded.rows[has_captions]
    groups = [captions for captions in embedded.captions if captions]
    captions = [caption for group in groups for caption in group]
    owners = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    cut: list[str] = []
    texts = model.texts(captions, cut.append)
    of_captions, of_pictures = positives_of_captions(captions, owners.tolist(), len(images))
    pictures = np.arange(len(images))
    return CaptionFigures(
        len(images),
        len(captions),
        int((of_captions.counts() > 1).sum()),
        len(cut),
        {
            TEXT_TO_PICTURE: _figures(retrieve(texts, images, of_captions, KS), owners, seed),
            PICTURE_TO_TEXT: _figures(retrieve(images, texts, of_pictures, KS), pictures, seed),
        },
    )


def _figures(found: Retrieved, pictures: Numbers, seed: int) -> dict[str, Measured]:
    """Return the figures of a direction; pictures (Q,): the number of each query's picture."""
    figures = retrieval_figures(found, pictures, seed=seed)

    def mean(interval: Interval, values: Shares) -> Measured:
        return Measured(interval, values, pictures)

    return {
        **{f"recall@{k}": mean(figures.recall[k], found.hits[k]) for k in KS},
        **{f"true_recall@{k}": mean(figures.true_recall[k], found.recalls[k]) for k in KS},
        "median_rank": Measured(figures.median_rank),
        "mrr": mean(figures.mean_reciprocal_rank, found.reciprocal_ranks),
        "map@r": mean(figures.map_at_r, found.precisions_at_r),
    }
