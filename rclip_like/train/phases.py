"""The phases of a run: which pairs each one learns from, and which only measure.

Shape suffixes: N pictures, D embedding, K nearest pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.splits import LEAST_NEAR
from rclip_like.train.batches import Rows

MOST_HELD_OUT = 2000
"""More held-out pictures would make the intervals narrower than anyone needs, and cost time."""

_FEWEST = 2
"""The fewest pictures that can be told apart."""
_THRESHOLDS = (LEAST_NEAR, 0.9, 0.95, 0.98, 0.99)
"""The cosines beyond which pictures count as near copies, the first that parts the set."""
_LARGEST_GROUP = 0.1
"""Where all pictures are alike, as the coins of a museum, a low cosine would join them all."""
_NUM_NEAREST = 16
_AT_ONCE = 1024


class Phase(NamedTuple):
    """The pairs that a loop learns from and those that only measure, as rows of the data.

    is_fold: whether it only measures what training gains, and its model is not kept. num_steps:
    after how many steps it ends at the latest; None: as the plan has it.
    """

    title: str
    members: Rows
    held_out: Rows
    is_fold: bool = False
    num_steps: int | None = None


def phases_of(
    groups: Rows, labels: Rows | None, *, num_folds: int, share: float, seed: int
) -> list[Phase]:
    """Return the phases of a run, in order; the last one trains the model that is saved.

    groups (N,): as `groups_of_copies`, which fall on one side together. labels (N,): the number of
    each picture's label, to spread over the folds. Every pair is held out once in `num_folds`
    folds, and the last phase trains on all; with 0 folds, `share` of the pairs is held out of the
    only phase. Too few groups for folds have nothing held out, and neither has a set of which a
    share is a single picture, which any model finds, or leaves one to learn from.
    """
    everything = np.arange(len(groups))
    if not num_folds:
        is_held_out = _held_out(groups, share)
        if min(np.count_nonzero(is_held_out), np.count_nonzero(~is_held_out)) < _FEWEST:
            is_held_out[:] = False
        return [Phase("training", everything[~is_held_out], everything[is_held_out])]
    fold_of = _folds(groups, labels, num_folds, seed)
    folds = [
        Phase(f"fold {number + 1} of {num_folds}", everything[~is_in], everything[is_in], True)
        for number, is_in in enumerate(fold_of == number for number in range(num_folds))
    ]
    last = Phase("training", everything, everything[:0])
    if min(min(len(fold.members) - 1, len(fold.held_out)) for fold in folds) < 1:
        return [last]
    return [*folds, last]


def groups_of_copies(embeddings_ND: npt.NDArray[np.float32], digests: Sequence[bytes]) -> Rows:
    """Return (N,) the number of the group of each picture; near copies are of one group.

    embeddings_ND: unit rows. Pictures are near copies when they are equal, or when their cosine
    exceeds a threshold: the lowest of `_THRESHOLDS` at which no chain of near copies holds more
    than a tenth of all pictures. Groups are numbered by the smallest of their digests.
    """
    equal, cosines, pairs = _equal_and_nearest(embeddings_ND, digests)
    for threshold in _THRESHOLDS:
        groups = _connected(len(digests), np.concatenate([equal, pairs[cosines > threshold]]))
        if np.bincount(groups).max() <= max(2.0, _LARGEST_GROUP * len(digests)):
            break
    else:
        groups = _connected(len(digests), equal)
    order = sorted(range(len(digests)), key=digests.__getitem__)
    _, first, inverse = np.unique(groups[order], return_index=True, return_inverse=True)
    ranks = np.argsort(np.argsort(first))
    numbered = np.empty(len(digests), np.int64)
    numbered[order] = ranks[inverse]
    return numbered


def _held_out(groups: Rows, share: float) -> npt.NDArray[np.bool_]:
    """Return (N,): the first groups, until they hold the share of the pictures."""
    wanted = min(share * len(groups), MOST_HELD_OUT)
    before = np.cumsum(np.bincount(groups)) - np.bincount(groups)
    return np.asarray(before[groups] < wanted)


def _folds(groups: Rows, labels: Rows | None, num_folds: int, seed: int) -> Rows:
    """Return (N,) the fold of each picture; sizes are as equal as groups and labels allow."""
    labels = np.zeros(len(groups), np.int64) if labels is None else labels
    counts = np.zeros((labels.max() + 1, num_folds), np.int64)
    fold_of = np.empty(len(groups), np.int64)
    for group in np.random.default_rng(seed).permutation(groups.max() + 1):
        rows = np.flatnonzero(groups == group)
        own = counts[labels[rows[0]]]
        fold = np.lexsort((counts.sum(axis=0), own))[0]
        fold_of[rows] = fold
        np.add.at(counts, (labels[rows], fold), 1)
    return fold_of


def _equal_and_nearest(
    embeddings_ND: npt.NDArray[np.float32], digests: Sequence[bytes]
) -> tuple[Rows, npt.NDArray[np.float32], Rows]:
    """Return pairs (P, 2) of equal pictures; cosines (Q,) and pairs (Q, 2) of the nearest ones."""
    first: dict[bytes, int] = {}
    equal = [(first.setdefault(digest, row), row) for row, digest in enumerate(digests)]
    num_nearest = min(_NUM_NEAREST, len(digests) - 1)
    cosines, pairs = [np.empty(0, np.float32)], [np.empty((0, 2), np.int64)]
    for start in range(0, len(digests) if num_nearest else 0, _AT_ONCE):
        scores = embeddings_ND[start : start + _AT_ONCE] @ embeddings_ND.T
        rows = np.arange(len(scores))
        scores[rows, start + rows] = -1.0
        nearest_NK = np.argpartition(-scores, num_nearest - 1, axis=1)[:, :num_nearest]
        cosines.append(np.take_along_axis(scores, nearest_NK, axis=1).ravel())
        own = np.repeat(start + rows, num_nearest)
        pairs.append(np.stack([own, nearest_NK.ravel()], axis=1))
    return np.array(equal, np.int64), np.concatenate(cosines), np.concatenate(pairs)


def _connected(number: int, pairs: Rows) -> Rows:
    """Return (N,) the number of each node's component, given pairs (P, 2) of connected nodes."""
    parent = list(range(number))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs.tolist():
        parent[root(other)] = root(one)
    _, component = np.unique([root(node) for node in range(number)], return_inverse=True)
    return np.asarray(component, np.int64)
