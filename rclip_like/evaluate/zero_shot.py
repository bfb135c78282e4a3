"""Zero-shot classification: the label whose text is nearest to a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.labels import distinct, normalised
from rclip_like.evaluate.templates import fill
from rclip_like.evaluate.ties import Targets, best_of_row, chance_of_hit
from rclip_like.models.names import BUILTIN

if TYPE_CHECKING:
    from rclip_like.values import Embedding, Embeddings

EncodeTexts: TypeAlias = "Callable[[Sequence[str]], Embeddings]"

SOMETHING = "something"
"""The word that each label is compared with if a picture may have several labels, or none."""

_LEARNT_FROM_IMAGENET = (
    "The image tower of builtin began as EfficientNet-Lite0, which learnt from ImageNet's labels, "
    "and both towers were also fitted to these classes: on labels of ImageNet its figures are not "
    "zero-shot in the paper's sense."
)
_ROUNDING = 1e-6
"""The position in a batch changes an embedding by less than this."""
_TEXTS_AT_ONCE = 4096
_VALUES_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Classifier:
    """Labels as unit rows (R, D); a label has one row for each of its wordings.

    label_of_row (R,): label numbers. something (D,): the row of `SOMETHING` in the same templates;
    `probabilities` needs it for `multi`.
    """

    labels: tuple[str, ...]
    rows: Embeddings
    label_of_row: npt.NDArray[np.int64]
    something: Embedding | None = None

    def scores(self, images: Embeddings) -> npt.NDArray[np.float32]:
        """Return (N, L) cosines: of each picture with the nearest row of each label.

        images: unit rows (N, D), float32 or float16.
        """
        best = np.full((len(images), len(self.labels)), -np.inf, dtype=np.float32)
        rows = Targets(self.rows)
        for part in self._parts(len(images)):
            cosines = rows.cosines(images[part].astype(np.float32, copy=False))
            if self._has_one_row_per_label():
                best[part] = cosines
                continue
            for row, label in enumerate(self.label_of_row):
                np.maximum(best[part, label], cosines[:, row], out=best[part, label])
        return best

    def logits(self, images: Embeddings, logit_scale: float) -> npt.NDArray[np.float32]:
        """Return (N, L) scores times the logit scale."""
        scores = self.scores(images)
        scores *= np.float32(logit_scale)
        return scores

    def probabilities(
        self, images: Embeddings, logit_scale: float, *, multi: bool = False
    ) -> npt.NDArray[np.float32]:
        """Return (N, L) probabilities: the softmax of the logits over the labels; rows sum to 1.

        With `multi`, the probability of each label is the softmax over it and `SOMETHING` alone, so
        that a picture may have several labels, or none.
        """
        return self.scores_and_probabilities(images, logit_scale, multi=multi)[1]

    def scores_and_probabilities(
        self, images: Embeddings, logit_scale: float, *, multi: bool = False
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return what `scores` and `probabilities` return, with one pass over the pictures."""
        scores = self.scores(images)
        probabilities = np.empty_like(scores)
        for part in self._parts(len(images)):
            logits = np.float32(logit_scale) * scores[part]
            if multi:
                assert self.something is not None, "build_classifier was called without multi"
                other = images[part].astype(np.float32, copy=False) @ self.something
                logits -= np.float32(logit_scale) * other[:, None]
                probabilities[part] = _logistic(logits)
            else:
                probabilities[part] = softmax(logits)
        return scores, probabilities

    def _has_one_row_per_label(self) -> bool:
        return np.array_equal(self.label_of_row, np.arange(len(self.labels)))

    def _parts(self, num_images: int) -> Iterator[slice]:
        step = max(1, _VALUES_AT_ONCE // max(1, len(self.rows)))
        for start in range(0, num_images, step):
            yield slice(start, start + step)


def build_classifier(
    wordings: Mapping[str, Sequence[str]],
    templates: Sequence[str],
    encode_texts: EncodeTexts,
    *,
    multi: bool = False,
) -> Classifier:
    """Return the classifier of labels, with a row for each wording of a label.

    A label without wordings is its own wording. A wording that equals an earlier one of the same
    label, compared as `normalised`, adds no row. Each row is the unit mean of the unit embeddings
    of the wording in all templates (CLIP's notebook Prompt_Engineering_for_ImageNet, which has one
    wording per label). multi: add the row of `SOMETHING`. encode_texts: returns unit rows (n, D),
    float32.
    """
    labels = tuple(wordings)
    groups = [distinct(wordings[label] or (label,)) for label in labels]
    label_of_row = [number for number, group in enumerate(groups) for _ in group]
    phrases = [phrase for group in groups for phrase in group]
    rows = text_rows([*phrases, *([SOMETHING] if multi else [])], templates, encode_texts)
    return Classifier(
        labels,
        rows[: len(phrases)],
        np.asarray(label_of_row, dtype=np.int64),
        rows[-1] if multi else None,
    )


def text_rows(
    phrases: Sequence[str], templates: Sequence[str], encode_texts: EncodeTexts
) -> Embeddings:
    """Return unit rows (P, D), float32: for each phrase the unit mean over all templates.

    Phrases that differ only in case and spaces get the same row, bit for bit, if the model ignores
    these. Otherwise the last bits would decide between two equal labels.
    """
    step = max(1, _TEXTS_AT_ONCE // len(templates))
    parts = []
    for start in range(0, len(phrases), step):
        some = phrases[start : start + step]
        rows = encode_texts([fill(template, phrase) for phrase in some for template in templates])
        means = rows.reshape(len(some), len(templates), -1).mean(1)
        parts.append(means / np.linalg.norm(means, axis=1, keepdims=True))
    return _with_equal_rows(phrases, np.concatenate(parts).astype(np.float32))


def _with_equal_rows(phrases: Sequence[str], rows: Embeddings) -> Embeddings:
    """Return the rows (P, D); phrases that the model does not distinguish get equal rows."""
    first_of: dict[str, int] = {}
    for number, phrase in enumerate(phrases):
        first = first_of.setdefault(normalised(phrase), number)
        if np.abs(rows[number] - rows[first]).max() < _ROUNDING:
            rows[number] = rows[first]
    return rows


def zero_shot_limits(model: str) -> str:
    """Return a limit of the zero-shot figures of a model by this name, "" for most models."""
    return _LEARNT_FROM_IMAGENET if model == BUILTIN else ""


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return the softmax over the last axis, computed in float64."""
    powers = np.exp(logits - logits.max(-1, keepdims=True).astype(np.float64))
    powers /= powers.sum(-1, keepdims=True)
    return np.asarray(powers, dtype=np.float64)


def top_k_accuracy(
    scores: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], ks: Sequence[int]
) -> dict[int, float]:
    """Return, by k, the share of pictures whose label is among the k best.

    scores (N, L); truth (N,) label numbers. Ties count with their expected value.
    """
    return {k: float(np.mean(hits)) for k, hits in top_k_hits(scores, truth, ks).items()}


def top_k_hits(
    scores: npt.NDArray[np.floating], truth: npt.NDArray[np.int64], ks: Sequence[int]
) -> dict[int, npt.NDArray[np.float64]]:
    """Return, by k, for each picture the probability that its label is among the k best, (N,).

    scores (N, L); truth (N,) label numbers. Equal scores come in random order: if b labels are
    above the true label and t have its score, itself included, the probability is
    min(max(k - b, 0), t) / t.
    """
    better, tied = best_of_row(scores, scores[np.arange(len(truth)), truth])
    return {k: chance_of_hit(better, tied, np.ones_like(tied), k) for k in ks}


def _logistic(difference: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * difference.astype(np.float64))))
