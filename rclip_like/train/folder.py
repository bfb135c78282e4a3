"""The model folder that training writes: configuration and weights, as open_clip reads them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save_file

from rclip_like.models.names import TOKENIZER_FILES
from rclip_like.models.specification import ModelSpecification
from rclip_like.values import Preprocessing

WEIGHTS = "open_clip_model.safetensors"
CONFIGURATION = "open_clip_config.json"
PART = ".part"
"""What is put after the name of a file that is not whole yet."""


def save_model_folder(
    folder: Path,
    model: torch.nn.Module,
    config: Mapping[str, Any],
    preprocessing: Preprocessing,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write configuration and weights into the folder; floating tensors are kept as `dtype`.

    The configuration comes last: a folder that has one is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }
    partial = folder / (WEIGHTS + PART)
    # Opened here first: safetensors makes its files readable by their owner alone.
    _made_anew(partial).close()
    mode = partial.stat().st_mode
    save_file(tensors, partial)
    partial.chmod(mode)
    _sync(partial)
    partial.replace(folder / WEIGHTS)
    _write_text(folder / CONFIGURATION, describe(config, preprocessing))


def copy_tokenizer(specification: ModelSpecification, folder: Path) -> None:
    """Copy the tokenizer's files that a model brings along, where it brings any."""
    for name in TOKENIZER_FILES:
        if (specification.folder / name).is_file():
            with (
                (specification.folder / name).open("rb") as source,
                _made_anew(folder / name) as copy,
            ):
                shutil.copyfileobj(source, copy)


def describe(config: Mapping[str, Any], preprocessing: Preprocessing) -> str:
    """Return the text of `open_clip_config.json`."""
    preprocess_cfg = {
        "size": preprocessing.size,
        "mode": "RGB",
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "interpolation": preprocessing.interpolation,
        "resize_mode": preprocessing.resize_mode,
        "fill_color": preprocessing.fill_color,
    }
    described = {"model_cfg": dict(config), "preprocess_cfg": preprocess_cfg}
    return json.dumps(described, indent=2) + "\n"


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(path.name + PART)
    with _made_anew(partial) as file:
        file.write(text.encode())
    _sync(partial)
    partial.replace(path)


def _made_anew(path: Path) -> BinaryIO:
    """Open a file for writing; what had its name is removed, and no link is written through."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def _sync(file: Path) -> None:
    """Have the file's content on the disk, not only in the system's memory."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
