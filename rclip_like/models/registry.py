"""Which models there are: the built-in one, those on this machine, and those worth fetching."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclip_like.errors import ModelError, ModelMissing
from rclip_like.models import catalogue
from rclip_like.models.download import SOURCE_FILE, draft_folder
from rclip_like.models.specification import (
    BUILTIN,
    BUILTIN_FOLDER,
    CONFIGURATION_FILE,
    RECOMMENDED,
    downloaded_folder,
    is_folder_name,
    resolve,
)
from rclip_like.settings import data_folder


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model as `models list` shows it.

    `state` is `built in`, `downloaded` or `can be downloaded`; `size_bytes` is what it takes on
    the disk, or None where only the hub knows.
    """

    name: str
    state: str
    size_bytes: int | None = None
    licence: str = ""
    good_for: str = ""


WORTH_FETCHING = (
    KnownModel(
        RECOMMENDED,
        "can be downloaded",
        605_000_000,
        "MIT",
        "a full CLIP: names, scenes, actions and styles that builtin does not know",
    ),
    KnownModel(
        "MobileCLIP2-S0/dfndr2b",
        "can be downloaded",
        300_000_000,
        "Apple's research licence (apple-amlr)",
        "a full CLIP that is smaller and quicker",
    ),
    KnownModel(
        "ViT-B-32-SigLIP2-256/webli",
        "can be downloaded",
        1_510_000_000,
        "Apache-2.0",
        "queries in many languages; needs the package transformers",
    ),
)


def list_models(*, everything: bool = False) -> list[KnownModel]:
    """Return the models on this machine, then those worth fetching, each once.

    everything: all that open_clip publishes after them, which takes seconds the first time.
    """
    known = [*_built_in(), *_downloaded(), *WORTH_FETCHING]
    if everything:
        known += [KnownModel(name, "can be downloaded") for name in catalogue.published()]
    return list({model.name: model for model in reversed(known)}.values())[::-1]


def show(name: str) -> dict[str, Any]:
    """Return what is known of a model, ready for JSON.

    Of a model on this machine everything; of one that can be downloaded what open_clip and the
    list of recommended ones say. Raises ModelError for a name that is neither.
    """
    try:
        specification = resolve(name)
    except ModelMissing:
        return _show_published(name)
    preprocessing = specification.preprocessing
    return _advice(name) | {
        "name": specification.name,
        "state": "built in" if name == BUILTIN else "on this machine",
        "folder": str(specification.folder),
        "size_bytes": _size_bytes(specification.folder),
        "dimension": specification.dimension,
        "picture_size": preprocessing.size,
        "resize_mode": preprocessing.resize_mode,
        "fingerprint": specification.fingerprint,
        "source": _source(specification.folder).get("files", []),
    }


def remove(name: str) -> int:
    """Delete a downloaded model, also one that is only half here; return the bytes freed.

    Its rows stay in every index. Raises ModelError for other models than downloaded ones, and
    for an empty name.
    """
    if name == BUILTIN or is_folder_name(name):
        raise ModelError(f"{name} was not downloaded by clipfind; remove it by other means")
    places = (downloaded_folder(name), draft_folder(name))
    there = [place for place in places if place.is_dir()]
    if not there:
        raise ModelMissing(f"the model {name} is not on this machine")
    freed = sum(_size_bytes(place) for place in there)
    for place in there:
        shutil.rmtree(place)
    return freed


def _built_in() -> list[KnownModel]:
    if not (BUILTIN_FOLDER / CONFIGURATION_FILE).is_file():
        return []
    size_bytes = _size_bytes(BUILTIN_FOLDER)
    return [KnownModel(BUILTIN, "built in", size_bytes, "see its card", "everyday words, at once")]


def _downloaded() -> list[KnownModel]:
    """Return the downloaded models by name; folders without a configuration are not finished."""
    folders = sorted((data_folder() / "models").glob("[!.]*/" + CONFIGURATION_FILE))
    return [_describe(place.parent) for place in folders]


def _describe(folder: Path) -> KnownModel:
    name = str(_source(folder).get("name") or folder)
    advice = _advice(name)
    return KnownModel(
        name,
        "downloaded",
        _size_bytes(folder),
        str(advice.get("licence", "")),
        str(advice.get("good_for", "")),
    )


def _show_published(name: str) -> dict[str, Any]:
    shown = {"name": name, "state": "can be downloaded"} | _advice(name)
    if name in catalogue.published():
        published = catalogue.find_published(name)
        shown |= {"repository": published.repository, **published.preprocessing}
    return shown


def _advice(name: str) -> dict[str, Any]:
    for model in WORTH_FETCHING:
        if model.name == name:
            return {
                "size_bytes": model.size_bytes,
                "licence": model.licence,
                "good_for": model.good_for,
            }
    return {}


def _source(folder: Path) -> Mapping[str, Any]:
    try:
        source = json.loads((folder / SOURCE_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return source if isinstance(source, dict) else {}


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
