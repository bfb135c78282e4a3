"""The subject of the suite: the pictures, their labels, and the model, for every section."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.data.arrays import in_batches
from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.zero_shot import Classifier, build_classifier, zero_shot_limits
from rclip_like.measure.suite.parts import Arrays

if TYPE_CHECKING:
    from rclip_like.measure.suite.baseline import Baseline
    from rclip_like.measure.suite.parts import Parts
    from rclip_like.measure.suite.squares import Squares
    from rclip_like.models.model import Model
    from rclip_like.values import Embeddings, Pixels

# Shape suffixes: N pictures, D embedding.

(TEMPLATE,) = templates_of("photo")
"""The prompt of every section that does not compare prompts."""

_TEXTS_AT_ONCE = 512

Numbers = npt.NDArray[np.int64]


class SuiteProgress(NamedTuple):
    """How far a suite is: `done` of `total` pictures are encoded or in finished parts.

    section: the title of the one that is measured. seconds_left is by the pace of this run so far,
    without fits and drawing, and None before its first two batches.
    """

    section: str
    part: str
    done: int
    total: int
    seconds_left: float | None


class Pace:
    """Counts the pictures of a run, and estimates how long the rest takes, including texts."""

    def __init__(
        self,
        num_pictures: int,
        num_texts: int = 0,
        on_progress: Callable[[SuiteProgress], None] | None = None,
    ) -> None:
        self.section, self.part = "", ""
        self._total, self._done, self._encoded, self._seconds = num_pictures, 0, 0, 0.0
        self._texts_left, self._texts_encoded, self._texts_seconds = num_texts, 0, 0.0
        self._began: float | None = None
        self._on_progress = on_progress or (lambda progress: None)

    def encoded(self, number: int) -> None:
        """Count pictures that were just encoded; the first batch, which loads, is not timed."""
        now = time.monotonic()
        if self._began is not None:
            self._seconds += now - self._began
            self._encoded += number
        self._began = now
        self._done += number
        self._say()

    def encoded_texts(self, number: int, seconds: float) -> None:
        """Count texts that were just encoded."""
        self._texts_left = max(0, self._texts_left - number)
        self._texts_encoded += number
        self._texts_seconds += seconds
        self._began = time.monotonic() if self._began is not None else None
        if self._done:
            self._say()

    def found(self, pictures: int, texts: int = 0) -> None:
        """Count the pictures and texts of a part that an earlier run finished."""
        self._done += pictures
        self._texts_left = max(0, self._texts_left - texts)

    def _say(self) -> None:
        left = None
        if self._encoded:
            left = max(0, self._total - self._done) * self._seconds / self._encoded
            left += self._texts_left * self._texts_seconds / max(1, self._texts_encoded)
        self._on_progress(SuiteProgress(self.section, self.part, self._done, self._total, left))


@dataclass(frozen=True)
class Subject:
    """A labelled set that was read for a model, and the model; labels: all those of the set."""

    squares: Squares
    labels: tuple[str, ...]
    model: Model
    parts: Parts
    pace: Pace
    seed: int
    templates: tuple[str, ...] = ()
    """The set's own."""
    baseline: Baseline | None = None

    @property
    def truth(self) -> Numbers:
        """The label number of each picture, (N,)."""
        return self.squares.labels

    @property
    def limits(self) -> str:
        """What the model's training means for zero-shot figures, "" for most models."""
        return zero_shot_limits(self.model.specification.name)

    def warm_up(self) -> None:
        """Encode the texts of the labels, so that the first estimate includes the time of texts."""
        _ = self.of_labels

    def embed(self, pictures: Iterable[Pixels]) -> Embeddings:
        """Return unit rows float32 (N, D) of pictures, encoded in batches."""
        return self._in_batches(pictures, self.model.pictures)

    def features(self, pictures: Iterable[Pixels]) -> npt.NDArray[np.float32]:
        """Return the image tower's features before projection, float32 (N, F)."""
        return self._in_batches(pictures, self.model.features)

    def classifier(self, labels: Sequence[str], templates: Sequence[str]) -> Classifier:
        """Return the zero-shot classifier of labels in templates."""
        return build_classifier(dict.fromkeys(labels, ()), templates, self._texts)

    @cached_property
    def of_labels(self) -> Classifier:
        """The classifier of the set's own labels in `TEMPLATE`."""
        return self.classifier(self.labels, (TEMPLATE,))

    @cached_property
    def rows(self) -> Embeddings:
        """The embeddings of the unchanged pictures, (N, D)."""
        return self.embedded("clean", len(self.truth), lambda: self.squares.pixels)

    def answers(self, rows: Embeddings) -> Numbers:
        """Return the number of the label nearest to each embedding, (N,)."""
        return np.asarray(self.of_labels.scores(rows).argmax(1))

    def embedded(
        self, name: str, number: int, pictures: Callable[[], Iterable[Pixels]]
    ) -> Embeddings:
        """Return the embeddings of `number` pictures, from a finished part if there is one."""
        made = self.made(name, number, lambda: {"rows": self.embed(pictures())})
        return np.asarray(made["rows"])

    def made(
        self, name: str, number: int, make: Callable[[], Arrays], *, num_texts: int = 0
    ) -> Arrays:
        """Return the arrays of a part, finished earlier or made now.

        number, num_texts: how many pictures and texts `make` encodes.
        """
        self.pace.part = name
        finished = self.parts.load(name)
        if finished is not None:
            self.pace.found(number, num_texts)
            return finished
        made = make()
        self.parts.save(name, made)
        return made

    def _texts(self, texts: Sequence[str]) -> Embeddings:
        parts = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            began = time.monotonic()
            parts.append(self.model.texts(some))
            self.pace.encoded_texts(len(some), time.monotonic() - began)
        return np.concatenate(parts)

    def _in_batches(
        self,
        pictures: Iterable[Pixels],
        encode: Callable[[Any], npt.NDArray[np.float32]],
    ) -> npt.NDArray[np.float32]:
        rows = []
        for batch in in_batches(pictures, self.model.batch_size):
            rows.append(encode(batch))
            self.pace.encoded(len(batch))
        return np.concatenate(rows)
