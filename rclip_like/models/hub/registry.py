"""Which models there are: the built-in one, those on this machine, and a list to choose from."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from rclip_like.errors import ModelError, ModelMissing
from rclip_like.models.hub import catalogue
from rclip_like.models.names import (
    BUILTIN,
    BUILTIN_FOLDER,
    CONFIGURATION_FILE,
    HUB_PREFIX,
    MULTILINGUAL,
    PART_ENDING,
    RECOMMENDED,
    RESEARCH,
    SMALL,
    SOURCE_FILE,
    canonical_name,
    downloaded_folder,
    draft_folder,
    is_folder_name,
    is_whole,
)
from rclip_like.models.regular import read_json_object
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torchvision_cure import has_torch
from rclip_like.settings import data_folder


@dataclass(frozen=True, slots=True)
class KnownModel:
    """One model as `models list` shows it.

    `state` is `built in`, `downloaded`, `can be downloaded`, or for a model folder `folder`,
    `folder, changed` or `gone`; `size_bytes` is its size on the disk, None if that is not known.
    """

    name: str
    state: str
    size_bytes: int | None = None
    licence: str = ""
    good_for: str = ""


class Removal(NamedTuple):
    """The bytes that a removed model took, and by folder those that the hub's cache still holds."""

    freed_bytes: int
    cached_bytes: Mapping[Path, int]


LISTED = (
    KnownModel(
        RECOMMENDED,
        "can be downloaded",
        605_000_000,
        "MIT",
        "a full CLIP: names, scenes, actions and styles that builtin does not know",
    ),
    KnownModel(
        MULTILINGUAL,
        "can be downloaded",
        1_510_000_000,
        "Apache-2.0",
        "queries in many languages; needs the package transformers",
    ),
    KnownModel(
        SMALL,
        "can be downloaded",
        349_000_000,
        "Apache-2.0",
        "a full CLIP for small machines, with less to download and to hold in memory",
    ),
    KnownModel(
        RESEARCH,
        "can be downloaded",
        300_000_000,
        "Apple's research licence (apple-amlr)",
        "research only: smaller and quicker, but not recommended",
    ),
)


def list_models(*, everything: bool = False) -> list[KnownModel]:
    """Return the models on this machine, then `LISTED`, each once.

    everything: all that open_clip publishes after them, which takes seconds the first time.
    """
    models = [*downloaded(), *LISTED]
    if (BUILTIN_FOLDER / CONFIGURATION_FILE).is_file():
        size_bytes = _size_bytes(BUILTIN_FOLDER)
        built_in = KnownModel(
            BUILTIN, "built in", size_bytes, "see its card", "everyday words, at once"
        )
        models = [built_in, *models]
    if everything:
        models += [KnownModel(name, "can be downloaded") for name in catalogue.published()]
    return list({model.name: model for model in reversed(models)}.values())[::-1]


def show(name: str) -> dict[str, Any]:
    """Return the facts of a model, ready for JSON.

    For a model on this machine that is everything; for one that can be downloaded, what open_clip,
    where it is installed, and `LISTED` say. Raises ModelError for an unknown name.
    """
    try:
        specification = resolve(name)
    except ModelMissing:
        if name == BUILTIN:
            raise
        shown = {"name": canonical_name(name), "state": "can be downloaded"}
        if name.startswith(HUB_PREFIX):
            return shown  # the hub alone knows more
        if not has_torch():
            return shown | _advice(canonical_name(name))
        published = catalogue.find_published(name)
        described = {"repository": published.repository, **published.preprocessing}
        return shown | _advice(published.name) | described
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


def remove(name: str) -> Removal:
    """Delete a downloaded model, even if only half of it is here.

    Its rows stay in every index. Whole files stay in huggingface_hub's cache, where other programs
    may use them. Raises ModelError for a model that was not downloaded, and for an empty name.
    """
    if name == BUILTIN or is_folder_name(name):
        raise ModelError(f"{name} was not downloaded by clipfind, so clipfind does not remove it")
    folders = [each for each in (downloaded_folder(name), draft_folder(name)) if each.is_dir()]
    if not folders:
        raise ModelMissing(f"the model {name} is not on this machine")
    caches = {cache: None for folder in folders for cache in _caches(folder)}
    parts = [part for cache in caches for part in cache.glob(f"blobs/*{PART_ENDING}")]
    freed = [facts for folder in folders for facts in _regular(folder) if facts.st_nlink == 1]
    freed += [part.stat() for part in parts]
    for folder in folders:
        shutil.rmtree(folder)
    for part in parts:
        part.unlink()
    left = {cache: sum(facts.st_size for facts in _regular(cache)) for cache in caches}
    return Removal(
        sum(facts.st_size for facts in freed),
        {cache: size_bytes for cache, size_bytes in left.items() if size_bytes},
    )


def downloaded() -> list[KnownModel]:
    """Return the downloaded models by name; folders that are not whole can be fetched again."""
    models = []
    for path in sorted((data_folder() / "models").glob("[!.]*/" + CONFIGURATION_FILE)):
        folder = path.parent
        name = str(_source(folder).get("name") or folder)
        model = KnownModel(name, "can be downloaded", **_advice(name))
        if is_whole(folder):
            model = replace(model, state="downloaded", size_bytes=_size_bytes(folder))
        models.append(model)
    return models


def used_folders(indexed: Iterable[tuple[str, str]]) -> list[KnownModel]:
    """Return the model folders among the names and fingerprints of models that have encoded.

    A folder has changed if none of its fingerprints is that of the model that lies there now.
    """
    fingerprints: dict[str, set[str]] = {}
    for name, fingerprint in indexed:
        if is_folder_name(name):
            fingerprints.setdefault(name, set()).add(fingerprint)
    return [_used_folder(name, known) for name, known in sorted(fingerprints.items())]


def _used_folder(name: str, fingerprints: set[str]) -> KnownModel:
    try:
        specification = resolve(name)
    except ModelError:
        is_there = Path(name).expanduser().is_dir()
        return KnownModel(name, "folder, changed" if is_there else "gone")
    state = "folder" if specification.fingerprint in fingerprints else "folder, changed"
    return KnownModel(name, state, _size_bytes(specification.folder))


def licence_of(name: str) -> str:
    """Return the licence of a model that is known here, "" for any other."""
    if name == BUILTIN:
        return "MIT, with terms of its sources (see its own card)"
    return str(_advice(name).get("licence", ""))


def _advice(name: str) -> dict[str, Any]:
    """Return what `LISTED` says of a model: size, licence and what it is good for."""
    model = next((asdict(model) for model in LISTED if model.name == name), {})
    return {key: model[key] for key in ("size_bytes", "licence", "good_for") if model}


def _source(folder: Path) -> Mapping[str, Any]:
    try:
        return read_json_object(folder / SOURCE_FILE)
    except (OSError, ModelError):
        return {}


def _size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _caches(folder: Path) -> list[Path]:
    """Return the folders of huggingface_hub's cache that a model's files come from."""
    files = _source(folder).get("files")
    entries = files if isinstance(files, list) else []
    named = [file.get("cache") for file in entries if isinstance(file, dict)]
    return [Path(cache) for cache in named if isinstance(cache, str) and Path(cache).is_absolute()]


def _regular(folder: Path) -> Iterator[os.stat_result]:
    """Yield the facts of the files in a folder; a link has no room of its own."""
    for path in folder.rglob("*"):
        facts = path.lstat()
        if stat.S_ISREG(facts.st_mode):
            yield facts
