"""Which parameters each preset trains, how fast, and for how long.

An image tower is open_clip's ViT or ResNet, or a trunk of timm; a text tower is CLIP's own, a
custom one under `text`, or one of transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.lora import add_low_rank, low_rank_names

Preset: TypeAlias = Literal["head", "last", "all", "lora"]


class Choice(NamedTuple):
    """A preset, and whether the image tower is locked up to its projection."""

    preset: Preset
    locks_image_tower: bool


class Recipe(NamedTuple):
    """How a preset learns.

    lr: the highest learning rate of the text projection, logit scale and low-rank additions;
    towers_lr: that of the layers within the towers and of the image projection. epochs: passes at
    most; the state that is best on held-out pairs is taken. penalty: the pull towards the start, as
    in LoopSettings.
    """

    lr: float
    towers_lr: float
    epochs: int
    batch_size: int
    weight_decay: float
    penalty: float


RECIPES: dict[Preset, Recipe] = {
    "head": Recipe(2e-4, 4e-5, epochs=20, batch_size=256, weight_decay=0.0, penalty=300.0),
    "last": Recipe(1e-4, 1e-5, epochs=10, batch_size=256, weight_decay=0.1, penalty=0.0),
    "all": Recipe(1e-5, 1e-5, epochs=10, batch_size=256, weight_decay=0.1, penalty=0.0),
    "lora": Recipe(2e-4, 0.0, epochs=10, batch_size=256, weight_decay=0.0, penalty=0.0),
}
"""Published: whole towers 1e-5 (FLYP, Goyal et al. 2023; WiSE-FT, Wortsman et al. 2022, 3e-5) down
to 1e-6; low-rank additions 2e-4 (CLIP-LoRA, Zanella and Ben Ayed 2024). Of the head, the share of
the image projection and the penalty are measured: at equal gain, labels that were not trained on
lose a third less than at one rate without a pull (tests/bench/NOTES.md)."""
LOW_RANK = 4
LAST_SHARE = 4
"""The preset `last` trains the last layers of a tower: one in LAST_SHARE, at least one."""


def choose_trained(model: Any, preset: Preset, *, locks_image_tower: bool) -> None:
    """Let gradients reach what the preset trains, and nothing else.

    head: the projections of both towers and the logit scale. last: the last layers, too; all:
    everything. With a locked image tower only its projection is trained, as in LiT (Zhai et al.
    2022). lora: low-rank additions alone, which are put into the attention layers here, without
    changing what the model computes. What does not contribute to embeddings (the text decoder of
    CoCa) stays frozen.
    """
    model.requires_grad_(False)
    if preset == "lora":
        if not locks_image_tower:
            add_low_rank(model.visual, LOW_RANK)
        add_low_rank(text_tower(model), LOW_RANK, apart_from="visual.")
    trained = trained_names(model, preset, locks_image_tower=locks_image_tower)
    for name, value in model.named_parameters():
        value.requires_grad_(name in trained)


def trained_names(model: Any, preset: Preset, *, locks_image_tower: bool) -> frozenset[str]:
    """Return the names of the parameters that a preset trains."""
    if preset == "lora":
        return low_rank_names(model)
    names = set(projection_names(model) | fast_names(model))
    image, text = _layers(model, "visual."), _layers(model, text_prefix(model))
    if preset == "last":
        image = list(_last(model.visual, "visual."))
        text = list(_last(text_tower(model), text_prefix(model)))
    if preset != "head":
        names |= set(text) | set(() if locks_image_tower else image)
    return frozenset(names & {name for name, _ in model.named_parameters()})


def projection_names(model: Any) -> frozenset[str]:
    """Return the names of the parameters that project a tower's features into the joint space."""
    image: tuple[str, ...] = ("visual.proj", "visual.attnpool.c_proj.")
    text = ("text_projection", "proj")
    if hasattr(model, "visual") and hasattr(model.visual, "trunk"):
        image = tuple(_projections_of_timm(model.visual))
    names = (name for name, _ in model.named_parameters())
    return frozenset(
        name
        for name in names
        if name.startswith(image) or name.removeprefix("text.").startswith(text)
    )


def fast_names(model: Any) -> frozenset[str]:
    """Return the names of what learns at a preset's highest rate.

    That is all but the towers' layers and the image projection: it has more inputs, and the same
    step at each of its weights moves embeddings further.
    """
    projections = {name for name in projection_names(model) if not name.startswith("visual.")}
    return frozenset(projections | low_rank_names(model) | {"logit_scale", "logit_bias"})


def text_tower(model: Any) -> Any:
    """Return the module that holds the text tower; with CLIP's own, the model itself."""
    return getattr(model, "text", model)


def text_prefix(model: Any) -> str:
    """Return how the names of the text tower's parameters begin."""
    return "text." if hasattr(model, "text") else ""


def _projections_of_timm(visual: Any) -> Iterator[str]:
    """Yield how the names of the projection begin: of open_clip's head, else of the classifier."""
    heads = [name for name, _ in visual.head.named_children() if name != "pool"]
    yield from (f"visual.head.{name}." for name in heads)
    if not heads:
        classifier = visual.trunk.get_classifier()
        named = (name for name, each in visual.trunk.named_modules() if each is classifier)
        yield from (f"visual.trunk.{name}." for name in named)


def _layers(model: Any, prefix: str) -> list[str]:
    others = ("visual.", "text_decoder.", "logit_") if prefix != "visual." else ()
    return [
        name
        for name, _ in model.named_parameters()
        if name.startswith(prefix) and not name.startswith(others)
    ]


def _last(tower: Any, prefix: str) -> Iterator[str]:
    """Yield the names of a tower's last layers, and of the norm or pooling after them."""
    if hasattr(tower, "trunk"):
        import_open_clip()
        from timm.models import group_parameters

        groups = group_parameters(tower.trunk, tower.trunk.group_matcher())
        for group in sorted(groups)[-max(1, len(groups) // LAST_SHARE) :]:
            yield from (f"{prefix}trunk.{name}" for name in groups[group])
        return
    blocks = _blocks(tower)
    first = len(blocks) - max(1, len(blocks) // LAST_SHARE)
    is_after = False
    for name, _ in tower.named_parameters():
        if prefix != "visual." and name.startswith("visual."):
            continue
        is_after = is_after or any(name.startswith(f"{block}.") for block in blocks[first:])
        is_earlier = any(name.startswith(f"{block}.") for block in blocks[:first])
        if is_after and not is_earlier and "embedding" not in name:
            yield prefix + name


def _blocks(tower: Any) -> list[str]:
    """Return the names of the modules that a tower runs one after the other."""
    if hasattr(tower, "layer4"):  # open_clip's ResNet
        return ["layer1", "layer2", "layer3", "layer4"]
    lists = {
        name: len(module)
        for name, module in tower.named_modules()
        if isinstance(module, torch.nn.ModuleList) and not name.startswith("visual.")
    }
    longest = max(lists, key=lists.__getitem__)
    return [f"{longest}.{number}" for number in range(lists[longest])]
