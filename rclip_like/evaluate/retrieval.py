"""Recall of pictures by their captions."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

CHUNK = 1024


def text_to_image_recall(
    texts: Embeddings, images: Embeddings, positives: npt.NDArray[np.bool_], ks: Sequence[int]
) -> dict[int, float]:
    """Return, by k, the share of texts with a right picture among their k nearest.

    texts (T, D) and images (N, D) are unit rows; positives (T, N) says which picture is right for
    which text: all that carry an equal caption. Ties count with their expected value over random
    orders; k larger than N counts as N.
    """
    totals = dict.fromkeys(ks, 0.0)
    for start in range(0, len(texts), CHUNK):
        scores = texts[start : start + CHUNK] @ images.T
        for row, right in zip(scores, positives[start : start + CHUNK], strict=True):
            for k in ks:
                totals[k] += chance_of_hit(row, right, k)
    return {k: total / len(texts) for k, total in totals.items()}


def equal_caption_positives(
    captions: Sequence[str], owners: Sequence[int], num_images: int
) -> npt.NDArray[np.bool_]:
    """Return (T, N): which pictures are right for each caption, equal captions sharing theirs.

    owners: the picture's number of each caption. Captions are compared as `normalised`.
    """
    owners_of: dict[str, list[int]] = {}
    for caption, owner in zip(captions, owners, strict=True):
        owners_of.setdefault(normalised(caption), []).append(owner)
    positives = np.zeros((len(captions), num_images), dtype=bool)
    for row, caption in enumerate(captions):
        positives[row, owners_of[normalised(caption)]] = True
    return positives


def normalised(caption: str) -> str:
    """Return the form in which captions are equal: without case, outer and repeated spaces."""
    return " ".join(caption.casefold().split())


def chance_of_hit(scores: npt.NDArray[np.float32], right: npt.NDArray[np.bool_], k: int) -> float:
    """Return the probability that one of the k best is right, equal scores in random order.

    scores and right are (N,); without any right one it is 0.
    """
    if not right.any() or k < 1:
        return 0.0
    best = scores[right].max()
    better = int((scores > best).sum())
    tied = int((scores == best).sum())
    places = min(k - better, tied)
    if places <= 0:
        return 0.0
    tied_right = int((scores[right] == best).sum())
    return 1.0 - comb(tied - tied_right, places) / comb(tied, places)
