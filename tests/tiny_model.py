"""A tiny seeded CLIP in a real model folder, made with NumPy alone and the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

VOCABULARY = 49_408
WIDTH = 32
DIMENSION = 32


def make_tiny_model(
    folder: Path,
    seed: int = 0,
    *,
    image_size: int = 32,
    layers: int = 2,
    dtype: str = "float32",
    **overrides: Any,
) -> Path:
    """Write a model folder with random weights and return it.

    Two towers of `layers` layers and width 32, embeddings of length 32, patches of 16 pixels,
    context of 32 tokens. overrides: more keys for `model_cfg`, `quick_gelu` for instance.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    tensors = _image_tower(random, image_size, layers) | _text_tower(random, layers)
    tensors["logit_scale"] = np.array(np.log(1 / 0.07), dtype=np.float32)
    save_file(
        {name: tensor.astype(dtype) for name, tensor in tensors.items()},
        folder / "open_clip_model.safetensors",
    )
    config = tiny_config(image_size, layers) | overrides
    described = {"model_cfg": config, "preprocess_cfg": {"interpolation": "bicubic"}}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return folder


def tiny_config(image_size: int = 32, layers: int = 2) -> dict[str, Any]:
    """Return the `model_cfg` of the tiny model."""
    image = {"image_size": image_size, "layers": layers, "width": WIDTH, "head_width": 16}
    text = {"context_length": 32, "vocab_size": VOCABULARY, "heads": 2, "layers": layers}
    return {
        "embed_dim": DIMENSION,
        "vision_cfg": image | {"patch_size": 16},
        "text_cfg": text | {"width": WIDTH},
    }


def captioning_config() -> dict[str, Any]:
    """Return the `model_cfg` of a tiny model that writes captions, too, as CoCa's are described."""
    config = tiny_config()
    towers = {name: config[name] | {"output_tokens": True} for name in ("vision_cfg", "text_cfg")}
    return config | towers | {"multimodal_cfg": {"width": WIDTH}, "custom_text": True}


def _image_tower(random: np.random.Generator, size: int, layers: int) -> dict[str, np.ndarray]:
    patches = (size // 16) ** 2
    tensors = {
        "visual.conv1.weight": random.normal(0, 0.05, (WIDTH, 3, 16, 16)),
        "visual.class_embedding": random.normal(0, 0.2, WIDTH),
        "visual.positional_embedding": random.normal(0, 0.2, (patches + 1, WIDTH)),
        "visual.proj": random.normal(0, WIDTH**-0.5, (WIDTH, DIMENSION)),
    }
    for name in ("visual.ln_pre", "visual.ln_post"):
        tensors |= _gain_and_bias(random, name)
    return tensors | _transformer(random, "visual.transformer", layers)


def _text_tower(random: np.random.Generator, layers: int) -> dict[str, np.ndarray]:
    tensors = {
        "token_embedding.weight": random.normal(0, 0.5, (VOCABULARY, WIDTH)),
        "positional_embedding": random.normal(0, 0.1, (32, WIDTH)),
        "text_projection": random.normal(0, WIDTH**-0.5, (WIDTH, DIMENSION)),
    }
    tensors |= _gain_and_bias(random, "ln_final")
    return tensors | _transformer(random, "transformer", layers)


def _transformer(random: np.random.Generator, prefix: str, layers: int) -> dict[str, np.ndarray]:
    tensors: dict[str, np.ndarray] = {}
    for layer in range(layers):
        block = f"{prefix}.resblocks.{layer}"
        for name in ("ln_1", "ln_2"):
            tensors |= _gain_and_bias(random, f"{block}.{name}")
        for name, rows, columns in (
            ("attn.in_proj_", 3 * WIDTH, WIDTH),
            ("attn.out_proj.", WIDTH, WIDTH),
            ("mlp.c_fc.", 4 * WIDTH, WIDTH),
            ("mlp.c_proj.", WIDTH, 4 * WIDTH),
        ):
            shape = (rows, columns)
            tensors[f"{block}.{name}weight"] = random.normal(0, columns**-0.5, shape)
            tensors[f"{block}.{name}bias"] = random.normal(0, 0.02, rows)
    return tensors


def _gain_and_bias(random: np.random.Generator, name: str) -> dict[str, np.ndarray]:
    return {
        f"{name}.weight": random.normal(1, 0.1, WIDTH),
        f"{name}.bias": random.normal(0, 0.1, WIDTH),
    }
