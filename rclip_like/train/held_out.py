"""How well a model finds pictures that it was not trained on.

Shape suffixes: N pictures, T captions, D embedding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from rclip_like.evaluate.retrieval import (
    Positives,
    Retrieved,
    positives_of_captions,
    retrieve,
)
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.learner import freeze_statistics
from rclip_like.train.towers import BATCH_SIZE, Towers

RECALL_AT = (1, 5, 10)


class HeldOut(NamedTuple):
    """What held-out captions (T,) and pictures (N,) retrieve among each other.

    owners (T,): the row of each caption's picture in the data; rows (N,): those of the pictures.
    loss: the mean contrastive loss over all of them as one batch.
    """

    owners: Rows
    rows: Rows
    of_captions: Retrieved
    of_pictures: Retrieved
    loss: float

    def recalls(self) -> dict[int, float]:
        """Return, by k, the share of captions with a right picture among the k best."""
        return {k: float(np.nan_to_num(hits).mean()) for k, hits in self.of_captions.hits.items()}


@torch.no_grad()
def measure_held_out(
    towers: Towers, batches: CaptionBatches, captions: list[tuple[str, ...]], rows: Rows
) -> HeldOut:
    """Return what the pictures of these rows and their captions retrieve, all against all.

    A caption's own picture, equal pictures and those with an equal caption are right. The model is
    measured as it searches, and left as it trains.
    """
    towers.model.eval()
    parts = np.array_split(rows, math.ceil(len(rows) / BATCH_SIZE))
    images_ND = torch.cat([towers.encode_images(batches.images.rows(part)) for part in parts])
    texts_TD = torch.cat([towers.encode_texts(batches.texts.all_of(int(row))) for row in rows])
    freeze_statistics(towers.model)
    flat = [caption for row in rows for caption in captions[row]]
    owners = np.repeat(np.arange(len(rows)), [len(captions[row]) for row in rows])
    of_captions, of_pictures = _with_equal_pictures(flat, owners, batches.pictures[rows])
    images, texts = images_ND.cpu().numpy(), texts_TD.cpu().numpy()
    scale = float(towers.model.logit_scale.exp())
    return HeldOut(
        rows[owners],
        rows,
        retrieve(texts, images, of_captions, RECALL_AT),
        retrieve(images, texts, of_pictures, RECALL_AT),
        _loss(scale * (texts @ images.T), owners),
    )


def _with_equal_pictures(
    captions: list[str], owners: Rows, pictures: Rows
) -> tuple[Positives, Positives]:
    """Return the positives of captions and of pictures, equal pictures counting as one."""
    _, first, group = np.unique(pictures, return_index=True, return_inverse=True)
    of_captions, of_groups = positives_of_captions(captions, group[owners].tolist(), len(first))
    members = [np.flatnonzero(group == number) for number in range(len(first))]
    spread = [
        np.sort(np.concatenate([members[each] for each in _own(of_captions, caption)]))
        for caption in range(len(captions))
    ]
    return _joined(spread), _joined([_own(of_groups, number) for number in group])


def _own(positives: Positives, query: int) -> Rows:
    return positives.targets[positives.starts[query] : positives.starts[query + 1]]


def _joined(targets: list[Rows]) -> Positives:
    starts = np.cumsum([0, *map(len, targets)], dtype=np.int64)
    return Positives(starts, np.concatenate([np.empty(0, np.int64), *targets]))


def _loss(logits_TN: npt.NDArray[np.float32], owners: Rows) -> float:
    """Return the mean over captions of the cross-entropy of their own picture."""
    highest = logits_TN.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(logits_TN - highest).sum(axis=1)) + highest[:, 0]
    return float((log_sums - logits_TN[np.arange(len(owners)), owners]).mean())
