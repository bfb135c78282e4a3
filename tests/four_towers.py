"""Tiny models of the architectures that open_clip builds, with random weights."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.train.folder import save_model_folder
from rclip_like.values import Preprocessing

_VIT = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16}
_TIMM = {"timm_model_name": "tf_efficientnet_lite0", "timm_model_pretrained": False}
_TIMM |= {"timm_pool": "", "image_size": 32}
_TEXT = {"context_length": 16, "width": 16, "heads": 2, "layers": 2}
KINDS: dict[str, dict[str, Any]] = {
    "vit": {"vision_cfg": _VIT},
    "quick gelu": {"vision_cfg": _VIT, "quick_gelu": True},
    "resnet": {"vision_cfg": {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8}},
    "timm": {"vision_cfg": _TIMM | {"timm_proj": "linear", "timm_proj_bias": True}},
    "custom text": {"vision_cfg": _VIT, "text_cfg": {"proj_bias": True}, "custom_text": True},
}
PREPROCESSING = Preprocessing(32, (0.3, 0.4, 0.5), (0.2, 0.25, 0.3), "bilinear", "squash")


def tiny_config(kind: str, vocabulary: int = 49_408) -> dict[str, Any]:
    """Return the `model_cfg` of a kind; embeddings have 16 numbers."""
    described = deepcopy(KINDS[kind])
    text = _TEXT | {"vocab_size": vocabulary} | described.pop("text_cfg", {})
    return {"embed_dim": 16, "text_cfg": text} | described


def build(kind: str, vocabulary: int = 64) -> Any:
    """Return the model in evaluation mode, the same each time."""
    torch.manual_seed(0)
    config = tiny_config(kind, vocabulary)
    open_clip = import_open_clip()
    make = open_clip.CustomTextCLIP if config.pop("custom_text", False) else open_clip.CLIP
    model = make(**config).eval()
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):  # zeros would hide whether they are used
            value.normal_(0, 0.1)
    return model


def save(kind: str, folder: Path) -> Path:
    """Write a model folder of this kind, with a preprocessing unlike any default, and return it."""
    save_model_folder(folder, build(kind, 49_408), tiny_config(kind), PREPROCESSING)
    return folder
