"""How well a model finds pictures that it was not trained on.

Shape suffixes: N pictures, T texts (captions, or one per label), D embedding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from rclip_like.evaluate.retrieval import Positives, Retrieved, retrieve
from rclip_like.train.batches import CaptionBatches, Rows
from rclip_like.train.learner import freeze_statistics
from rclip_like.train.towers import BATCH_SIZE, Towers

RECALL_AT = (1, 5, 10)

Flags = npt.NDArray[np.bool_]


class HeldOut(NamedTuple):
    """What held-out texts (T,) and pictures (N,) retrieve among each other.

    owners (T,): the row of each caption's picture in the data, or the number of each label; rows
    (N,): those of the pictures. loss: the mean cross-entropy of the right one among all: of the
    pictures for each caption, or of the labels for each picture.
    """

    owners: Rows
    rows: Rows
    of_texts: Retrieved
    of_pictures: Retrieved
    loss: float


@torch.no_grad()
def measure_held_out(towers: Towers, batches: CaptionBatches, rows: Rows) -> HeldOut:
    """Return what the pictures of these rows and their captions retrieve, all against all.

    A caption's own picture, equal pictures and those with an equal caption are right. Where the
    pictures are labelled, the texts are the labels of all rows of the data, each the unit mean over
    the captions of a row that has it, which are its templates filled. The model is measured as it
    searches, and left as it trains.
    """
    labels = batches.labels
    towers.model.eval()
    images_ND = embed_pictures(towers, batches, rows)
    if labels is None:
        parts = np.array_split(rows, math.ceil(len(rows) / BATCH_SIZE))
        texts_TD = torch.cat([towers.encode_texts(batches.texts.all_of(part)) for part in parts])
        counts = [len(batches.captions[row]) for row in rows]
        owners = np.repeat(np.arange(len(rows)), counts)
        right_TN = _right_of_captions(batches, rows, owners)
    else:
        owners, first = np.unique(labels, return_index=True)
        texts_TD = torch.stack([_label(towers, batches, int(row)) for row in first])
        right_TN = owners[:, None] == labels[rows]
    freeze_statistics(towers.model)
    texts, images = texts_TD.float().cpu().numpy(), images_ND.float().cpu().numpy()
    logits_TN = float(towers.model.logit_scale.exp()) * (texts @ images.T)
    return HeldOut(
        rows[owners] if labels is None else owners,
        rows,
        retrieve(texts, images, _positives(right_TN), RECALL_AT),
        retrieve(images, texts, _positives(right_TN.T), RECALL_AT),
        _loss(logits_TN, right_TN, owners)
        if labels is None
        else _loss(logits_TN.T, right_TN.T, right_TN.argmax(axis=0)),
    )


@torch.no_grad()
def embed_pictures(towers: Towers, batches: CaptionBatches, rows: Rows) -> torch.Tensor:
    """Return the unit embeddings (N, D) of the pictures of these rows."""
    parts = np.array_split(rows, math.ceil(len(rows) / BATCH_SIZE))
    return torch.cat([towers.encode_images(batches.images.rows(part)) for part in parts])


def _label(towers: Towers, batches: CaptionBatches, row: int) -> torch.Tensor:
    return F.normalize(towers.encode_texts(batches.texts.all_of(row)).mean(dim=0), dim=0)


def _right_of_captions(batches: CaptionBatches, rows: Rows, owners: Rows) -> Flags:
    """Return (T, N): which pictures are right for each caption."""
    numbers = [number for row in rows for number in batches.captions[row]]
    _, number_of = np.unique(numbers, return_inverse=True)
    has = np.zeros((number_of.max() + 1, len(rows)), np.bool_)
    has[number_of, owners] = True
    pictures = batches.pictures[rows]
    return np.asarray(has[number_of] | (pictures[owners][:, None] == pictures))


def _positives(right_QK: Flags) -> Positives:
    starts = np.cumsum([0, *right_QK.sum(axis=1)], dtype=np.int64)
    return Positives(starts, np.nonzero(right_QK)[1].astype(np.int64))


def _loss(logits_QK: npt.NDArray[np.float32], right_QK: Flags, own: Rows) -> float:
    """Return the mean cross-entropy of each query's own target; other right ones are left out."""
    queries = np.arange(len(own))
    left_out = right_QK.copy()
    left_out[queries, own] = False
    logits_QK = np.where(left_out, -np.inf, logits_QK)
    highest = logits_QK.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(logits_QK - highest).sum(axis=1)) + highest[:, 0]
    return float((log_sums - logits_QK[queries, own]).mean())
