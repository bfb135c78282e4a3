"""Measure searches for each label's name among the labelled pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.evaluate.ties import Targets
from rclip_like.evaluate.words import NDCG_AT, PRECISION_AT, RankingFigures, ranking_figures
from rclip_like.evaluate.zero_shot import text_rows
from rclip_like.measure.measured import Measured

if TYPE_CHECKING:
    from rclip_like.evaluate.intervals import Numbers
    from rclip_like.models.model import Model
    from rclip_like.values import Embeddings

_AS_TYPED = ("{}",)
"""A search encodes its words as they are, unless a template is asked for."""


class WordFigures(NamedTuple):
    """The figures of searches for the labels' names: means by name, and `by_word` for each label.

    The names are precision@K, ndcg@10, mrr and map. num_pictures (L,): the pictures of each label.
    """

    figures: Mapping[str, Measured]
    by_word: RankingFigures
    num_pictures: Numbers


def measure_words(
    images: Embeddings, truth: Numbers, labels: Sequence[str], model: Model, seed: int
) -> WordFigures:
    """Return the figures of searches for the labels; a picture is relevant to its own label.

    images: unit rows (N, D); truth (N,) label numbers. Labels without pictures are not searched
    for. Intervals and differences are over labels.
    """
    words = text_rows(labels, _AS_TYPED, model.texts)
    by_word = ranking_figures(
        Targets(images).cosines(words), truth == np.arange(len(labels))[:, None]
    )
    figures = {
        **{f"precision@{k}": by_word.precisions[k] for k in PRECISION_AT},
        f"ndcg@{NDCG_AT}": by_word.ndcg,
        "mrr": by_word.reciprocal_ranks,
        "map": by_word.average_precisions,
    }
    return WordFigures(
        {key: Measured.mean(values, seed) for key, values in figures.items()},
        by_word,
        np.bincount(truth, minlength=len(labels)),
    )
