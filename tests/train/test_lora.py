"""Low-rank additions: nothing at first, and the same once they are merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.utils import parametrize

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.interpolation import set_between
from rclip_like.train.learner import trained_state
from rclip_like.train.lora import add_low_rank, has_attention, low_rank_names, merge_low_rank
from rclip_like.train.presets import choose_trained
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.text_tower import encode_texts

WEIGHTS = "open_clip_model.safetensors"
VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
TIMM_VIT = {"timm_model_name": "vit_tiny_patch16_224", "timm_model_pretrained": False}
TIMM_VIT |= {"timm_pool": "token", "timm_proj": "linear", "image_size": 224}
RESNET = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
TEXT = {"context_length": 16, "vocab_size": 64, "width": 16, "heads": 2, "layers": 2}
SIZES = {"vit": (VIT, 32), "timm": (TIMM_VIT, 224), "resnet": (RESNET, 32)}
TOKENS = torch.nn.functional.pad(torch.tensor([[5, 9, 63], [7, 63, 0]]), (0, 13))


@pytest.fixture(params=SIZES)
def model(request: pytest.FixtureRequest) -> Any:
    torch.manual_seed(0)
    return import_open_clip().CLIP(16, SIZES[request.param][0], TEXT).eval()


@torch.no_grad()
def embeddings(model: Any) -> list[torch.Tensor]:
    """Return what the towers give, the text tower by open_clip and by our own short way."""
    size = 224 if hasattr(model.visual, "trunk") else 32
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    return [
        model.encode_image(images, normalize=True),
        model.encode_text(TOKENS, normalize=True),
        encode_texts(model, TOKENS),
    ]


def adapted(model: Any) -> None:
    """Give every addition a value, as training would."""
    for name, value in model.named_parameters():
        if name in low_rank_names(model):
            value.data.normal_(0, 0.3)


def test_additions_begin_without_effect(model: Any) -> None:
    before = embeddings(model)
    choose_trained(model, "lora", locks_image_tower=False)
    assert {name for name, value in model.named_parameters() if value.requires_grad}
    for one, other in zip(before, embeddings(model), strict=True):
        assert (one - other).abs().max() <= 1e-6  # the weights are equal, kernels differ


def test_merged_equals_unmerged(model: Any) -> None:
    names, first = {name for name, _ in model.named_parameters()}, embeddings(model)
    choose_trained(model, "lora", locks_image_tower=False)
    adapted(model)
    before = embeddings(model)
    merge_low_rank(model)
    assert not [module for module in model.modules() if parametrize.is_parametrized(module)]
    assert {name for name, _ in model.named_parameters()} == names
    for start, one, other in zip(first, before, embeddings(model), strict=True):
        assert (one - other).abs().max() <= 1e-6
        assert (one - start).abs().max() > 1e-3


def test_queries_keys_and_values_have_additions_of_their_own() -> None:
    attention = torch.nn.MultiheadAttention(8, 2)
    before = attention.in_proj_weight.detach().clone()
    assert add_low_rank(attention, 2) == 1
    addition: Any = attention.parametrizations.in_proj_weight[0]  # type: ignore[index, union-attr]
    assert torch.equal(attention.in_proj_weight, before)
    addition.up_POR.data[1] = 1.0
    changed = (attention.in_proj_weight != before).any(dim=1)
    assert changed.tolist() == [False] * 8 + [True] * 8 + [False] * 8


def test_a_state_between_scales_the_addition() -> None:
    torch.manual_seed(0)
    model: Any = import_open_clip().CLIP(16, VIT, TEXT)
    choose_trained(model, "lora", locks_image_tower=False)
    attention = model.visual.transformer.resblocks[0].attn
    start, before = trained_state(model), attention.in_proj_weight.detach().clone()
    adapted(model)
    whole = attention.in_proj_weight.detach() - before
    set_between(model, start, trained_state(model), 0.25)
    assert torch.allclose(attention.in_proj_weight - before, 0.25 * whole, atol=1e-6)


def test_a_tower_without_attention_takes_no_additions() -> None:
    assert not has_attention(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Linear(8, 8)))
    assert has_attention(torch.nn.MultiheadAttention(8, 2))


def test_a_run_with_additions_leaves_an_ordinary_model_folder(
    captioned: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    loop = LoopOptions(epochs=3, batch_size=8, lr=1e-2)
    settings = TrainSettings(captioned(12), tmp_path / "out", str(tiny_model), preset="lora")
    settings = replace(settings, loop=loop, unlock_image_tower=True, folds=0, alpha=0.5)
    report = train(settings)
    before, after = (load_file(each / WEIGHTS) for each in (tiny_model, settings.output))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if name.endswith("in_proj_weight")}
    assert report.plan is not None
    assert report.plan.preset == "lora"
