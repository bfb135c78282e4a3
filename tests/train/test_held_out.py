"""What held-out pairs find, against loops that anyone can check."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rclip_like.train.batches import CaptionBatches
from rclip_like.train.held_out import measure_held_out
from rclip_like.train.prepare import FeatureImages, FeatureTexts
from rclip_like.train.towers import Towers
from rclip_like.values import Preprocessing

CAPTIONS = [(0, 1), (2,), (1, 3), (4, 5, 6), (7,), (8,), (9,)]
"""Pictures 0 and 2 share a caption."""
PICTURES = np.array([0, 1, 2, 3, 4, 1, 5])
"""Pictures 1 and 5 are equal."""
ROWS = np.array([5, 0, 1, 2, 4])
NUM_TEXTS = sum(map(len, CAPTIONS))
STARTS = np.cumsum([0, *map(len, CAPTIONS)])


class Projections(torch.nn.Module):
    """A model whose towers give what they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = torch.nn.Module()
        self.logit_scale = torch.nn.Parameter(torch.tensor(1.5))

    def encode_image(self, images: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        return images

    def encode_text(self, texts: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        return texts


def pairs(labels: np.ndarray | None = None) -> tuple[Towers, CaptionBatches]:
    images = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    images[5] = images[1]
    texts = np.random.default_rng(1).normal(size=(NUM_TEXTS, 4)).astype(np.float32)
    texts[3] = texts[1]
    preprocessing = Preprocessing(2, (0.5,) * 3, (0.5,) * 3)
    towers = Towers(Projections(), preprocessing, torch.device("cpu"), True, True)
    batches = CaptionBatches(
        np.arange(7),
        FeatureImages(images),
        FeatureTexts(texts, [tuple(range(*ends)) for ends in pairwise(STARTS)]),
        CAPTIONS,
        PICTURES,
        0,
        labels,
    )
    return towers, batches


def unit(rows: np.ndarray) -> np.ndarray:
    return F.normalize(torch.from_numpy(rows), dim=-1).numpy()


def is_right(row: int, caption: int, other: int) -> bool:
    return caption in CAPTIONS[other] or PICTURES[row] == PICTURES[other]


def test_recall_is_that_of_a_loop_with_equal_captions_equal_pictures_and_ties() -> None:
    towers, batches = pairs()
    found = measure_held_out(towers, batches, ROWS)
    images = unit(batches.images.features_NF)
    texts = unit(batches.texts.features_TF)
    queries = [(row, number) for row in ROWS for number in range(len(CAPTIONS[row]))]
    assert found.owners.tolist() == [row for row, _ in queries]
    for place, (row, number) in enumerate(queries):
        scores = {other: float(texts[STARTS[row] + number] @ images[other]) for other in ROWS}
        right = [o for o in ROWS if is_right(row, CAPTIONS[row][number], o)]
        best = max(scores[other] for other in right)
        above = sum(score > best + 1e-6 for score in scores.values())
        tied = [other for other, score in scores.items() if abs(score - best) <= 1e-6]
        for k, hits in found.of_texts.hits.items():
            room = min(max(k - above, 0), len(tied))
            expected = 0.0 if not room else 1.0 if set(tied) <= set(right) else room / len(tied)
            assert hits[place] == pytest.approx(expected), (row, number, k)
    assert found.of_texts.hits[5].tolist() == [1.0] * len(queries)


def test_the_loss_leaves_out_what_is_right_beside_the_own_picture() -> None:
    towers, batches = pairs()
    images = unit(batches.images.features_NF)
    texts = unit(batches.texts.features_TF)
    losses = []
    for row in ROWS:
        for number, caption in enumerate(CAPTIONS[row]):
            logits = np.exp(1.5) * images @ texts[STARTS[row] + number]
            wrong = [o for o in ROWS if o == row or not is_right(row, caption, o)]
            losses.append(np.log(np.exp(logits[wrong]).sum()) - logits[row])
    assert measure_held_out(towers, batches, ROWS).loss == pytest.approx(np.mean(losses), rel=1e-5)


def test_labelled_pictures_are_told_by_the_mean_over_templates_of_all_labels() -> None:
    labels = np.array([0, 1, 0, 2, 3, 1, 3])
    towers, batches = pairs(labels)
    found = measure_held_out(towers, batches, ROWS)
    texts = unit(batches.texts.features_TF)
    first = [0, 1, 3, 4]
    means = np.stack([texts[STARTS[row] : STARTS[row + 1]].mean(0) for row in first])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    scores = unit(batches.images.features_NF)[ROWS] @ means.T
    assert found.of_pictures.num_targets == 4
    expected = (scores.argmax(1) == labels[ROWS]).astype(float)
    assert found.of_pictures.hits[1].tolist() == expected.tolist()
    assert np.isnan(found.of_texts.ranks).tolist() == [False, False, True, False]


def test_the_model_is_left_as_it_trains() -> None:
    towers, batches = pairs()
    measure_held_out(towers, batches, ROWS)
    assert towers.model.training
