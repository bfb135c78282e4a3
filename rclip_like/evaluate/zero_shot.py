"""Zero-shot labels: which of the candidate texts lies nearest to a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.evaluate.retrieval import chance_of_hit

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

EncodeTexts: TypeAlias = "Callable[[Sequence[str]], Embeddings]"


@dataclass(frozen=True, slots=True)
class Classifier:
    """Candidate labels as unit rows; a label may have several rows, one for each synonym."""

    labels: tuple[str, ...]
    rows: Embeddings
    label_of_row: npt.NDArray[np.int64]

    def scores(self, images: Embeddings) -> npt.NDArray[np.float32]:
        """Return (N, L) cosines: for each picture and label that of the label's nearest row."""
        cosines = images @ self.rows.T
        best = np.full((len(images), len(self.labels)), -np.inf, dtype=np.float32)
        for row, label in enumerate(self.label_of_row):
            np.maximum(best[:, label], cosines[:, row], out=best[:, label])
        return best


def build_classifier(
    synonyms: Mapping[str, Sequence[str]], templates: Sequence[str], encode_texts: EncodeTexts
) -> Classifier:
    """Return the classifier of the given labels, each with its synonyms as further rows.

    Each row is the unit mean of the unit embeddings of the name in all templates (CLIP's zero-shot
    weights). A synonym equal to the label but for case adds no row.
    """
    labels = tuple(synonyms)
    names = [_distinct(label, synonyms[label]) for label in labels]
    label_of_row = [index for index, group in enumerate(names) for _ in group]
    flat = [name for group in names for name in group]
    texts = [template.format(name) for name in flat for template in templates]
    means = encode_texts(texts).reshape(len(flat), len(templates), -1).mean(1)
    rows = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return Classifier(labels, rows, np.asarray(label_of_row, dtype=np.int64))


def top_k_accuracy(
    scores: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], ks: Sequence[int]
) -> dict[int, float]:
    """Return, by k, the share of pictures whose label is among their k best.

    scores (N, L); truth (N,) label numbers. Ties count with their expected value.
    """
    columns = np.arange(scores.shape[1])
    hits = {
        k: [
            chance_of_hit(row, columns == label, k)
            for row, label in zip(scores, truth, strict=True)
        ]
        for k in ks
    }
    return {k: float(np.mean(values)) for k, values in hits.items()}


def _distinct(label: str, synonyms: Sequence[str]) -> list[str]:
    kept = {label.lower(): label}
    for name in synonyms:
        kept.setdefault(name.lower(), name)
    return list(kept.values())
