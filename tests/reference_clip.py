"""open_clip's own way from files and texts to embeddings, and real photographs to encode."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from rclip_like.models.towers.torchvision_cure import import_open_clip

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field")


def save_random_model(architecture: str, folder: Path, seed: int = 0) -> Path:
    """Write a model folder of one of open_clip's architectures with random weights."""
    import torch
    from safetensors.torch import save_file

    open_clip = import_open_clip()
    torch.manual_seed(seed)
    model = open_clip.create_model(architecture, load_weights=False)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    folder.mkdir(parents=True)
    save_file(tensors, folder / "open_clip_model.safetensors")
    described = {"model_cfg": open_clip.get_model_config(architecture), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return folder


def encode_files(folder: Path, paths: Sequence[Path]) -> np.ndarray:
    """Return open_clip's unit rows for picture files, decoded in full, in float32 on the CPU."""
    import torch

    model, preprocess = import_open_clip().create_model_from_pretrained(f"local-dir:{folder}")
    batch = torch.stack([preprocess(Image.open(path)) for path in paths])
    with torch.inference_mode():
        rows: np.ndarray = model.eval().encode_image(batch, normalize=True).numpy()
    return rows


def encode_texts(folder: Path, texts: Sequence[str]) -> np.ndarray:
    """Return open_clip's unit rows for texts by its own tokenizer, in float32 on the CPU."""
    import torch

    open_clip = import_open_clip()
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(list(texts))
    with torch.inference_mode():
        rows: np.ndarray = model.encode_text(tokens, normalize=True).numpy()
    return rows


def encode(
    folder: Path, paths: Sequence[Path], texts: Sequence[str], tokenizer: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return open_clip's unit rows for picture files and for texts, the model loaded once.

    tokenizer: the model's own as open_clip loads it, where one is at hand.
    """
    import torch

    open_clip = import_open_clip()
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = tokenizer or open_clip.get_tokenizer(f"local-dir:{folder}")
    batch = torch.stack([preprocess(Image.open(path)) for path in paths])
    with torch.inference_mode():
        pictures: np.ndarray = model.eval().encode_image(batch, normalize=True).numpy()
        words: np.ndarray = model.encode_text(tokenizer(list(texts)), normalize=True).numpy()
    return pictures, words


def photos(side: int) -> np.ndarray:
    """Return three photographs squeezed into squares, uint8 (3, side, side, 3)."""
    named = [getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea")]
    return np.stack([np.asarray(Image.fromarray(each).resize((side, side))) for each in named])


def save_photos(folder: Path, suffix: str, megapixels: float | None = None) -> list[Path]:
    """Write the photographs, enlarged to so many megapixels and grained like a sensor's."""
    random = np.random.default_rng(0)
    paths = []
    for name in PHOTOS:
        photo = Image.fromarray(getattr(skimage.data, name)())
        if megapixels:
            factor = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
            size = (round(photo.width * factor) + 1, round(photo.height * factor) + 1)
            pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC), dtype=np.float32)
            pixels = pixels + random.normal(0, 3, pixels.shape)
            photo = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        paths.append(folder / f"{name}{suffix}")
        photo.save(paths[-1], quality=92)
    return paths
