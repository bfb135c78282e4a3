"""How models are named, and where their folders and files lie."""

from __future__ import annotations

import re
from pathlib import Path

from rclip_like.errors import ModelError, Remedy
from rclip_like.settings import data_folder

BUILTIN = "builtin"
HUB_PREFIX = "hf-hub:"
BUILTIN_FOLDER = Path(__file__).resolve().parent.parent / "builtin"
RECOMMENDED = "ViT-B-32-256/datacomp_s34b_b86k"
MULTILINGUAL = "ViT-B-32-SigLIP2-256/webli"
SMALL = "PE-Core-S-16-384/meta"
RESEARCH = "MobileCLIP2-S0/dfndr2b"
LISTED_NAMES = (RECOMMENDED, MULTILINGUAL, SMALL, RESEARCH)
CONFIGURATION_FILE = "open_clip_config.json"
SOURCE_FILE = "source.json"
"""Where a downloaded model's files come from."""
PART_ENDING = ".clipfind.incomplete"
"""Ends the name of a file in the hub's cache, after its digest, while its bytes arrive."""
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)
"""In the order in which open_clip prefers them."""
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "added_tokens.json",
)
TEXT_MODEL_FILE = "text_model/config.json"
"""Where a text tower of another library is described, so that building it asks no hub."""

_WEIGHTS = " --weights "


def canonical_name(name: str) -> str:
    """Return a model's name with its tag spelt as open_clip lists it."""
    if name.startswith(HUB_PREFIX):
        return name
    architecture, slash, tag = name.partition("/")
    return architecture + slash + tag.lower().replace("-", "_")


def is_folder_name(name: str) -> bool:
    """Return whether a model is named by the path of its folder."""
    starts = name.startswith(("./", "../", "~/")) or name in (".", "..", "~")
    return starts or Path(name).is_absolute()


def downloaded_folder(name: str) -> Path:
    """Return the folder in which a downloaded model of that name lies or would lie.

    Raises ModelError for an empty name, which would stand for the folder of all of them.
    """
    if not name:
        raise ModelError("the model's name is empty", Remedy.LIST_MODELS)
    return data_folder() / "models" / re.sub(r"[/:\\]+", "--", canonical_name(name))


def draft_folder(name: str) -> Path:
    """Return the folder in which a model is put together while it is downloaded."""
    folder = downloaded_folder(name)
    return folder.with_name(f".{folder.name}.partial")


def is_whole(folder: Path) -> bool:
    """Return whether a model folder has its configuration and weights.

    Weights may be a link into the hub's cache, which may have lost them.
    """
    has_weights = any((folder / name).is_file() for name in WEIGHT_FILES)
    return has_weights and (folder / CONFIGURATION_FILE).is_file()


def with_weights(name: str, weights: Path | None) -> str:
    """Return the name of a model with a weight file of its own, if there is one."""
    return f"{name}{_WEIGHTS}{weights.absolute()}" if weights else name


def split_weights(name: str) -> tuple[str, Path | None]:
    """Return the name that `with_weights` was given, and the weight file's absolute path."""
    base, _, weights = name.partition(_WEIGHTS)
    return base, Path(weights) if weights else None
