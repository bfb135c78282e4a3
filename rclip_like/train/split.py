"""A tower in two parts: up to its features, computed once, and its projection, still trained.

Shape suffixes: N pictures or texts, C channels, S pixels a side, L positions, F features,
D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, NamedTuple

import torch

from rclip_like.models.towers.torch_tower import unprojected
from rclip_like.train.text_tower import is_standard, text_features

_CLOSE = 1e-4
"""How far both parts may be from the whole tower, relative to it; rounding alone gives 1e-6."""


class Split(NamedTuple):
    """A tower in two parts: project(features(x)) is what the tower gives, before normalisation.

    features: from images or tokens to (N, F). project: from (N, F) to (N, D). projection: the names
    in the model of the parameters that `project` reads; () for a tower that cannot be split, of
    which `features` is all.
    """

    features: Callable[[torch.Tensor], torch.Tensor]
    project: Callable[[torch.Tensor], torch.Tensor]
    projection: tuple[str, ...]


@torch.no_grad()
def split_image_tower(model: Any, size: int) -> Split:
    """Return the image tower before and after its projection.

    The projection is that of open_clip's own transformers, the last layer of a ResNet's attention
    pool, or timm's head or classifier. A tower is not split if both parts together give another
    result for a picture of noise, `size` pixels a side.
    """
    noise = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    noise = noise.to(model.logit_scale.device)
    return _checked(model, model.encode_image, _image_parts(model), noise)


@torch.no_grad()
def split_text_tower(model: Any) -> Split:
    """Return the text tower before and after its projection, as `split_image_tower` does."""
    tower = getattr(model, "text", model)
    length = int(getattr(tower, "context_length", 16))
    vocabulary = int(getattr(tower, "vocab_size", 3))
    tokens_NL = torch.zeros(1, length, dtype=torch.long, device=model.logit_scale.device)
    tokens_NL[0, :3] = torch.tensor([1, 2, vocabulary - 1])
    return _checked(model, model.encode_text, _text_parts(model), tokens_NL)


def _checked(model: Any, encode: Any, parts: Split | None, example: torch.Tensor) -> Split:
    """Return the parts if they give what the model gives for an example, else all in one."""

    def whole(batch: torch.Tensor) -> torch.Tensor:
        encoded: torch.Tensor = encode(batch, normalize=False)
        return encoded

    all_in_one = Split(whole, lambda features_NF: features_NF, ())
    if parts is None:
        return all_in_one
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        expected, found = whole(example), parts.project(parts.features(example))
    except RuntimeError:  # shapes that do not fit: the tower does more than these parts
        return all_in_one
    finally:
        for module, training in modes.items():
            module.training = training
    if expected.shape != found.shape:
        return all_in_one
    is_equal = (expected - found).norm() <= _CLOSE * expected.norm()
    return parts if is_equal else all_in_one


def _image_parts(model: Any) -> Split | None:
    tower = model.visual
    if hasattr(tower, "trunk"):
        return _parts_of_timm(tower)
    if isinstance(getattr(tower, "proj", None), torch.nn.Parameter):
        return Split(
            lambda images_NCHW: unprojected(tower, images_NCHW),
            lambda features_NF: features_NF @ tower.proj,
            ("visual.proj",),
        )
    projection = getattr(getattr(tower, "attnpool", None), "c_proj", None)
    if isinstance(projection, torch.nn.Linear):
        return _parts_of_resnet(tower, projection)
    return None


def _parts_of_timm(tower: Any) -> Split | None:
    # `unprojected` has pooled already.
    children = [(name, each) for name, each in tower.head.named_children() if name != "pool"]
    prefix, head = "visual.head", [child for _, child in children]
    if not head:
        classifier = tower.trunk.get_classifier()
        name = next((name for name, each in tower.trunk.named_modules() if each is classifier), "")
        prefix, head = f"visual.trunk.{name}", [classifier]
        children = [("", classifier)]
    project = torch.nn.Sequential(*head)
    names = tuple(
        ".".join(filter(None, (prefix, name, parameter)))
        for name, child in children
        for parameter, _ in child.named_parameters()
    )
    return Split(lambda images_NCHW: unprojected(tower, images_NCHW), project, names)


def _parts_of_resnet(tower: Any, projection: torch.nn.Linear) -> Split:
    """Return the parts of a ResNet, whose attention pool projects within one call.

    A projection by the identity changes no bit: each sum has one term that is not zero.
    """
    width = projection.in_features
    identity = torch.nn.Linear(width, width, device=projection.weight.device)
    torch.nn.init.eye_(identity.weight)
    torch.nn.init.zeros_(identity.bias)
    pool, bare = copy(tower.attnpool), copy(tower)  # on the same weights
    pool._modules = {**pool._modules, "c_proj": identity.requires_grad_(False)}
    bare._modules = {**tower._modules, "attnpool": pool}
    names = tuple(f"visual.attnpool.c_proj.{name}" for name, _ in projection.named_parameters())
    return Split(bare, projection, names)


def _text_parts(model: Any) -> Split | None:
    if is_standard(model):
        return Split(
            lambda tokens_NL: text_features(model, tokens_NL),
            lambda features_NF: features_NF @ model.text_projection,
            ("text_projection",),
        )
    tower: Any = getattr(model, "text", None)
    name = next((each for each in ("text_projection", "proj") if hasattr(tower, each)), "")
    projection: Any = getattr(tower, name, None)
    if projection is None:
        return None
    bare = copy(tower)  # on the same weights
    if isinstance(projection, torch.nn.Parameter):
        bare._parameters = {**bare._parameters, name: None}
        return Split(
            lambda tokens_NL: _first(bare(tokens_NL)),
            lambda features_NF: features_NF @ projection,
            (f"text.{name}",),
        )
    # open_clip asks whether its own is None; that of a tower of transformers is always called.
    replaced = None if name == "text_projection" else torch.nn.Identity()
    bare._modules = {**bare._modules, name: replaced}
    names = tuple(f"text.{name}.{each}" for each, _ in projection.named_parameters())
    return Split(lambda tokens_NL: _first(bare(tokens_NL)), projection, names)


def _first(output: Any) -> torch.Tensor:
    """Return the pooled state of a tower that may give its tokens, too, as CoCa's do."""
    first: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return first
