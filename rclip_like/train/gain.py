"""What training gained on held-out pairs, for each model between the start and the trained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import paired_bootstrap, paired_difference
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import RetrievalFigures, Retrieved, retrieval_figures
from rclip_like.train.held_out import RECALL_AT, HeldOut

LEAST_FOR_PERCENT = 100
"""With fewer held-out pictures a share is said as a count, such as 7 of 16."""
MOST_OF_TARGETS = 0.25
"""recall@k says little where the k best are more than this share of what is ranked."""
MOST_FORGOTTEN = 1.0
"""The points that the general set may lose, in the value itself."""

Values = npt.NDArray[np.float64]


class Compared(NamedTuple):
    """One way of retrieval, at the starting model and at another one.

    gained: after - before of the mean reciprocal rank; gained_recall: of the recall, by k.
    """

    before: RetrievalFigures
    after: RetrievalFigures
    gained: Interval
    gained_recall: Mapping[int, Interval]

    def telling(self) -> tuple[int, ...]:
        """Return the k at which recall says something: at most a quarter of what is ranked."""
        return tuple(k for k in RECALL_AT if k <= MOST_OF_TARGETS * self.after.num_targets)


class Gain(NamedTuple):
    """What all held-out pairs find at one alpha, beside the starting model.

    of_texts: pictures by their captions, or by labels; of_pictures: captions, or labels, by
    pictures. deciding: the difference that decides between alphas: of the accuracy for labelled
    pictures, else of the mean reciprocal rank of captions.
    """

    num_pictures: int
    of_texts: Compared
    of_pictures: Compared
    deciding: Interval

    @property
    def has_percentages(self) -> bool:
        """Whether there are enough held-out pictures for shares in per cent."""
        return self.num_pictures >= LEAST_FOR_PERCENT


def gains(parts: Sequence[Mapping[float, HeldOut]], *, is_labelled: bool) -> dict[float, Gain]:
    """Return the gain by alpha over the held-out pairs of all parts; {} without any.

    Each part ranks its own pictures; what its queries find counts together with the others'. An
    alpha that is not in all parts, because it was asked for later or no more, is left out.
    """
    if not parts:
        return {}
    return {
        alpha: _gain([part[0.0] for part in parts], [part[alpha] for part in parts], is_labelled)
        for alpha in sorted(set.intersection(*map(set, parts)))
    }


def choose_alpha(gain: Mapping[float, Gain], forgotten: Mapping[float, Interval]) -> float:
    """Return the alpha that gains most among those that forget at most a point.

    forgotten: points lost on the general set, {} where that is not measured. 0 if none gains beyond
    its interval; 1 where no gain is measured, or the largest that forgets at most a point. Of
    equal gains the smaller alpha.
    """
    kept = {alpha for alpha, lost in forgotten.items() if lost.value <= MOST_FORGOTTEN}
    if not gain:
        return max(kept, default=0.0 if forgotten else 1.0)
    sure = {
        alpha: each.deciding.value
        for alpha, each in sorted(gain.items())
        if each.deciding.low > 0 and (alpha in kept or not forgotten)
    }
    return max(sure, key=sure.__getitem__, default=0.0)


def _gain(before: Sequence[HeldOut], after: Sequence[HeldOut], is_labelled: bool) -> Gain:
    owners = np.concatenate([each.owners for each in after])
    rows = np.concatenate([each.rows for each in after])
    of_texts = _compared(
        [each.of_texts for each in before], [each.of_texts for each in after], owners
    )
    of_pictures = _compared(
        [each.of_pictures for each in before], [each.of_pictures for each in after], rows
    )
    deciding = of_pictures.gained_recall[1] if is_labelled else of_texts.gained
    return Gain(len(rows), of_texts, of_pictures, deciding)


def _compared(
    before: Sequence[Retrieved], after: Sequence[Retrieved], groups: npt.NDArray[np.int64]
) -> Compared:
    first, second = _joined(before), _joined(after)
    return Compared(
        retrieval_figures(first, groups),
        retrieval_figures(second, groups),
        paired_bootstrap(first.reciprocal_ranks, second.reciprocal_ranks, groups=groups),
        {k: paired_difference(first.hits[k], second.hits[k], groups=groups) for k in first.hits},
    )


def _joined(parts: Sequence[Retrieved]) -> Retrieved:
    """Return what the queries of all parts retrieve; num_targets: those of the smallest part."""

    def joined(values: Sequence[Values]) -> Values:
        return np.concatenate(values)

    return Retrieved(
        min(part.num_targets for part in parts),
        {k: joined([part.hits[k] for part in parts]) for k in parts[0].hits},
        {k: joined([part.recalls[k] for part in parts]) for k in parts[0].recalls},
        joined([part.ranks for part in parts]),
        joined([part.reciprocal_ranks for part in parts]),
        joined([part.precisions_at_r for part in parts]),
    )
