"""Published models become model folders on this machine, fetched from the hub when asked for."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.errors import DownloadError, ModelError, Remedy
from rclip_like.files import close_tree, make_folder
from rclip_like.models.hub import catalogue
from rclip_like.models.names import (
    BUILTIN,
    CONFIGURATION_FILE,
    HUB_PREFIX,
    SOURCE_FILE,
    TEXT_MODEL_FILE,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    canonical_name,
    downloaded_folder,
    draft_folder,
    is_folder_name,
    is_whole,
)
from rclip_like.models.specification import read_configuration, resolve
from rclip_like.settings import cache_folder, is_offline
from rclip_like.telemetry import switch_off

if TYPE_CHECKING:
    from rclip_like.models.hub.cache import RemoteFile
    from rclip_like.models.hub.client import Hub

DEFAULT_ENDPOINT = "https://huggingface.co"

_SAFE_WEIGHTS = WEIGHT_FILES[0]
_MAX_CONFIGURATION_BYTES = 1 << 20
_HUB_SWITCHES = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_SYMLINKS_WARNING": "1",
    "HF_HUB_VERBOSITY": "critical",
}
"""Variables that huggingface_hub reads at its import; with them it prints nothing."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download is: bytes here of bytes in all, and the file in hand."""

    name: str
    done_bytes: int
    total_bytes: int


class _Plan(NamedTuple):
    """What a model folder is made of: files to fetch by their name there, and its configuration."""

    weights: str
    files: Mapping[str, RemoteFile]
    described: Mapping[str, Any]


def download(
    name: str,
    *,
    on_progress: Callable[[DownloadProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    endpoint: str | None = None,
    offline: bool = False,
) -> Path:
    """Return the model folder of `ARCH/TAG` or `hf-hub:owner/name`, fetching it unless it is here.

    Files come from huggingface_hub's cache or go into it. What the cache has is not fetched again;
    offline, or with HF_HUB_OFFLINE set, nothing else is used. endpoint: the hub's address (default:
    HF_ENDPOINT, else Hugging Face). An interrupted download goes on where it stopped; every file is
    checked against the digest that the hub states; the folder appears whole or not at all. on_note
    is called for a damaged file in the cache. Raises DownloadError when the network, the hub or the
    content fails, ModelError for other names.
    """
    folder = downloaded_folder(name)
    if is_whole(folder):
        return folder
    _refuse_other_names(name)
    switch_off()
    os.environ.update(_HUB_SWITCHES | os.environ)
    from rclip_like.models.hub.client import Hub, lock

    address = (endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    hub = Hub(address, offline=offline or is_offline(), on_note=on_note or (lambda said: None))
    if hub.is_empty:  # both are asked before open_clip's list, whose first reading takes seconds
        raise _lacking(name, hub, "nothing")
    hub.require_name()
    try:
        with lock(cache_folder() / f"{folder.name}.lock"):
            if not is_whole(folder):
                _gather(name, hub, on_progress or (lambda progress: None))
    except OSError as error:
        raise DownloadError(
            f"{error.filename or folder}: cannot be written ({error.strerror}); make room there, "
            "and try again"
        ) from error
    return folder


def _gather(name: str, hub: Hub, on_progress: Callable[[DownloadProgress], None]) -> None:
    """Fetch a model's files and make its folder of them.

    Weights are linked, or turned into safetensors; the rest is copied.
    """
    plan = _plan(name, hub)
    folder, draft = downloaded_folder(name), draft_folder(name)
    shutil.rmtree(draft, ignore_errors=True)
    make_folder(draft)
    files = [
        {"name": file, "url": hub.url(it), "digest": it.digest, "cache": str(it.cache)}
        for file, it in plan.files.items()
    ]
    source = {"name": canonical_name(name), "files": files}
    # It comes first, so that a half download can be removed.
    (draft / SOURCE_FILE).write_text(json.dumps(source, indent=2))
    for file, path in _fetch_all(plan, hub, on_progress).items():
        if file != plan.weights:
            (draft / file).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, draft / file)
        elif file.endswith(".safetensors"):
            _link(path.resolve(), draft / _SAFE_WEIGHTS)
        else:
            from rclip_like.models.towers.torch_model import convert_checkpoint

            convert_checkpoint(path, draft / _SAFE_WEIGHTS)
    (draft / CONFIGURATION_FILE).write_text(json.dumps(plan.described, indent=2))
    try:
        resolve(str(draft.absolute()))
    except ModelError as error:
        reason = f"{name} cannot be used: {error.reason}"
        raise DownloadError(reason, *error.remedies) from error
    shutil.rmtree(folder, ignore_errors=True)  # where weights have gone from the cache
    close_tree(draft)
    os.replace(draft, folder)


def _refuse_other_names(name: str) -> None:
    if is_folder_name(name) or name == BUILTIN:
        raise ModelError(f"{name} is not a model of a hub, so it cannot be downloaded")
    if name.startswith(HUB_PREFIX):
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name.removeprefix(HUB_PREFIX)):
            raise ModelError(f"{name} is not a name on the hub; write hf-hub:OWNER/NAME")
    elif "/" not in name:
        folder = (f"for the folder write ./{name}",) if Path(name).is_dir() else ()
        raise ModelError(f"{name} names no weights", "write ARCH/TAG", Remedy.LIST_MODELS, *folder)


def _plan(name: str, hub: Hub) -> _Plan:
    """Return what to fetch, after asking the hub for its files, their sizes and digests."""
    if name.startswith(HUB_PREFIX):
        there = hub.list_files(name.removeprefix(HUB_PREFIX))
        described = _read_configuration(name, hub, there)
        wanted = list(WEIGHT_FILES)
    else:
        published = catalogue.find_published(name)
        there = hub.list_files(published.repository)
        described = catalogue.describe_architecture(name)
        stem = published.file.rpartition(".")[0]
        wanted = [f"{stem}.safetensors", published.file] if stem else list(WEIGHT_FILES)
    weights = next((file for file in wanted if file in there), None)
    if weights is None:
        raise _lacking(name, hub, wanted[0])
    return _Plan(weights, {weights: there[weights]} | _text_files(name, hub, described), described)


def _lacking(name: str, hub: Hub, file: str) -> DownloadError:
    """Return the error for a model of which the hub, or offline the cache, lacks something."""
    if hub.is_offline:
        return DownloadError(
            f"the model {name} is not on this machine and cannot be fetched offline",
            Remedy.GO_ONLINE,
        )
    return DownloadError(f"{name} is not an open_clip model: the hub has no {file} of it")


def _read_configuration(name: str, hub: Hub, there: Mapping[str, RemoteFile]) -> dict[str, Any]:
    """Return what a repository of open_clip's form says of its model."""
    file = there.get(CONFIGURATION_FILE)
    if file is None:
        raise _lacking(name, hub, CONFIGURATION_FILE)
    if file.size_bytes > _MAX_CONFIGURATION_BYTES:
        raise DownloadError(
            f"the {CONFIGURATION_FILE} of {name} has {file.size_bytes:,} bytes, too many to be a "
            "configuration; choose another model"
        )
    path = hub.take(file, lambda count: None)
    try:
        return read_configuration(path, Path(CONFIGURATION_FILE))
    except ModelError as error:
        reason = f"{name} cannot be used: {error.reason}"
        raise DownloadError(reason, *error.remedies) from error


def _text_files(name: str, hub: Hub, described: Mapping[str, Any]) -> dict[str, RemoteFile]:
    """Return the files of a foreign tokenizer and the configuration of a foreign text model."""
    text = described["model_cfg"].get("text_cfg") or {}
    tokenizer, model = text.get("hf_tokenizer_name"), text.get("hf_model_name")
    if hub.is_offline and (tokenizer or model):  # the cache may have some of these files only
        raise _lacking(name, hub, "tokenizer")
    files: dict[str, RemoteFile] = {}
    if tokenizer:
        there = hub.list_files(tokenizer)
        files |= {file: there[file] for file in TOKENIZER_FILES if file in there}
    if model:
        there = hub.list_files(model)
        files |= {TEXT_MODEL_FILE: there["config.json"]} if "config.json" in there else {}
    return files


def _fetch_all(
    plan: _Plan, hub: Hub, on_progress: Callable[[DownloadProgress], None]
) -> dict[str, Path]:
    """Return where each of the plan's files lies in the hub's cache."""
    hub.require_room(plan.files.values())
    total_bytes = sum(file.size_bytes for file in plan.files.values())
    before_bytes, paths = 0, {}
    for name, file in plan.files.items():

        def tell(count: int, name: str = name, before: int = before_bytes) -> None:
            on_progress(DownloadProgress(name, before + count, total_bytes))

        paths[name] = hub.take(file, tell)
        before_bytes += file.size_bytes
    return paths


def _link(content: Path, path: Path) -> None:
    """Give a large file a second name, or copy it where no link can be made."""
    for link in (os.link, os.symlink):
        try:
            link(content, path)
        except OSError:  # another disk, a file system or a Windows without links
            continue
        return
    shutil.copyfile(content, path)
