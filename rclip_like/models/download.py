"""Published models become model folders on this machine, fetched from the hub when asked for."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rclip_like.errors import DownloadError, ModelError
from rclip_like.models import catalogue
from rclip_like.models.catalogue import HUB_PREFIX, canonical_name
from rclip_like.models.specification import (
    BUILTIN,
    CONFIGURATION_FILE,
    TEXT_MODEL_FILE,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    downloaded_folder,
    is_folder_name,
    resolve,
)
from rclip_like.models.transfer import RemoteFile, fetch, read_json, require_name
from rclip_like.settings import is_offline

DEFAULT_ENDPOINT = "https://huggingface.co"
SOURCE_FILE = "source.json"

_SAFE_WEIGHTS = WEIGHT_FILES[0]


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is: bytes here of bytes in all, and the file in hand."""

    name: str
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a model folder is made of: files to fetch by their name there, and its configuration."""

    weights: str
    files: Mapping[str, RemoteFile]
    described: Mapping[str, Any] = field(default_factory=dict)


def download(
    name: str,
    *,
    on_progress: Callable[[DownloadProgress], None] | None = None,
    endpoint: str | None = None,
    offline: bool = False,
) -> Path:
    """Return the model folder of `ARCH/TAG` or `hf-hub:owner/name`, fetching it when it lacks.

    endpoint: the hub's address (else HF_ENDPOINT, else Hugging Face). An interrupted download
    goes on where it stopped; every file is checked against the digest that the hub states; the
    folder appears whole or not at all. Raises DownloadError when the network, the hub or the
    content fails, at once when offline or when HF_HUB_OFFLINE is set; ModelError for other names.
    """
    folder = downloaded_folder(name)
    if (folder / CONFIGURATION_FILE).is_file():
        return folder
    _refuse_other_names(name)
    if offline or is_offline():
        raise DownloadError(
            f"the model {name} is not on this machine and cannot be fetched offline; leave out "
            "--offline, or unset HF_HUB_OFFLINE"
        )
    address = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    require_name(address)  # before open_clip's list, whose first reading takes seconds
    draft = draft_folder(name)
    draft.mkdir(parents=True, exist_ok=True)
    plan = _plan(name, address)
    _fetch_all(plan, draft, on_progress or (lambda progress: None))
    _complete(canonical_name(name), plan, draft)
    os.replace(draft, folder)
    return folder


def draft_folder(name: str) -> Path:
    """Return the folder in which a model gathers while it is downloaded."""
    folder = downloaded_folder(name)
    return folder.with_name(f".{folder.name}.partial")


def _refuse_other_names(name: str) -> None:
    if is_folder_name(name) or name == BUILTIN:
        raise ModelError(f"{name} is on this machine or it is not; it cannot be downloaded")
    if name.startswith(HUB_PREFIX):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name.removeprefix(HUB_PREFIX)):
            raise ModelError(f"{name} is no name on the hub; write hf-hub:OWNER/NAME")
    elif "/" not in name:
        raise ModelError(
            f"{name} says not which weights; write ARCH/TAG (see clipfind models list)"
        )


def _plan(name: str, address: str) -> _Plan:
    """Return what to fetch, after asking the hub for its files, their sizes and digests."""
    if name.startswith(HUB_PREFIX):
        there = _list_files(address, name.removeprefix(HUB_PREFIX))
        if CONFIGURATION_FILE not in there:
            raise DownloadError(f"{name} is no open_clip model: it has no {CONFIGURATION_FILE}")
        described = read_json(there[CONFIGURATION_FILE].url)
        weights = _choose_weights(name, there, "")
    else:
        published = catalogue.find_published(name)
        there = _list_files(address, published.repository)
        described = catalogue.describe_architecture(name)
        weights = _choose_weights(name, there, published.file)
    text = (described.get("model_cfg") or {}).get("text_cfg") or {}
    return _Plan(weights, {weights: there[weights]} | _text_files(address, text), described)


def _list_files(address: str, repository: str) -> dict[str, RemoteFile]:
    listed = read_json(f"{address}/api/models/{repository}/tree/main")
    try:
        return {
            item["path"]: _remote_file(f"{address}/{repository}/resolve/main", item)
            for item in listed
            if item["type"] == "file"
        }
    except (TypeError, KeyError) as error:
        raise DownloadError(f"{address} does not answer like a model hub") from error


def _remote_file(prefix: str, item: Mapping[str, Any]) -> RemoteFile:
    large = item.get("lfs") or {}
    return RemoteFile(
        url=f"{prefix}/{item['path']}",
        name=item["path"],
        size_bytes=item["size"],
        digest=large.get("oid") or item["oid"],
        is_git_blob=not large,
    )


def _choose_weights(name: str, there: Mapping[str, RemoteFile], stated: str) -> str:
    """Return the weight file, as safetensors where there is one, as open_clip chooses."""
    wanted = [stated.rpartition(".")[0] + ".safetensors", stated] if stated else WEIGHT_FILES
    for file in wanted:
        if file in there:
            return file
    raise DownloadError(f"the hub has no weights for {name}: {wanted[0]} is missing there")


def _text_files(address: str, text: Mapping[str, Any]) -> dict[str, RemoteFile]:
    """Return the files of a foreign tokenizer and the configuration of a foreign text model."""
    files: dict[str, RemoteFile] = {}
    if text.get("hf_tokenizer_name"):
        there = _list_files(address, text["hf_tokenizer_name"])
        files |= {file: there[file] for file in TOKENIZER_FILES if file in there}
    if text.get("hf_model_name"):
        there = _list_files(address, text["hf_model_name"])
        files |= {TEXT_MODEL_FILE: there["config.json"]} if "config.json" in there else {}
    return files


def _fetch_all(plan: _Plan, draft: Path, on_progress: Callable[[DownloadProgress], None]) -> None:
    total_bytes = sum(file.size_bytes for file in plan.files.values())
    there_bytes = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    if shutil.disk_usage(draft).free < total_bytes - there_bytes:
        needed = (total_bytes - there_bytes) / 1e9
        raise DownloadError(f"{draft.parent} has no room for the {needed:.1f} GB still to come")
    done_bytes = 0
    for name, file in plan.files.items():

        def advance(count: int, name: str = name) -> None:
            nonlocal done_bytes
            done_bytes += count
            on_progress(DownloadProgress(name, done_bytes, total_bytes))

        place = draft / name
        place.parent.mkdir(exist_ok=True)
        if place.is_file() and place.stat().st_size == file.size_bytes:
            advance(file.size_bytes)
        else:
            fetch(file, place, advance)


def _complete(name: str, plan: _Plan, draft: Path) -> None:
    """Write the configuration, turn pickled weights into safetensors, and look at the result."""
    source = {
        "name": name,
        "files": [
            {"name": file, "url": remote.url, "digest": remote.digest}
            for file, remote in plan.files.items()
        ],
    }
    (draft / SOURCE_FILE).write_text(json.dumps(source, indent=2))
    if plan.weights.endswith(".safetensors"):
        os.replace(draft / plan.weights, draft / _SAFE_WEIGHTS)
    else:
        from rclip_like.models.encoder import convert_checkpoint

        convert_checkpoint(draft / plan.weights, draft / _SAFE_WEIGHTS)
        (draft / plan.weights).unlink()
    (draft / CONFIGURATION_FILE).write_text(json.dumps(plan.described, indent=2))
    resolve(str(draft.absolute()))
