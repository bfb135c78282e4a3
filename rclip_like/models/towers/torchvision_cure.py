"""The one way to torch and open_clip, past a torchvision that was built for another torch."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from rclip_like.errors import ModelError
from rclip_like.files import make_folder
from rclip_like.settings import cache_folder
from rclip_like.telemetry import switch_off

INSTALL_TORCH = "python -m pip install torch torchvision open_clip_torch"

_MISSING_OPERATOR = "operator torchvision::"
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []
"""Keeps the operator library alive: torch forgets its operators when it is collected."""


def has_torch() -> bool:
    """Return whether torch and open_clip are installed; nothing is imported for it."""
    return all(map(importlib.util.find_spec, ("torch", "torchvision", "open_clip")))


def require_torch(needing: str) -> None:
    """Raise ModelError where torch or open_clip is missing: what needs them, how to get them."""
    if not has_torch():
        raise ModelError(
            f"{needing} needs torch and open_clip, which are not installed",
            f"install them with: {INSTALL_TORCH}",
        )


def import_open_clip() -> ModuleType:
    """Return the open_clip module; call this before timm, transformers or peft as well.

    A torchvision linked to CUDA beside a torch for the CPU fails to import because its compiled
    operators are not loaded. Only then two of them are declared without a body, which is all that
    its Python side asks for; nothing here ever calls them.
    """
    switch_off()
    # Torchvision's import makes a folder for compiled code, among temporary files unless named.
    if "TORCHINDUCTOR_CACHE_DIR" not in os.environ:
        with suppress(OSError):  # then it may stay there
            make_folder(folder := cache_folder() / "torch")
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING_OPERATOR not in str(error):
            raise
        torch: Any = importlib.import_module("torch")
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "DEF")
        library.define("nms" + _SIGNATURE)
        library.define("qnms" + _SIGNATURE)
        _declared.append(library)
    return importlib.import_module("open_clip")
