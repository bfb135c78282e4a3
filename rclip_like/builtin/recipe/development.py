"""Measuring on photos kept out of the training shards, to choose without the validation shards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from rclip_like.train.text_tower import encode_texts

from .contrast import Floats
from .figures import measure
from .stages import Sources
from .unlocked import Maps, last_blocks
from .words import WORDS

CHUNK = 256


class Development:
    """The held-out photos, by the features of their centres, or by maps before the last blocks."""

    def __init__(self, sources: Sources, centres_NX: Floats | Maps) -> None:
        rows = np.flatnonzero(sources.held_out)
        self._photos = [sources.photos[row] for row in rows]
        self._centres_NX = torch.from_numpy(centres_NX[rows])
        self._tokenize = sources.tokenizer

    @torch.no_grad()
    def score(self, model: Any) -> tuple[float, str]:
        """Return a number to choose by, and all figures in words.

        The number is the mean of two means: of the captions' recall, and of the labels' accuracy.
        """
        centres_NX = self._centres_NX
        if centres_NX.ndim > 2:
            parts = torch.split(centres_NX, CHUNK)
            centres_NX = torch.cat([last_blocks(model.visual.trunk, maps) for maps in parts])
        images = F.normalize(model.visual.head(centres_NX), dim=1).numpy()
        figures = measure(self._photos, images, lambda texts: self._texts(model, texts), WORDS)
        recall = list(figures.recall.values())
        labels = list(figures.accuracy["open and research"].accuracy.values())
        precision = figures.mean_precision()
        told = " ".join(f"{100 * share:.1f}" for share in [*recall, *labels, precision])
        return float(np.mean([np.mean(recall), np.mean(labels)])), told

    def _texts(self, model: Any, texts: Sequence[str]) -> Floats:
        parts = [list(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
        rows = torch.cat([encode_texts(model, self._tokenize(part)) for part in parts])
        embeddings: Floats = rows.numpy()
        return embeddings
