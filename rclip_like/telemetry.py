"""Reports of use that libraries send to their makers by default, switched off before their import.

Looked at in November 2026: all packages that an installation brings along, with their compiled
parts, for such words and for what opens connections. Two of them report:

- ONNX Runtime, from 1.29 on, on Linux and macOS: device, processor, interpreter and models, while
  it runs. It writes the device's number and a queue into the user's cache folder, too. On Windows
  it tells the system, and a call stops it (`models/towers/onnx_graph.py`).
- huggingface_hub with hf_xet, when something is fetched: the packages and programs around in each
  request, and after each transfer its size and speed. transformers, tokenizers, timm and open_clip
  fetch through it, and report nothing themselves.

Others can connect, and do so only when told to: torch (distributed training, its hub), torchvision
(data sets), fsspec, tqdm, NumPy (a file given by its address). Pillow, rawpy, pi-heif, safetensors,
regex, ftfy, blake3, pathspec, rich, typer, platformdirs and sqlite-utils cannot.
"""

from __future__ import annotations

import os

SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_XET_TELEMETRY_ENABLED": "0",
}
"""Environment variables, whatever their value before: nothing is sent that nobody asked for."""


def switch_off() -> None:
    """Set the switches for this process and those that it starts from now on.

    Of a library that is imported already it changes nothing: they look when they are loaded.
    """
    for name, value in SWITCHES.items():
        if os.environ.get(name) != value:  # to set one while another thread reads is not safe
            os.environ[name] = value
