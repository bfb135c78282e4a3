"""A batch in pieces against the same batch in one graph.

Shape suffixes: N pairs, L positions, D embedding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Batch
from rclip_like.train.equality import EqualNumbers
from rclip_like.train.learner import Learner
from rclip_like.train.loss import contrastive_loss
from rclip_like.train.pieces import pieces
from rclip_like.train.settings import LoopSettings

NUM = 13
UNEVEN = 5
Gradients = dict[str, torch.Tensor]


def make_batch(dtype: torch.dtype = torch.float64) -> Batch:
    """Pairs of noise; three share a caption, and the next three another."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(NUM, 3, 32, 32, generator=generator, dtype=dtype)
    tokens_NL = torch.zeros(NUM, 32, dtype=torch.long)
    for row, length in enumerate(torch.randint(4, 20, (NUM,), generator=generator).tolist()):
        tokens_NL[row, :length] = torch.randint(1, 60, (length,), generator=generator)
        tokens_NL[row, length] = 63
    numbers = np.arange(NUM)
    equal = EqualNumbers(numbers[:, None] // 3, numbers // 3, numbers)
    return Batch(numbers, images.__getitem__, tokens_NL, equal)


def make_model(dtype: torch.dtype = torch.float64, **image: Any) -> Any:
    """Return a CLIP of two layers with random weights."""
    vit = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    text = {"context_length": 32, "vocab_size": 64, "width": 32, "heads": 2, "layers": 2}
    torch.manual_seed(0)
    return import_open_clip().CLIP(16, image or vit, text).to(dtype)


def make_learner(model: Any, piece_size: int | None, **options: Any) -> Learner:
    settings = LoopSettings(piece_size=piece_size, max_gradient=math.inf)
    encode = partial(model.encode_image, normalize=True)
    return Learner(model, encode, settings, **options)


def gradients(learner: Learner, batch: Batch) -> Gradients:
    """Return the gradients of a step that moves nothing."""
    learner.learn(batch, 0, 0.0)
    named = learner.model.named_parameters()
    return {name: value.grad.double().clone() for name, value in named if value.grad is not None}


def distance(found: Gradients, expected: Gradients) -> float:
    """Return the norm of the difference of all gradients, relative to theirs."""
    assert found.keys() == expected.keys()
    far = sum(float((found[name] - expected[name]).square().sum()) for name in expected)
    return math.sqrt(far / sum(float(value.square().sum()) for value in expected.values()))


def test_pieces_are_as_few_and_as_equal_as_can_be() -> None:
    for number, size, expected in ((12, None, [12]), (13, 5, [4, 4, 5]), (7, 3, [2, 2, 3])):
        parts = pieces(number, size)
        assert [part.stop - part.start for part in parts] == expected
        rows = np.concatenate([np.arange(number)[part] for part in parts])
        assert rows.tolist() == list(range(number))


@pytest.mark.parametrize("piece_size", [1, 4, UNEVEN, 7])
def test_gradients_do_not_depend_on_the_piece_size(piece_size: int) -> None:
    batch, model = make_batch(), make_model()
    whole = gradients(make_learner(model, None), batch)
    in_pieces = gradients(make_learner(model, piece_size), batch)
    assert distance(in_pieces, whole) <= 1e-10
    assert float(in_pieces["logit_scale"] / whole["logit_scale"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("piece_size", [None, UNEVEN])
def test_gradients_are_those_of_open_clips_model_and_loss(
    piece_size: int | None, dtype: torch.dtype, tolerance: float
) -> None:
    from open_clip.loss import ClipLoss

    batch, model = replace(make_batch(dtype), equal=None), make_model(dtype)
    found = gradients(make_learner(model, piece_size), batch)
    model.zero_grad()
    images_ND, texts_ND, scale = model(batch.images(slice(0, NUM)), batch.texts)
    ClipLoss()(images_ND, texts_ND, scale).backward()
    theirs = {name: value.grad.double() for name, value in model.named_parameters()}
    assert distance(found, theirs) <= tolerance


def test_gradients_in_fp32_differ_by_rounding_alone() -> None:
    batch, model = make_batch(torch.float32), make_model(torch.float32)
    whole = gradients(make_learner(model, None), batch)
    in_pieces = gradients(make_learner(model, UNEVEN), batch)
    assert distance(in_pieces, whole) <= 1e-5
    for name in whole:
        assert distance({name: in_pieces[name]}, {name: whole[name]}) <= 1e-4, name


def test_gradients_in_bf16_differ_by_rounding_alone() -> None:
    batch, model = make_batch(torch.float32), make_model(torch.float32)
    whole = gradients(make_learner(model, None, precision="bf16"), batch)
    in_pieces = gradients(make_learner(model, UNEVEN, precision="bf16"), batch)
    assert distance(in_pieces, whole) <= 1e-2
    exact = gradients(make_learner(model, None), batch)
    assert 1e-4 < distance(in_pieces, exact) < 0.2, "computed in bf16"


def test_what_dropout_drops_is_the_same_in_both_passes() -> None:
    """The reference keeps the graphs of all pieces, which draw in the same order."""
    vit = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
    batch, model = make_batch(), make_model(**vit, patch_dropout=0.5)
    learner = make_learner(model, UNEVEN)
    image, text = learner.encode_images, learner.encode_texts
    learner.encode_images = lambda images: image(F.dropout(images, 0.3))
    learner.encode_texts = lambda tokens: F.normalize(F.dropout(text(tokens), 0.3), dim=-1)
    found = []
    for seed in (3, 4):
        torch.manual_seed(seed)
        found.append(gradients(learner, batch))
    after = torch.get_rng_state()
    torch.manual_seed(4)
    parts = pieces(NUM, UNEVEN)
    images_ND = torch.cat([learner.encode_images(batch.images(part)) for part in parts])
    texts_ND = torch.cat([learner.encode_texts(batch.texts[part]) for part in parts])
    assert torch.equal(after, torch.get_rng_state()), "the next step draws what it would draw"
    model.zero_grad()
    contrastive_loss(images_ND, texts_ND, model.logit_scale, batch.equal).backward()
    kept = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    assert distance(found[1], kept) <= 1e-10
    assert distance(found[0], kept) > 0.1, "another seed drops others"


def test_a_frozen_tower_gets_no_gradients_and_costs_no_second_pass() -> None:
    batch, model = make_batch(), make_model()
    model.visual.requires_grad_(False)
    sizes: list[int] = []
    learner = make_learner(model, UNEVEN)
    encode = learner.encode_images
    learner.encode_images = lambda images: sizes.append(len(images)) or encode(images)
    found = gradients(learner, batch)
    assert sum(sizes[: len(pieces(NUM, UNEVEN))]) == NUM
    assert len(sizes) == len(pieces(NUM, UNEVEN)) + 1, "one piece tells"
    assert distance(found, gradients(make_learner(model, None), batch)) <= 1e-10


@pytest.fixture(scope="module")
def with_batch_norms() -> Any:
    """Return a CLIP with a timm tower that has batch norms."""
    image = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
    return make_model(**image, timm_pool="", timm_proj="linear", image_size=32)


def test_pieces_are_exact_where_batch_norms_are_frozen(with_batch_norms: Any) -> None:
    batch = make_batch()
    whole = gradients(make_learner(with_batch_norms, None), batch)
    assert distance(gradients(make_learner(with_batch_norms, UNEVEN), batch), whole) <= 1e-10


def test_pieces_would_be_inexact_if_batch_norms_saw_the_batch(with_batch_norms: Any) -> None:
    """Statistics of a piece are not those of the batch; no way of summing up mends that."""
    batch, found = make_batch(), []
    for size in (None, UNEVEN):
        learner = make_learner(with_batch_norms, size)
        with_batch_norms.train()
        found.append(gradients(learner, batch))
    assert distance(found[1], found[0]) > 0.1


def hand_made(
    weights: Sequence[np.ndarray], images_NF: np.ndarray, texts_NF: np.ndarray, log_scale: float
) -> tuple[list[np.ndarray], float]:
    """Return the loss's gradients by two linear towers' weights and by the scale's logarithm."""
    embeddings, norms = [], []
    for weight, features in zip(weights, (images_NF, texts_NF), strict=True):
        raw_ND = features @ weight.T
        norms.append(np.linalg.norm(raw_ND, axis=1, keepdims=True))
        embeddings.append(raw_ND / norms[-1])
    cosines_NN = embeddings[0] @ embeddings[1].T
    powers_NN = np.exp(math.exp(log_scale) * (cosines_NN - 1))
    by_rows, by_columns = (powers_NN / powers_NN.sum(axis, keepdims=True) for axis in (1, 0))
    by_logits_NN = (by_rows + by_columns - 2 * np.eye(len(images_NF))) / (2 * len(images_NF))
    found = []
    by_embeddings = (by_logits_NN @ embeddings[1], by_logits_NN.T @ embeddings[0])
    for by_unit_ND, unit_ND, norm_N1, features in zip(
        by_embeddings, embeddings, norms, (images_NF, texts_NF), strict=True
    ):
        along_N1 = (by_unit_ND * unit_ND).sum(1, keepdims=True)
        by_raw_ND = math.exp(log_scale) * (by_unit_ND - along_N1 * unit_ND) / norm_N1
        found.append(by_raw_ND.T @ features)
    return found, float((by_logits_NN * math.exp(log_scale) * cosines_NN).sum())


class Linear(torch.nn.Module):
    """Two linear towers."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.image = torch.nn.Linear(6, 4, bias=False).to(dtype)
        self.text = torch.nn.Linear(5, 4, bias=False).to(dtype)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.0, dtype=dtype))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_a_batch_whose_cosines_take_blocks_has_the_gradient_computed_by_hand(
    dtype: torch.dtype, tolerance: float
) -> None:
    random = np.random.default_rng(6)
    images_NF, texts_NF = random.normal(size=(2_500, 6)), random.normal(size=(2_500, 5))
    model = Linear(dtype)
    towers: list[Callable[[torch.Tensor], torch.Tensor]] = [
        lambda features: F.normalize(model.image(features), dim=-1),
        lambda features: F.normalize(model.text(features), dim=-1),
    ]
    settings = LoopSettings(piece_size=256, max_gradient=math.inf)
    learner = Learner(model, towers[0], settings, encode_texts=towers[1])
    images, texts = (torch.from_numpy(each).to(dtype) for each in (images_NF, texts_NF))
    found = gradients(learner, Batch(np.arange(2_500), images.__getitem__, texts))
    weights = [each.weight.detach().double().numpy() for each in (model.image, model.text)]
    expected, by_scale = hand_made(weights, images_NF, texts_NF, 2.0)
    by_hand = {
        "image.weight": torch.from_numpy(expected[0]),
        "text.weight": torch.from_numpy(expected[1]),
        "logit_scale": torch.tensor(by_scale, dtype=torch.float64),
    }
    assert distance(found, by_hand) <= tolerance


def test_a_step_in_pieces_learns_what_a_plain_step_learns(tiny_model: Path) -> None:
    batch = make_batch(torch.float32)
    states = []
    for piece_size in (None, 4):
        model: Any = load_model(resolve(str(tiny_model))).requires_grad_(True)
        learner = make_learner(model, piece_size)
        losses = [learner.learn(batch, step, 1e-4).loss for step in range(3)]
        assert losses[2] < losses[0]
        states.append({name: value.detach() for name, value in model.named_parameters()})
    for name, value in states[0].items():
        assert torch.allclose(value, states[1][name], atol=1e-5), name
