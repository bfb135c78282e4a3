"""The model folder that training writes: configuration and weights, as open_clip reads them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from rclip_like.errors import TrainingError
from rclip_like.files import write_whole
from rclip_like.models.names import TOKENIZER_FILES
from rclip_like.models.specification import ModelSpecification
from rclip_like.train.values import TEXTS
from rclip_like.values import Preprocessing

WEIGHTS = "open_clip_model.safetensors"
CONFIGURATION = "open_clip_config.json"
PART = ".part"
"""Appended to the name of a file that is not whole yet."""
_MODE = 0o666
"""As the umask has it: a model is for whoever may read the folder."""


def save_model_folder(
    folder: Path,
    model: torch.nn.Module,
    config: Mapping[str, Any],
    preprocessing: Preprocessing,
    *,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write configuration and weights into the folder, floating tensors as `dtype`.

    The configuration comes last: a folder that has one is complete. Raises TrainingError where the
    weights cannot be written, and OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous().clone()
        for name, value in model.state_dict().items()
    }
    with write_whole(folder / WEIGHTS, _MODE, draft=WEIGHTS + PART) as draft:
        try:
            save_file(tensors, draft)
        except SafetensorError as error:  # a full disk is one, too
            raise TrainingError(f"{folder / WEIGHTS} cannot be written: {error}") from error
    with write_whole(folder / CONFIGURATION, _MODE, draft=CONFIGURATION + PART) as draft:
        draft.write_text(describe(config, preprocessing), encoding="utf-8", newline="\n")


def copy_model_folder(specification: ModelSpecification, folder: Path) -> bool:
    """Copy a model's weights and configuration as they are, so that its fingerprint stays.

    The configuration comes last, as in `save_model_folder`. Returns False, with nothing copied, for
    a model that does not lie in files of these names.
    """
    own = specification.folder
    if (specification.weights, specification.described_in) != (own / WEIGHTS, own / CONFIGURATION):
        return False
    for name in (WEIGHTS, CONFIGURATION):
        _copy(own / name, folder / name)
    return True


def save_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write what the folder says of its model, each file whole."""
    for name, text in texts.items():
        assert name in TEXTS, name
        with write_whole(folder / name, _MODE, draft=name + PART) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")


def copy_tokenizer(specification: ModelSpecification, folder: Path) -> None:
    """Copy the tokenizer's files that come with a model, if any do."""
    for name in TOKENIZER_FILES:
        if (specification.folder / name).is_file():
            _copy(specification.folder / name, folder / name)


def _copy(source: Path, path: Path) -> None:
    """Copy a file whole. Raises TrainingError, which names the copy as shutil's errors do not."""
    with write_whole(path, _MODE, draft=path.name + PART) as draft:
        try:
            shutil.copyfile(source, draft)
        except OSError as error:
            raise TrainingError(f"{path} cannot be written: {error.strerror or error}") from error


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
