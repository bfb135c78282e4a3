"""Figures that training may not spoil: labels and captions found, neighbours that stay.

Shape suffixes: N pictures, T texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import paired_bootstrap
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import positives_of_captions, retrieve
from rclip_like.evaluate.templates import fill
from rclip_like.evaluate.zero_shot import EncodeTexts, build_classifier, top_k_hits

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

Numbers: TypeAlias = npt.NDArray[np.int64]

RECALL_AT = (1, 5, 10)
DECIDING_RECALL = 10
AMONG_OWN, AMONG_GENERAL = 3, 4
"""Among how many pictures the best one of a query, or the nearest of a picture, is still found: of
the user's pictures, and of those in the package.

So one point of queries goes with about one point of the accuracy of labels on photos that the model
has not learnt from: rclip_like/builtin/MODEL_CARD.md has the measurements. Among ten, models that
had lost four points of that accuracy still found 98 % of the queries' pictures and all of the
pictures' neighbours.
"""


class Figure(NamedTuple):
    """A share over queries: values (Q,) from 0 to 1.

    key names it in JSON, title in texts. groups (Q,): a number that queries share if they are of
    one picture. decides: whether it counts for what is forgotten.
    """

    key: str
    title: str
    values: npt.NDArray[np.float64]
    groups: Numbers
    decides: bool = True

    @property
    def share(self) -> float:
        """The mean over all queries."""
        return float(self.values.mean())


class Retained(NamedTuple):
    """The figures of one model. Those of two models have the same queries in the same order."""

    figures: tuple[Figure, ...]


class Judge(Protocol):
    """Makes figures of the embeddings of pictures (N, D) and of texts (T, D), unit float32."""

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the figures of the model that made these embeddings."""
        ...


class Change(NamedTuple):
    """A figure before and after, as shares, and how many points were lost; < 0 for a gain."""

    key: str
    title: str
    before: float
    after: float
    lost: Interval
    decides: bool


def changes(before: Retained, after: Retained) -> tuple[Change, ...]:
    """Return what became of each figure; the interval is a paired bootstrap over pictures."""
    return tuple(
        Change(
            first.key,
            first.title,
            first.share,
            second.share,
            _lost(first, second),
            first.decides,
        )
        for first, second in zip(before.figures, after.figures, strict=True)
    )


def worst(changed: Sequence[Change]) -> Change:
    """Return the deciding figure that lost most: it says what was forgotten."""
    return max((each for each in changed if each.decides), key=lambda each: each.lost.value)


@dataclass(frozen=True)
class LabelsAndCaptions:
    """Judges labelled pictures by the nearest label, and the others by their captions.

    names: all labels, of which a picture's is chosen. labels (N,): numbers of `names`, -1 for no
    label. captions: of each picture; those of labelled ones are not used.
    """

    names: tuple[str, ...]
    templates: tuple[str, ...]
    labels: Numbers
    captions: Sequence[Sequence[str]]

    def texts(self) -> tuple[str, ...]:
        """Return the texts whose embeddings are needed, each once."""
        return tuple(dict.fromkeys((*_filled(self.names, self.templates), *self._captions()[0])))

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the figures of labels and of captions, whichever there are."""
        encode = _looked_up(self.texts(), texts_TD)
        figures = []
        if (self.labels >= 0).any():
            figures.append(
                _labels_found(self.names, self.templates, self.labels, images_ND, encode)
            )
        return (*figures, *self._by_caption(images_ND, encode))

    def _by_caption(self, images_ND: Embeddings, encode: EncodeTexts) -> list[Figure]:
        captions, owners = self._captions()
        if not captions:
            return []
        pictures, owner = np.unique(owners, return_inverse=True)
        right, _ = positives_of_captions(captions, owner.tolist(), len(pictures))
        found = retrieve(encode(captions), images_ND[pictures], right, RECALL_AT)
        return [
            Figure(f"captions@{k}", f"recall@{k} of captions", hits, owners, k == DECIDING_RECALL)
            for k, hits in found.hits.items()
        ]

    def _captions(self) -> tuple[list[str], Numbers]:
        """Return the captions that are used, and the number of each one's picture."""
        own = [
            (caption, number)
            for number, captions in enumerate(self.captions)
            if self.labels[number] < 0
            for caption in captions
        ]
        return [caption for caption, _ in own], np.array([n for _, n in own], np.int64)


@dataclass(frozen=True)
class Neighbours:
    """Judges whether the nearest picture stays near each picture, and the best one near each query.

    queries: the texts that are encoded. nearest (N,), best (T,): the picture that the starting
    model has nearest to each picture, itself aside, and to each query.
    """

    queries: tuple[str, ...]
    nearest: Numbers
    best: Numbers

    @classmethod
    def of(
        cls, queries: tuple[str, ...], images_ND: Embeddings, texts_TD: Embeddings
    ) -> Neighbours:
        """Return the judge with the starting model's neighbours, found in its embeddings."""
        nearest = _without_itself(images_ND @ images_ND.T).argmax(axis=1)
        return cls(queries, nearest, (texts_TD @ images_ND.T).argmax(axis=1))

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the shares of pictures and of queries whose picture is still among the nearest."""
        cosines_NN = _without_itself(images_ND @ images_ND.T)
        stays = _is_among(cosines_NN, self.nearest, AMONG_OWN)
        title = f"pictures whose nearest one is still among the {AMONG_OWN} nearest"
        return (
            Figure("neighbours", title, stays, np.arange(len(stays))),
            _queries_kept(texts_TD @ images_ND.T, self.best, AMONG_OWN),
        )


@dataclass(frozen=True)
class General:
    """Judges labelled pictures by their labels, among few and many, and by everyday queries.

    names: labels, those of the pictures first; num_own: how many these are. labels (N,): numbers of
    `names`. best (Q,): the picture that the starting model has nearest to each query; () before
    `with_best`.
    """

    names: tuple[str, ...]
    num_own: int
    templates: tuple[str, ...]
    labels: Numbers
    queries: tuple[str, ...]
    best: Numbers

    def texts(self) -> tuple[str, ...]:
        """Return the texts whose embeddings are needed, each once."""
        return tuple(dict.fromkeys((*_filled(self.names, self.templates), *self.queries)))

    def with_best(self, images_ND: Embeddings, texts_TD: Embeddings) -> General:
        """Return the judge with each query's best picture, by the starting model's embeddings."""
        queries_QD = _looked_up(self.texts(), texts_TD)(self.queries)
        return replace(self, best=(queries_QD @ images_ND.T).argmax(axis=1))

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the figures of the labels with pictures, of all labels, and of the queries."""
        encode = _looked_up(self.texts(), texts_TD)
        of_labels = [
            _labels_found(names, self.templates, self.labels, images_ND, encode)
            for names in (self.names[: self.num_own], self.names)
        ]
        cosines_QN = encode(self.queries) @ images_ND.T
        return (*of_labels, _queries_kept(cosines_QN, self.best, AMONG_GENERAL))


def _filled(names: Sequence[str], templates: Sequence[str]) -> list[str]:
    return [fill(template, name) for name in names for template in templates]


def _looked_up(texts: Sequence[str], texts_TD: Embeddings) -> EncodeTexts:
    """Return what gives the rows of some of these texts."""
    number_of = {text: number for number, text in enumerate(texts)}
    return lambda some: texts_TD[[number_of[text] for text in some]]


def _labels_found(
    names: Sequence[str],
    templates: Sequence[str],
    labels: Numbers,
    images_ND: Embeddings,
    encode: EncodeTexts,
) -> Figure:
    """Return the share of labelled pictures whose label is the nearest of `names`."""
    pictures = np.flatnonzero(labels >= 0)
    classifier = build_classifier(dict.fromkeys(names, ()), templates, encode)
    hits = top_k_hits(classifier.scores(images_ND[pictures]), labels[pictures], (1,))[1]
    return Figure(f"labels-{len(names)}", f"top-1 among {len(names):,} labels", hits, pictures)


def _queries_kept(cosines_QN: npt.NDArray[np.float32], best: Numbers, k: int) -> Figure:
    kept = _is_among(cosines_QN, best, k)
    title = f"queries whose best picture is still among the {k} best"
    return Figure("queries", title, kept, np.arange(len(kept)))


def _without_itself(cosines_NN: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    np.fill_diagonal(cosines_NN, -np.inf)
    return cosines_NN


def _is_among(
    cosines_QN: npt.NDArray[np.float32], picture: Numbers, k: int
) -> npt.NDArray[np.float64]:
    """Return (Q,): 1 for queries to which fewer than k pictures are nearer than their own."""
    own_Q1 = cosines_QN[np.arange(len(picture)), picture][:, None]
    return np.asarray((cosines_QN > own_Q1).sum(axis=1) < k, np.float64)


def _lost(before: Figure, after: Figure) -> Interval:
    lost = paired_bootstrap(after.values, before.values, groups=before.groups)
    return Interval(*(100 * each for each in lost))
