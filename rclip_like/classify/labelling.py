"""Give pages of embeddings their labels, one page after another."""

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
    from rclip_like.selected import SelectedPage, SelectedPicture
    from rclip_like.values import Embeddings, IndexReport, Root, Trouble

# Shape suffixes: n pictures, D embedding, L labels.

_VALUES_AT_ONCE = 1 << 20
"""The most probabilities held in memory at a time."""


class Scores(NamedTuple):
    """The score and the probability of each picture and label, float (n, L).

    Both order the labels of a picture alike.
    """

    scores: npt.NDArray[np.floating]
    probabilities: npt.NDArray[np.floating]


class Scorer(Protocol):
    """Scores embeddings by labels: with the texts of zero-shot labels, or with a probe."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The label names, in order."""

    def scores_of(self, rows_nD: Embeddings) -> Scores:
        """Return the scores and probabilities of unit rows float32 (n, D)."""


class ZeroShot(NamedTuple):
    """Zero-shot labels: the softmax of the cosines times the model's logit scale.

    A model trained with a sigmoid also has a logit bias; it is the same for all labels, does not
    change a softmax, and is left out. With `multi` the softmax is over a label and "something".
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
    """The pictures of a run, page by page, and what the user should know of them.

    report: of the index's update before the run. explain_nothing: gives notes if the pages hold no
    picture. troubles: files that a run without the index cannot read; it grows with the pages.
    roots: None for everything indexed.
    """

    pages: Generator[SelectedPage]
    report: IndexReport | None = None
    notes: tuple[str, ...] = ()
    explain_nothing: Callable[[], tuple[str, ...]] = tuple
    troubles: Sequence[Trouble] = ()
    roots: Sequence[Root] | None = None


class Labelling:
    """Pictures with their labels, in order of path bytes; iterable once.

    The counts grow with the iteration and are complete after the last picture; so are the `notes`
    for the user. counts: how often each label was given; None counts pictures without any. missing:
    pictures found but not indexed yet. index: the report of the index's update before the run.
    troubles: files that a run without the index could not read. roots: None for everything indexed.
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
        """Release the index if the iteration stops early."""
        self._pictures.pages.close()

    def __iter__(self) -> Iterator[LabelledPicture]:
        for pictures, scores in self.scored():
            for picture in labelled(pictures, self.labels, scores, self._settings, self.model):
                self.counts.update(each.label for each in picture.labels)
                self.counts[None] += not picture.labels
                yield picture

    def scored(self) -> Iterator[tuple[tuple[SelectedPicture, ...], Scores]]:
        """Yield the pictures in parts with the scores of all labels, instead of their labels."""
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

    Equal scores keep the order of the labels.
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
            picture.version,
            picture.facts,
        )
