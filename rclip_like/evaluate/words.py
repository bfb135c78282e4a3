"""Precision at k, nDCG and average precision: for words that search, and for multiple labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.evaluate.ties import best_of_row, expected_reciprocal_rank

if TYPE_CHECKING:
    pass

Scores = npt.NDArray[np.float32]
Shares = npt.NDArray[np.float64]

PRECISION_AT = (1, 10)
NDCG_AT = 10

_VALUES_AT_ONCE = 1 << 21


class RankingFigures(NamedTuple):
    """The figures of each query, (Q,), with equal scores in random order.

    precisions: by k, the expected share of relevant pictures among the k best. Queries without
    relevant pictures have NaN and count in no mean.
    """

    precisions: Mapping[int, Shares]
    ndcg: Shares
    reciprocal_ranks: Shares
    average_precisions: Shares


class MeanAveragePrecision(NamedTuple):
    """Mean average precision where a picture may have several labels.

    macro: the mean over labels. micro: the average precision over all cells of picture and label.
    Both leave out labels without pictures: num_without counts them, num_labels the others.
    by_label (L,): the average precision of each label, NaN without pictures.
    """

    macro: float
    micro: float
    by_label: Shares
    num_labels: int
    num_without: int


class _Sorted(NamedTuple):
    """Rows sorted from the best and flattened, with groups of equal score within each row.

    For each picture: group_of, numbered through all rows, and rank_of, from 1 in its row. For each
    group: row_of_group, the number of its pictures, and the sum of their gains.
    """

    group_of: npt.NDArray[np.int64]
    rank_of: npt.NDArray[np.int64]
    row_of_group: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    gains: Shares


def ranking_figures(
    scores: Scores,
    gains: npt.NDArray[np.generic],
    *,
    precision_at: Sequence[int] = PRECISION_AT,
    ndcg_at: int = NDCG_AT,
) -> RankingFigures:
    """Return the figures of queries, given their scores with all pictures, (Q, N).

    gains (Q, N), bool or numbers of at least 0: how relevant each picture is; a picture is relevant
    if its gain is above 0. k larger than N counts as N.
    """
    step = max(1, _VALUES_AT_ONCE // max(1, scores.shape[1]))
    parts = []
    for start in range(0, len(scores), step):
        some = slice(start, start + step)
        of_part = scores[some], np.asarray(gains[some], dtype=np.float64)
        parts.append(
            (
                [precision(*of_part, k) for k in precision_at],
                ndcg(*of_part, ndcg_at),
                reciprocal_rank(*of_part),
                average_precision(*of_part),
            )
        )
    at_k, *others = zip(*parts, strict=True)
    precisions = {
        k: np.concatenate([part[number] for part in at_k]) for number, k in enumerate(precision_at)
    }
    return RankingFigures(precisions, *(np.concatenate(part) for part in others))


def precision(scores: Scores, gains: Shares, k: int) -> Shares:
    """Return the expected share of relevant pictures among the k best, (Q,).

    Pictures tied at the k-th score fill the remaining ranks at random.
    """
    relevant = gains > 0
    k = min(k, scores.shape[1])
    last = -np.partition(-scores, k - 1, axis=1)[:, k - 1]
    is_above, is_last = scores > last[:, None], scores == last[:, None]
    room = (k - is_above.sum(1)) / is_last.sum(1)
    found = (relevant & is_above).sum(1) + room * (relevant & is_last).sum(1)
    return _of_queries(found / k, gains)


def ndcg(scores: Scores, gains: Shares, k: int) -> Shares:
    """Return the normalised discounted cumulative gain of the k best, (Q,).

    The gain at rank i is multiplied by 1 / log2(i + 1); the best order gives 1. Equal scores share
    the mean discount of their ranks (McSherry and Najork 2008), as in sklearn.metrics.ndcg_score.
    """
    reached = _dcg(_sorted(scores, gains), len(scores), k)
    best = -np.sort(-gains, axis=1)[:, :k] @ _discounts(min(k, gains.shape[1]))
    return _of_queries(reached / np.where(best > 0, best, 1), gains)


def reciprocal_rank(scores: Scores, gains: Shares) -> Shares:
    """Return the expected value of 1 / rank of the first relevant picture, (Q,)."""
    relevant = gains > 0
    best = np.where(relevant, scores, -np.inf).max(1)
    better, tied = best_of_row(scores, best)
    right = (relevant & (scores == best[:, None])).sum(1)
    is_there = right > 0
    found = np.zeros(len(scores))
    found[is_there] = expected_reciprocal_rank(better[is_there], tied[is_there], right[is_there])
    return _of_queries(found, gains)


def average_precision(scores: Scores, gains: Shares) -> Shares:
    """Return the sum over distinct scores of precision times the increase of recall, (Q,).

    This equals sklearn.metrics.average_precision_score; pictures of equal score count together.
    """
    ordered = _sorted(scores, np.asarray(gains > 0, dtype=np.float64))
    ends = np.cumsum(ordered.sizes) - ordered.row_of_group * scores.shape[1]
    right = np.cumsum(ordered.gains)
    number = np.bincount(ordered.row_of_group, ordered.gains, len(scores))
    right -= (np.cumsum(number) - number)[ordered.row_of_group]
    sums = np.bincount(ordered.row_of_group, right / ends * ordered.gains, len(scores))
    return _of_queries(sums / np.maximum(number, 1), gains)


def mean_average_precision(scores: Scores, targets: npt.NDArray[np.bool_]) -> MeanAveragePrecision:
    """Return mAP over labels; scores (N, L), and targets (N, L) say which labels are right.

    Raises MeasureError if no label has a picture.
    """
    has_any = np.asarray(targets.any(0))
    if not has_any.any():
        raise MeasureError("average precision cannot be measured: no picture has a label")
    by_label = np.full(len(has_any), np.nan)
    for label in np.flatnonzero(has_any):
        of_label = scores[:, label][None], targets[:, label][None].astype(np.float64)
        by_label[label] = average_precision(*of_label)[0]
    every = scores[:, has_any].reshape(1, -1), targets[:, has_any].reshape(1, -1)
    micro = average_precision(every[0], every[1].astype(np.float64))
    return MeanAveragePrecision(
        float(np.nanmean(by_label)),
        float(micro[0]),
        by_label,
        len(has_any),
        int((~has_any).sum()),
    )


def _sorted(scores: Scores, gains: Shares) -> _Sorted:
    num_pictures = scores.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=1)
    is_first = np.ones(scores.shape, dtype=bool)
    is_first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    firsts = np.flatnonzero(is_first)
    gain = np.take_along_axis(gains, order, axis=1).ravel()
    group_of = np.cumsum(is_first) - 1
    return _Sorted(
        group_of,
        np.arange(scores.size) % num_pictures + 1,
        firsts // num_pictures,
        np.diff(firsts, append=scores.size),
        np.bincount(group_of, gain, len(firsts)).astype(np.float64),
    )


def _dcg(ordered: _Sorted, num_queries: int, k: int) -> Shares:
    discount = np.where(ordered.rank_of <= k, 1 / np.log2(ordered.rank_of + 1), 0)
    mean = np.bincount(ordered.group_of, discount) / ordered.sizes
    return np.asarray(np.bincount(ordered.row_of_group, mean * ordered.gains, num_queries))


def _discounts(k: int) -> Shares:
    return np.asarray(1 / np.log2(np.arange(2, k + 2)))


def _of_queries(found: Shares, gains: Shares) -> Shares:
    return np.where((gains > 0).any(1), found, np.nan)
