"""Pages of embeddings to pictures with their labels, one page after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rclip_like.classify.values import LabelledPicture, LabelScore

if TYPE_CHECKING:
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.evaluate.zero_shot import Classifier
    from rclip_like.values import (
        Embeddings,
        IndexReport,
        Root,
        SelectedPage,
        SelectedPicture,
        Trouble,
    )

# Shape suffixes: n pictures, D embedding, L labels.

_VALUES_AT_ONCE = 1 << 20
"""So many probabilities are held at a time, whatever the numbers of labels and pictures."""


class Scores(NamedTuple):
    """Of each picture and label the score and the probability, float (n, L) each.

    In each row a larger probability has a larger score.
    """

    scores: npt.NDArray[np.floating]
    probabilities: npt.NDArray[np.floating]


class Scorer(Protocol):
    """What tells labels from embeddings: the texts of zero-shot labels, or a probe."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in order."""

    def scores_of(self, rows_nD: Embeddings) -> Scores:
        """Return the scores and probabilities of unit rows float32 (n, D)."""


class ZeroShot(NamedTuple):
    """Labels by their texts: the softmax of the cosines times the model's logit scale.

    A model trained with a sigmoid has a bias besides; it is the same for all labels, so that it
    does not change a softmax, and is left out. With `multi` each label stands alone against
    "something".
    """

    classifier: Classifier
    logit_scale: float
    multi: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in order."""
        return self.classifier.labels

    def scores_of(self, rows_nD: Embeddings) -> Scores:
        """Return the cosines and the probabilities of unit rows float32 (n, D)."""
        both = self.classifier.scores_and_probabilities
        return Scores(*both(rows_nD, self.logit_scale, multi=self.multi))


class Pictures(NamedTuple):
    """All pictures of a run, page by page, and what was met on the way to them.

    report: that of bringing the index up to date beforehand. explain_nothing is called where
    the pages hold no picture. troubles: what a run without the index cannot read; it grows. roots:
    None for all that is indexed.
    """

    pages: Generator[SelectedPage]
    report: IndexReport | None = None
    notes: tuple[str, ...] = ()
    explain_nothing: Callable[[], tuple[str, ...]] = tuple
    troubles: Sequence[Trouble] = ()
    roots: Sequence[Root] | None = None


class Labelling:
    """Pictures with their labels, given one after another in order of path bytes, once.

    The numbers grow as the pictures are given and are whole after the last one; then `notes` says
    what else the user should know. counts: how often each label was given; None counts pictures
    without any. missing: pictures found but not indexed yet. index: the report of bringing the
    index up to date beforehand. troubles: what could not be read by a run without the index.
    roots: those that were named, None for all that is indexed.
    """

    def __init__(
        self,
        pictures: Pictures,
        scorer: Scorer,
        settings: ClassifySettings,
        model: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.labels = scorer.labels
        self.model = model
        self.counts: Counter[str | None] = Counter()
        self.num_pictures = self.stale = self.damaged = 0
        self.index = pictures.report
        self.missing = pictures.report.remaining if pictures.report else 0
        self.notes = notes + pictures.notes
        self.troubles = pictures.troubles
        self.roots = pictures.roots
        self._pictures = pictures
        self.scorer = scorer
        self._settings = settings

    def close(self) -> None:
        """Let go of the index, if not all pictures were asked for."""
        self._pictures.pages.close()

    def __iter__(self) -> Iterator[LabelledPicture]:
        for pictures, scores in self.scored():
            for picture in labelled(pictures, self.labels, scores, self._settings, self.model):
                self.counts.update(each.label for each in picture.labels)
                self.counts[None] += not picture.labels
                yield picture

    def scored(self) -> Iterator[tuple[tuple[SelectedPicture, ...], Scores]]:
        """Yield some pictures at a time with the scores of all labels, instead of their labels."""
        step = max(1, _VALUES_AT_ONCE // max(1, len(self.labels)))
        for page in self._pictures.pages:
            self.stale += page.stale
            self.damaged += page.damaged
            self.num_pictures += len(page.pictures)
            for start in range(0, len(page.pictures), step):
                some = slice(start, start + step)
                yield page.pictures[some], self.scorer.scores_of(page.embeddings[some])
        if not self.num_pictures:
            self.notes += self._pictures.explain_nothing()


def labelled(
    pictures: Iterable[SelectedPicture],
    labels: tuple[str, ...],
    scores: Scores,
    settings: ClassifySettings,
    model: str,
) -> Iterator[LabelledPicture]:
    """Yield each picture with its labels: the likeliest ones that reach the threshold.

    Equal scores stand in the order of the labels.
    """
    most, least = settings.most_labels, settings.least_probability
    for picture, of_labels, probabilities in zip(pictures, *scores, strict=True):
        best = int(of_labels.argmax())
        numbers = [best] if probabilities[best] >= least else []
        if numbers and most != 1:
            order = np.argsort(-of_labels, kind="stable")
            numbers = order[probabilities[order] >= least][: most or None].tolist()
        every = {
            number: LabelScore(
                labels[number], float(probabilities[number]), float(of_labels[number])
            )
            for number in (best, *numbers)
        }
        yield LabelledPicture(
            picture.path_bytes,
            picture.absolute_bytes,
            tuple(every[number] for number in numbers),
            every[best],
            model,
        )
