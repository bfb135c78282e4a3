"""Towers before and after their projections, for the kinds of towers that open_clip builds."""

from __future__ import annotations

from typing import Any

import four_towers
import pytest
import torch
from tiny_model import captioning_config

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.split import Split, split_image_tower, split_text_tower

PICTURES = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
TOKENS = torch.tensor([[1, 5, 7, 63] + 12 * [0], [1, 63] + 14 * [0]])
PROJECTIONS = {
    "vit": (("visual.proj",), ("text_projection",)),
    "quick gelu": (("visual.proj",), ("text_projection",)),
    "resnet": (
        ("visual.attnpool.c_proj.weight", "visual.attnpool.c_proj.bias"),
        ("text_projection",),
    ),
    "timm": (("visual.head.proj.weight", "visual.head.proj.bias"), ("text_projection",)),
    "custom text": (
        ("visual.proj",),
        ("text.text_projection.weight", "text.text_projection.bias"),
    ),
}


def is_close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((found - expected).norm() <= 1e-5 * expected.norm())


@pytest.mark.parametrize("kind", four_towers.KINDS)
@torch.no_grad()
def test_both_parts_together_give_what_the_tower_gives(kind: str) -> None:
    model = four_towers.build(kind)
    image, text = split_image_tower(model, 32), split_text_tower(model)
    assert is_close(image.project(image.features(PICTURES)), model.encode_image(PICTURES))
    assert is_close(text.project(text.features(TOKENS)), model.encode_text(TOKENS))
    assert (image.projection, text.projection) == PROJECTIONS[kind]


@pytest.mark.parametrize("kind", four_towers.KINDS)
@torch.no_grad()
def test_the_projection_is_read_when_it_projects(kind: str) -> None:
    """Training changes it; the features must not."""
    model = four_towers.build(kind)
    parts = [(split_image_tower(model, 32), PICTURES), (split_text_tower(model), TOKENS)]
    before = [split.features(batch) for split, batch in parts]
    for split, _ in parts:
        for name in split.projection:
            model.get_parameter(name).add_(1)
    after = [split.features(batch) for split, batch in parts]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
    projected = [split.project(each) for (split, _), each in zip(parts, after, strict=True)]
    assert is_close(projected[0], model.encode_image(PICTURES))
    assert is_close(projected[1], model.encode_text(TOKENS))


@torch.no_grad()
def test_a_tower_that_gives_its_tokens_too_is_split() -> None:
    config = captioning_config()
    config.pop("custom_text")
    torch.manual_seed(0)
    model = import_open_clip().CoCa(**config).eval()
    tokens = torch.tensor([[49_406, 5, 7, 49_407] + 28 * [0]])
    image, text = split_image_tower(model, 32), split_text_tower(model)
    assert is_close(image.project(image.features(PICTURES)), model.encode_image(PICTURES, False))
    assert is_close(text.project(text.features(tokens)), model.encode_text(tokens, False))
    assert image.projection
    assert text.projection


@torch.no_grad()
def test_the_classifier_of_a_timm_tower_is_its_projection() -> None:
    image = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
    image |= {"timm_pool": "avg", "timm_proj": "", "image_size": 32}
    model = import_open_clip().CLIP(16, image, four_towers.tiny_config("vit", 64)["text_cfg"])
    split = split_image_tower(model.eval(), 32)
    assert is_close(split.project(split.features(PICTURES)), model.encode_image(PICTURES))
    assert split.projection == ("visual.trunk.classifier.weight", "visual.trunk.classifier.bias")


@pytest.mark.parametrize("width", [16, 32])
def test_a_tower_whose_parts_give_something_else_is_not_split(width: int) -> None:
    class Scaled(torch.nn.Module):
        """A tower that does more after its projection than what is known."""

        def __init__(self, tower: Any) -> None:
            super().__init__()
            self.tower, self.proj = tower, torch.nn.Parameter(torch.ones(width, 16))

        def forward(self, images_NCHW: torch.Tensor) -> torch.Tensor:
            projected: torch.Tensor = 2 * self.tower(images_NCHW) + 1
            return projected

    model = four_towers.build("vit").requires_grad_(False)
    model.visual = Scaled(model.visual)
    split: Split = split_image_tower(model, 32)
    assert split.projection == ()
    assert torch.equal(split.features(PICTURES), model.encode_image(PICTURES))
    assert split.project(PICTURES) is PICTURES


def test_splitting_leaves_the_training_mode_as_it_was() -> None:
    model = four_towers.build("timm").train()
    model.visual.eval()
    modes = [module.training for module in model.modules()]
    split_image_tower(model, 32)
    assert [module.training for module in model.modules()] == modes
