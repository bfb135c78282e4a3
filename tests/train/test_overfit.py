"""Sixty-four pairs are learnt by heart; what is learnt holds elsewhere only if they are true.

Shape suffixes: N pairs, K quadrants of a picture, F features.
"""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torch_tower import unprojected
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Batch
from rclip_like.train.learner import Learner
from rclip_like.train.loop import learning_rate
from rclip_like.train.settings import LoopSettings
from rclip_like.train.text_tower import text_features

NUM, NUM_STEPS = 64, 100
SETTINGS = LoopSettings(lr=1e-3, weight_decay=0.0)
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 60), "blue": (40, 60, 220), "white": (230,) * 3}
Pairs = tuple[torch.Tensor, torch.Tensor]


def learn(learner: Learner, pairs: Pairs) -> None:
    images, texts = pairs[0][:NUM], pairs[1][:NUM]
    batch = Batch(np.arange(NUM), images.__getitem__, texts)
    for step in range(NUM_STEPS):
        lr = learning_rate(step, num_steps=NUM_STEPS, base=SETTINGS.lr, warm_up=0.05)
        learner.learn(batch, step, lr)


@torch.no_grad()
def ranks(learner: Learner, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
    """Return for each text how many pictures are at least as near as its own."""
    cosines_NN = learner.encode_texts(texts) @ learner.encode_images(images).T
    return (cosines_NN >= cosines_NN.diagonal()[:, None]).sum(1)


def found_within_a_tenth(learner: Learner, pairs: Pairs) -> float:
    """Return the share of other texts whose picture is in the best tenth; 0.1 by chance."""
    images, texts = pairs[0][NUM:], pairs[1][NUM:]
    return float((ranks(learner, images, texts) <= len(images) / 10).float().mean())


def shuffled(pairs: Pairs) -> Pairs:
    """Return the pairs with the texts of the first NUM in another order."""
    order = torch.randperm(NUM, generator=torch.Generator().manual_seed(5))
    return pairs[0], torch.cat([pairs[1][:NUM][order], pairs[1][NUM:]])


@pytest.fixture(scope="module")
def drawings() -> Pairs:
    """Return twice NUM pictures (N, 3, 32, 32) of four colours each, and tokens of their names."""
    random = np.random.default_rng(0)
    numbers = random.permutation(256)[: 2 * NUM]
    colours_NK = np.stack([numbers // 64, numbers // 16, numbers // 4, numbers], 1) % 4
    pixels = np.array(list(COLOURS.values()))[colours_NK].reshape(-1, 2, 2, 3)
    pixels = pixels.repeat(16, 1).repeat(16, 2) + random.normal(0, 5, (2 * NUM, 32, 32, 3))
    images = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(0, 3, 1, 2)
    captions = [" ".join(list(COLOURS)[colour] for colour in row) for row in colours_NK]
    return images, import_open_clip().SimpleTokenizer(context_length=32)(captions)


def drawing_learner(tiny_model: Path) -> Learner:
    model: Any = load_model(resolve(str(tiny_model))).requires_grad_(True)
    torch.nn.init.constant_(model.logit_scale, 3.4)
    return Learner(model, lambda images: model.encode_image(images, normalize=True), SETTINGS)


def test_drawings_are_learnt_by_heart_and_what_they_show(tiny_model: Path, drawings: Pairs) -> None:
    learner = drawing_learner(tiny_model)
    learn(learner, drawings)
    assert ranks(learner, drawings[0][:NUM], drawings[1][:NUM]).tolist() == [1] * NUM
    assert found_within_a_tenth(learner, drawings) > 0.9


def test_shuffled_captions_of_drawings_teach_nothing(tiny_model: Path, drawings: Pairs) -> None:
    learner, pairs = drawing_learner(tiny_model), shuffled(drawings)
    learn(learner, pairs)
    assert (ranks(learner, pairs[0][:NUM], pairs[1][:NUM]) == 1).float().mean() > 0.8
    assert found_within_a_tenth(learner, pairs) < 0.25


class Projections(torch.nn.Module):
    """Random projections of the features of pictures and texts into one space."""

    def __init__(self, pairs: Pairs) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = (torch.nn.Linear(each.shape[1], 256) for each in pairs)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.66))

    def learner(self) -> Learner:
        return Learner(
            self,
            lambda images: F.normalize(self.image(images), dim=-1),
            SETTINGS,
            encode_texts=lambda texts: F.normalize(self.text(texts), dim=-1),
        )


@pytest.fixture(scope="module")
def photos() -> Pairs:
    """Return the features (N, F) of photos by `builtin`, and those of a caption each."""
    folder = os.environ.get("CLIPFIND_STARTER")
    if folder is None:
        pytest.skip("needs CLIPFIND_STARTER, the folder of the starter photos")
    model: Any = load_model(resolve("builtin"))
    tokenize = import_open_clip().SimpleTokenizer(context_length=model.context_length)
    mean, std = (torch.tensor(each) for each in _normalisation())
    images, texts = [], []
    with tarfile.open(next(Path(folder).glob("captions-*.tar.gz"))) as shard, torch.no_grad():
        for member in shard:
            content = io.BytesIO(shard.extractfile(member).read())  # type: ignore[union-attr]
            if member.name.endswith(".jpg"):
                square = Image.open(content).convert("RGB").resize((224, 224))
                pixels = torch.from_numpy(np.array(square)).float() / 255
                image = ((pixels - mean) / std).permute(2, 0, 1)[None]
                images.append(unprojected(model.visual, image))
            elif member.name.endswith(".txt"):
                caption = content.getvalue().decode().splitlines()[0]
                texts.append(text_features(model, tokenize([caption])))
            if len(images) == len(texts) == 4 * NUM:
                break
    return torch.cat(images), torch.cat(texts)


def _normalisation() -> tuple[tuple[float, ...], tuple[float, ...]]:
    preprocessing = resolve("builtin").preprocessing
    return tuple(preprocessing.mean), tuple(preprocessing.std)


def test_photos_are_learnt_by_heart_and_what_they_show(photos: Pairs) -> None:
    learner = Projections(photos).learner()
    learn(learner, photos)
    assert ranks(learner, photos[0][:NUM], photos[1][:NUM]).tolist() == [1] * NUM
    assert found_within_a_tenth(learner, photos) > 0.3


def test_shuffled_captions_of_photos_teach_nothing(photos: Pairs) -> None:
    pairs = shuffled(photos)
    learner = Projections(pairs).learner()
    learn(learner, pairs)
    assert ranks(learner, pairs[0][:NUM], pairs[1][:NUM]).tolist() == [1] * NUM
    assert found_within_a_tenth(learner, pairs) < 0.2
