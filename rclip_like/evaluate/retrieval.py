"""Retrieval figures: pictures found by their captions, and captions by their pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import bootstrap_median, mean_interval
from rclip_like.evaluate.labels import normalised
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.ties import (
    Counts,
    Shares,
    Targets,
    chance_of_hit,
    expected_rank,
    expected_reciprocal_rank,
)

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

_VALUES_AT_ONCE = 1 << 22


class Positives(NamedTuple):
    """The right targets of each query.

    Query q has targets[starts[q]:starts[q + 1]], ascending; starts (Q + 1,) and targets (P,) are
    int64.
    """

    starts: Counts
    targets: Counts

    def counts(self) -> Counts:
        """Return how many targets are right for each query, (Q,)."""
        return np.diff(self.starts)


class Retrieved(NamedTuple):
    """The values of each query, (Q,), with equal scores in random order.

    hits: by k, the probability that one of the k best targets is right. recalls: by k, the expected
    share of the right targets that are among the k best. ranks: the expected rank of the first
    right target, from 1; reciprocal_ranks: the expected 1 / rank. precisions_at_r: the expected
    average precision over the first R ranks, where R is the number of right targets. Queries
    without right targets have NaN and count in no mean.
    """

    num_targets: int
    hits: Mapping[int, Shares]
    recalls: Mapping[int, Shares]
    ranks: Shares
    reciprocal_ranks: Shares
    precisions_at_r: Shares


class RetrievalFigures(NamedTuple):
    """The means over queries, with intervals over pictures as `mean_interval` makes them.

    recall: by k, the share of queries with a right target among the k best. true_recall: by k, the
    share of the right targets that are among them. num_queries: the queries with right targets;
    num_without: the others, which count in no mean. capped: the values of k that exceed the number
    of targets, and count as that number. At such k, and at that number, there is no interval.
    """

    num_queries: int
    num_without: int
    num_targets: int
    recall: Mapping[int, Interval]
    true_recall: Mapping[int, Interval]
    median_rank: Interval
    mean_reciprocal_rank: Interval
    map_at_r: Interval
    capped: tuple[int, ...]


def retrieval_figures(
    found: Retrieved, pictures: npt.NDArray[np.int64] | None = None, *, seed: int = 0
) -> RetrievalFigures:
    """Return the means over queries.

    pictures (Q,): the number of each query's picture, if a picture has several captions. Then the
    bootstrap draws whole pictures, since captions of one picture are not independent. Raises
    MeasureError if no query has a right target.
    """

    def mean(values: Shares) -> Interval:
        return mean_interval(values, groups=pictures, seed=seed)

    def mean_at(k: int, values: Shares) -> Interval:
        nothing = float("nan")  # all targets are among the k best, whatever the pictures
        return mean(values) if k < found.num_targets else Interval(1.0, nothing, nothing)

    num_without = int(np.isnan(found.ranks).sum())
    return RetrievalFigures(
        len(found.ranks) - num_without,
        num_without,
        found.num_targets,
        {k: mean_at(k, hits) for k, hits in found.hits.items()},
        {k: mean_at(k, recalls) for k, recalls in found.recalls.items()},
        bootstrap_median(found.ranks, groups=pictures, seed=seed),
        mean(found.reciprocal_ranks),
        mean(found.precisions_at_r),
        tuple(k for k in found.hits if k > found.num_targets),
    )


def positives_of_captions(
    captions: Sequence[str], owners: Sequence[int], num_images: int
) -> tuple[Positives, Positives]:
    """Return the right pictures of each caption (T,), and the right captions of each picture (N,).

    owners: the number of each caption's picture. A caption that several pictures share, compared as
    `normalised`, is right for all of them.
    """
    group_of: dict[str, int] = {}
    groups = [group_of.setdefault(normalised(caption), len(group_of)) for caption in captions]
    images_of: list[set[int]] = [set() for _ in group_of]
    captions_of: list[list[int]] = [[] for _ in group_of]
    groups_of_image: list[set[int]] = [set() for _ in range(num_images)]
    for caption, (group, owner) in enumerate(zip(groups, owners, strict=True)):
        images_of[group].add(owner)
        captions_of[group].append(caption)
        groups_of_image[owner].add(group)
    of_captions = (images_of[group] for group in groups)
    of_images = ((each for one in own for each in captions_of[one]) for own in groups_of_image)
    return _positives(of_captions), _positives(of_images)


def retrieve(
    queries: Embeddings, targets: Embeddings, positives: Positives, ks: Sequence[int]
) -> Retrieved:
    """Return what each query retrieves among the targets by cosine.

    queries (Q, D) and targets (N, D) are unit rows, float32. k larger than N counts as N.
    """
    step = max(1, _VALUES_AT_ONCE // max(1, len(targets)))
    distinct = Targets(targets)
    parts = []
    for start in range(0, len(queries), step):
        scores = distinct.cosines(queries[start : start + step])
        end = start + len(scores)
        first, last = positives.starts[[start, end]]
        part = Positives(positives.starts[start : end + 1] - first, positives.targets[first:last])
        parts.append(rank_positives(scores, part, ks))
    return _joined(parts, len(targets), ks)


def rank_positives(
    scores: npt.NDArray[np.float32], positives: Positives, ks: Sequence[int]
) -> Retrieved:
    """Return what queries retrieve, given their scores with all targets, (Q, N)."""
    query_of, better, tied = _rank_each(scores, positives)
    num_queries, num_targets = scores.shape
    number = positives.counts()
    has_any = number > 0
    firsts, rights, before = _tie_groups(query_of, better)
    is_best = before == 0
    best = better[firsts[is_best]], tied[firsts[is_best]], rights[is_best]

    def of_queries(values: Shares) -> Shares:
        spread = np.full(num_queries, np.nan)
        spread[has_any] = values
        return spread

    def mean_over_positives(values: Shares) -> Shares:
        return np.bincount(query_of, values, num_queries)[has_any] / number[has_any]

    room = {k: np.clip(k - better, 0, tied) / tied for k in ks}
    return Retrieved(
        num_targets,
        {k: of_queries(chance_of_hit(*best, k)) for k in ks},
        {k: of_queries(mean_over_positives(room[k])) for k in ks},
        of_queries(expected_rank(*best)),
        of_queries(expected_reciprocal_rank(*best)),
        of_queries(
            np.bincount(
                query_of[firsts],
                _precision_of_group(
                    better[firsts], tied[firsts], rights, before, number[query_of[firsts]]
                ),
                num_queries,
            )[has_any]
            / number[has_any]
        ),
    )


def text_to_image_recall(
    texts: Embeddings, images: Embeddings, positives: npt.NDArray[np.bool_], ks: Sequence[int]
) -> dict[int, float]:
    """Return, by k, the share of texts with a right picture among their k nearest.

    texts (T, D) and images (N, D) are unit rows; positives (T, N) says which pictures are right for
    which text. Ties count with their expected value over random orders; k larger than N counts as
    N; a text without a right picture counts as 0.
    """
    rows, columns = np.nonzero(positives)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(texts)))])
    found = retrieve(texts, images, Positives(starts, columns.astype(np.int64)), ks)
    return {k: float(np.nan_to_num(hits).mean()) for k, hits in found.hits.items()}


def equal_caption_positives(
    captions: Sequence[str], owners: Sequence[int], num_images: int
) -> npt.NDArray[np.bool_]:
    """Return (T, N): which pictures are right for each caption, as `positives_of_captions` does.

    owners: the number of each caption's picture.
    """
    right, _ = positives_of_captions(captions, owners, num_images)
    positives = np.zeros((len(captions), num_images), dtype=bool)
    positives[np.repeat(np.arange(len(captions)), right.counts()), right.targets] = True
    return positives


def _positives(targets_of: Iterable[Iterable[int]]) -> Positives:
    rows = [np.unique(np.fromiter(targets, dtype=np.int64)) for targets in targets_of]
    starts = np.cumsum([0, *map(len, rows)], dtype=np.int64)
    return Positives(starts, np.concatenate([np.empty(0, np.int64), *rows]))


def _rank_each(
    scores: npt.NDArray[np.float32], positives: Positives
) -> tuple[Counts, Counts, Counts]:
    """Return for each positive, (P,): its query, the targets above it, and those equal to it.

    Equal ones include itself. The order is by query, then from the best.
    """
    num_targets = scores.shape[1]
    query_of = np.repeat(np.arange(len(scores)), positives.counts())
    values = scores[query_of, positives.targets]
    order = np.lexsort((-values, query_of))
    values = values[order]
    ascending = np.sort(scores, axis=1)
    below, not_above = np.empty_like(query_of), np.empty_like(query_of)
    for query, row in enumerate(ascending):
        own = slice(positives.starts[query], positives.starts[query + 1])
        below[own] = row.searchsorted(values[own], "left")
        not_above[own] = row.searchsorted(values[own], "right")
    return query_of, num_targets - not_above, not_above - below


def _tie_groups(query_of: Counts, better: Counts) -> tuple[Counts, Counts, Counts]:
    """Return for each group of equal positives, (G,): its start, its size, and the positives above.

    The groups are in the order of the positives; those above belong to the same query.
    """
    is_first = np.ones(len(query_of), dtype=bool)
    is_first[1:] = (query_of[1:] != query_of[:-1]) | (better[1:] != better[:-1])
    firsts = np.flatnonzero(is_first)
    rights = np.diff(firsts, append=len(query_of))
    starts_of_query = np.searchsorted(query_of, query_of[firsts])
    return firsts, rights, firsts - starts_of_query


def _precision_of_group(
    better: Counts, tied: Counts, rights: Counts, before: Counts, number: Counts
) -> Shares:
    """Return the expected sum of the precisions at the right targets of each tied group, (G,).

    The sum over a query's groups, divided by R, is its average precision at R (Musgrave, Belongie
    and Lim 2020, A Metric Learning Reality Check, equation 6), expected over random orders of each
    group. A rank i of the group, from better + 1 to min(better + tied, R), holds a right target
    with probability rights / tied. Then the expected number of right targets up to i is
    before + 1 + (i - better - 1) (rights - 1) / (tied - 1), and the precision is this over i.
    """
    last = np.minimum(better + tied, number)
    ranks = np.maximum(last - better, 0)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, last.max(initial=0) + 2))])
    inverse = np.where(ranks > 0, harmonic[last] - harmonic[np.minimum(better, last)], 0.0)
    each = (rights - 1) / np.maximum(tied - 1, 1)
    return np.asarray(rights / tied * ((1 + before - (better + 1) * each) * inverse + each * ranks))


def _joined(parts: Sequence[Retrieved], num_targets: int, ks: Sequence[int]) -> Retrieved:
    def join(arrays: Iterable[Shares]) -> Shares:
        return np.concatenate([np.empty(0), *arrays])

    return Retrieved(
        num_targets,
        {k: join(part.hits[k] for part in parts) for k in ks},
        {k: join(part.recalls[k] for part in parts) for k in ks},
        join(part.ranks for part in parts),
        join(part.reciprocal_ranks for part in parts),
        join(part.precisions_at_r for part in parts),
    )
