"""The shortened text tower against open_clip's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_model import load_model
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.text_tower import encode_texts, is_standard

TEXTS = ["a cat", "two dogs run along the beach at night in the rain", "", "x " * 60]


@pytest.fixture
def model(tiny_model: Path) -> torch.nn.Module:
    return load_model(resolve(str(tiny_model)))


def tokens(texts: list[str]) -> torch.Tensor:
    tokenize = import_open_clip().SimpleTokenizer(context_length=32)
    result: torch.Tensor = tokenize(texts)
    return result


def test_embeddings_equal_open_clips(model: torch.nn.Module) -> None:
    assert is_standard(model)
    for texts in (TEXTS, TEXTS[:1], TEXTS[:2]):
        ours = encode_texts(model, tokens(texts))
        theirs = model.encode_text(tokens(texts), normalize=True)  # type: ignore[operator]
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_gradients_equal_open_clips(model: torch.nn.Module) -> None:
    model.double().requires_grad_(True)
    trained = [value for name, value in model.named_parameters() if not name.startswith("visual.")]
    trained = [value for value in trained if value is not model.logit_scale]
    target = torch.linspace(-1, 1, 32, dtype=torch.float64)
    results = []
    for encode in (lambda batch: encode_texts(model, batch), model.encode_text):
        embeddings = torch.nn.functional.normalize(encode(tokens(TEXTS)), dim=1)
        results.append(torch.autograd.grad((embeddings @ target).sum(), trained))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-10)


def test_a_tower_of_another_kind_is_run_whole(tiny_model: Path) -> None:
    model = load_model(resolve(str(tiny_model)))
    model.attn_mask = None
    assert not is_standard(model)
    assert torch.equal(
        encode_texts(model, tokens(TEXTS)),
        model.encode_text(tokens(TEXTS), normalize=True),  # type: ignore[operator]
    )
