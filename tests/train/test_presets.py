"""Which parameters the presets train, for every kind of tower that open_clip builds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.batches import Batch
from rclip_like.train.learner import Learner, build_optimiser
from rclip_like.train.presets import RECIPES, Preset, choose_trained, projection_names
from rclip_like.train.settings import LoopSettings
from rclip_like.train.split import split_image_tower, split_text_tower

VIT = {"image_size": 32, "layers": 4, "width": 32, "head_width": 16, "patch_size": 16}
RESNET = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}
TIMM = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
TIMM |= {"timm_pool": "", "timm_proj": "linear", "timm_proj_bias": True, "image_size": 32}
TEXT = {"context_length": 16, "vocab_size": 64, "width": 16, "heads": 2, "layers": 4}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "vit": ("CLIP", VIT),
    "resnet": ("CLIP", RESNET),
    "timm": ("CLIP", TIMM),
    "custom text": ("CustomTextCLIP", VIT),
}
PROJECTIONS = {
    "vit": {"visual.proj", "text_projection"},
    "resnet": {"visual.attnpool.c_proj.weight", "visual.attnpool.c_proj.bias", "text_projection"},
    "timm": {"visual.head.proj.weight", "visual.head.proj.bias", "text_projection"},
    "custom text": {"visual.proj", "text.text_projection"},
}
LAST_LAYERS = {
    "vit": {"visual.transformer.resblocks.3", "visual.ln_post"},
    "resnet": {"visual.layer4", "visual.attnpool"},
    "timm": {*(f"visual.trunk.blocks.{n}" for n in (5, 6)), "visual.trunk.conv_head"},
    "custom text": {"text.transformer.resblocks.3", "text.ln_final"},
}


def build(kind: str) -> Any:
    torch.manual_seed(0)
    name, image = KINDS[kind]
    return getattr(import_open_clip(), name)(16, image, TEXT)


def trained(model: Any) -> set[str]:
    return {name for name, value in model.named_parameters() if value.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_that_decay_are_open_clips(kind: str) -> None:
    model = build(kind)
    groups = build_optimiser(model, lr=1e-3, weight_decay=0.2).param_groups
    assert [group["weight_decay"] for group in groups] == [0.2, 0.0]
    decayed = {id(value) for value in groups[0]["params"]}
    for name, value in model.named_parameters():
        spared = value.ndim < 2 or any(part in name for part in ("bn", "ln", "bias", "logit_scale"))
        assert (id(value) in decayed) != spared, name


@pytest.mark.parametrize("kind", KINDS)
def test_projections_are_what_runs_after_cached_features(kind: str) -> None:
    model = build(kind)
    splits = split_image_tower(model, 32), split_text_tower(model)
    assert projection_names(model) == {name for split in splits for name in split.projection}


@pytest.mark.parametrize("kind", KINDS)
def test_head_trains_the_projections_and_the_logit_scale(kind: str) -> None:
    model = build(kind)
    choose_trained(model, "head", locks_image_tower=True)
    assert trained(model) == PROJECTIONS[kind] | {"logit_scale"}


@pytest.mark.parametrize("kind", KINDS)
def test_last_trains_the_last_layers_of_both_towers(kind: str) -> None:
    model = build(kind)
    choose_trained(model, "last", locks_image_tower=False)
    text = "text." if kind == "custom text" else ""
    names = trained(model) - PROJECTIONS[kind] - {"logit_scale"}
    layers = LAST_LAYERS[kind] | {f"{text}transformer.resblocks.3", f"{text}ln_final"}
    for layer in layers:
        assert [name for name in names if name.startswith(layer)], layer
    first = ("conv1", "bn1", "layer1", "transformer.resblocks.0", "trunk.blocks.0", "class_emb")
    assert not [name for name in names if name.startswith(tuple(f"visual.{n}" for n in first))]
    assert not [name for name in names if "embedding" in name or ".resblocks.2" in name]


@pytest.mark.parametrize("preset", ["last", "all", "lora"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_image_tower_trains_its_projection_at_most(kind: str, preset: Preset) -> None:
    model = build(kind)
    choose_trained(model, preset, locks_image_tower=True)
    visual = {name for name in trained(model) if name.startswith("visual.")}
    assert visual == (set() if preset == "lora" else PROJECTIONS[kind] - {"text_projection"}) - {
        "text.text_projection"
    }


def test_all_leaves_out_only_what_embeddings_do_not_need() -> None:
    model = build("vit")
    model.text_decoder = torch.nn.Linear(2, 2)
    choose_trained(model, "all", locks_image_tower=False)
    names = {name for name, _ in model.named_parameters()}
    assert names - trained(model) == {"text_decoder.weight", "text_decoder.bias"}


@pytest.mark.parametrize("locks", [True, False])
@pytest.mark.parametrize("preset", RECIPES)
@pytest.mark.parametrize("kind", KINDS)
def test_only_what_a_preset_trains_changes_a_bit(kind: str, preset: Preset, locks: bool) -> None:
    model = build(kind)
    choose_trained(model, preset, locks_image_tower=locks)
    chosen = trained(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = LoopSettings(weight_decay=0.2, penalty=0.1, towers_lr_share=0.5)
    learner = Learner(model, lambda images: model.encode_image(images, normalize=True), settings)
    tokens = torch.tensor([[5, 9, 63, 0], [7, 8, 9, 63], [3, 63, 0, 0]])
    tokens = torch.nn.functional.pad(tokens, (0, 12))
    images = torch.randn(3, 3, 32, 32)
    for step in range(2):
        batch = Batch(np.arange(3), images.__getitem__, tokens)
        learner.learn(batch, step, 1e-2)
    after = model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed <= chosen
    assert len(changed) > len(chosen) // 2


def test_layers_and_the_image_projection_take_their_share_of_the_learning_rate() -> None:
    model = build("vit")
    choose_trained(model, "last", locks_image_tower=False)
    groups = build_optimiser(model, lr=1e-3, weight_decay=0.2, towers_lr_share=0.1).param_groups
    shares = {id(value): group["lr_share"] for group in groups for value in group["params"]}
    for name, value in model.named_parameters():
        if name in trained(model):
            is_fast = name in {"text_projection", "logit_scale"}
            assert shares[id(value)] == (1.0 if is_fast else 0.1), name


def test_a_pull_as_strong_as_the_learning_rate_allows_ends_at_the_start() -> None:
    model = build("vit")
    choose_trained(model, "head", locks_image_tower=True)
    start = model.text_projection.detach().clone()
    settings = LoopSettings(penalty=300.0, towers_lr_share=0.2)
    learner = Learner(model, lambda images: model.encode_image(images, normalize=True), settings)
    tokens = torch.tensor([[5, 9, 63, 0], [7, 8, 9, 63]])
    batch = Batch(
        np.arange(2),
        torch.randn(2, 3, 32, 32).__getitem__,
        torch.nn.functional.pad(tokens, (0, 12)),
    )
    learner.learn(batch, 0, 0.1)
    assert torch.equal(model.text_projection, start)
