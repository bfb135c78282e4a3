"""Figures that training may not spoil: labels and captions found, neighbours that stay.

Shape suffixes: N pictures, T texts, D embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.intervals import paired_bootstrap
from rclip_like.evaluate.report import Interval
from rclip_like.evaluate.retrieval import positives_of_captions, retrieve
from rclip_like.evaluate.templates import fill
from rclip_like.evaluate.zero_shot import EncodeTexts, build_classifier, top_k_hits

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

RECALL_AT = (1, 5, 10)
DECIDING_RECALL = 10
STILL_AMONG = 10


class Figure(NamedTuple):
    """A share over queries: values (Q,) from 0 to 1.

    key names it in JSON, title in texts. groups (Q,): a number that queries share if they are of
    one picture. decides: whether it counts for what is forgotten.
    """

    key: str
    title: str
    values: npt.NDArray[np.float64]
    groups: npt.NDArray[np.int64]
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


def forgotten(before: Retained, after: Retained) -> Interval:
    """Return how many points a model lost by the deciding figure that lost most; < 0: gained.

    A percentile bootstrap over pictures, the same ones in both.
    """
    deciding = {figure.key for figure in before.figures if figure.decides}
    lost = [each for key, each in losses(before, after).items() if key in deciding]
    return max(lost, key=lambda each: each.value)


def losses(before: Retained, after: Retained) -> dict[str, Interval]:
    """Return, by key, how many points each figure lost, as `forgotten` does."""
    return {
        first.key: _lost(first, second)
        for first, second in zip(before.figures, after.figures, strict=True)
    }


@dataclass(frozen=True)
class LabelsAndCaptions:
    """Judges labelled pictures by the nearest label, and the others by their captions.

    names: all labels, of which a picture's is chosen. labels (N,): numbers of `names`, -1 for no
    label. captions: of each picture; those of labelled ones are not used.
    """

    names: tuple[str, ...]
    templates: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    captions: Sequence[Sequence[str]]

    def texts(self) -> tuple[str, ...]:
        """Return the texts whose embeddings are needed, each once."""
        filled = [fill(template, name) for name in self.names for template in self.templates]
        return tuple(dict.fromkeys(filled + self._captions()[0]))

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the figures of labels and of captions, whichever there are."""
        number_of = {text: number for number, text in enumerate(self.texts())}

        def encode(texts: Sequence[str]) -> Embeddings:
            return texts_TD[[number_of[text] for text in texts]]

        return (*self._by_label(images_ND, encode), *self._by_caption(images_ND, encode))

    def _by_label(self, images_ND: Embeddings, encode: EncodeTexts) -> list[Figure]:
        pictures = np.flatnonzero(self.labels >= 0)
        if not len(pictures):
            return []
        classifier = build_classifier(dict.fromkeys(self.names, ()), self.templates, encode)
        scores = classifier.scores(images_ND[pictures])
        hits = top_k_hits(scores, self.labels[pictures], (1,))[1]
        return [Figure("labels", f"{len(self.names):,} labels, top-1", hits, pictures)]

    def _by_caption(self, images_ND: Embeddings, encode: EncodeTexts) -> list[Figure]:
        captions, owners = self._captions()
        if not captions:
            return []
        pictures, owner = np.unique(owners, return_inverse=True)
        right, _ = positives_of_captions(captions, owner.tolist(), len(pictures))
        found = retrieve(encode(captions), images_ND[pictures], right, RECALL_AT)
        return [
            Figure(f"captions@{k}", f"captions, recall@{k}", hits, owners, k == DECIDING_RECALL)
            for k, hits in found.hits.items()
        ]

    def _captions(self) -> tuple[list[str], npt.NDArray[np.int64]]:
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
    """Judges whether pictures keep their neighbours, and words their best pictures.

    words: what texts are encoded. nearest (N,), best (T,): the picture that the starting model has
    nearest to each picture, itself aside, and to each word.
    """

    words: tuple[str, ...]
    nearest: npt.NDArray[np.int64]
    best: npt.NDArray[np.int64]

    @classmethod
    def of(cls, words: tuple[str, ...], images_ND: Embeddings, texts_TD: Embeddings) -> Neighbours:
        """Return the judge that knows the starting model's neighbours from its embeddings."""
        nearest = _without_itself(images_ND @ images_ND.T).argmax(axis=1)
        return cls(words, nearest, (texts_TD @ images_ND.T).argmax(axis=1))

    def __call__(self, images_ND: Embeddings, texts_TD: Embeddings) -> tuple[Figure, ...]:
        """Return the shares of pictures and of words whose picture is still among the nearest."""
        stays = _is_near(_without_itself(images_ND @ images_ND.T), self.nearest)
        stays_best = _is_near(texts_TD @ images_ND.T, self.best)
        return (
            Figure(
                "neighbours",
                f"pictures whose nearest picture is still among the {STILL_AMONG} nearest",
                stays,
                np.arange(len(stays)),
            ),
            Figure(
                "words",
                f"words whose best picture is still among the {STILL_AMONG} best",
                stays_best,
                np.arange(len(stays_best)),
            ),
        )


def _without_itself(cosines_NN: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    np.fill_diagonal(cosines_NN, -np.inf)
    return cosines_NN


def _is_near(
    cosines: npt.NDArray[np.float32], picture: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return (Q,): 1 for queries to which fewer than STILL_AMONG pictures are nearer than theirs.

    cosines (Q, N); picture (Q,): the picture of each query.
    """
    own = cosines[np.arange(len(picture)), picture]
    num_nearer = (cosines > own[:, None]).sum(axis=1)
    return np.asarray(num_nearer < STILL_AMONG, np.float64)


def _lost(before: Figure, after: Figure) -> Interval:
    lost = paired_bootstrap(after.values, before.values, groups=before.groups)
    return Interval(*(100 * each for each in lost))
