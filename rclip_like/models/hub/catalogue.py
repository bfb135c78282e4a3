"""Which architectures and published weights open_clip lists, asked once and cached as JSON."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rclip_like.errors import ModelError, Remedy
from rclip_like.models.names import canonical_name
from rclip_like.models.regular import read_cache, read_json_object, write_cache
from rclip_like.settings import cache_folder


class Published(NamedTuple):
    """Weights that open_clip lists: where they lie, and how their pictures are prepared.

    `repository` is `owner/name` on the hub, `file` the weight file there unless it has one of
    the usual names; `url` is the address of weights that lie elsewhere.
    """

    name: str
    repository: str
    file: str
    url: str
    quick_gelu: bool
    preprocessing: Mapping[str, Any]


def published() -> dict[str, Published]:
    """Return all published weights by `ARCH/TAG`, in open_clip's order.

    Asking open_clip takes seconds of imports, so its answer is cached for each of its versions.
    """
    from importlib.metadata import version

    from rclip_like.models.towers.torchvision_cure import require_torch

    require_torch("the list of open_clip's models")
    path = cache_folder() / f"open_clip-{version('open_clip_torch')}.json"
    try:
        listed = [Published(**item) for item in read_cache(path)]
    except TypeError:  # there is nothing, or another version of clipfind wrote it
        listed = _ask_open_clip()
        write_cache(path, [item._asdict() for item in listed])
    return {item.name: item for item in listed}


def is_architecture(name: str) -> bool:
    """Return whether open_clip has a configuration of that name."""
    return re.fullmatch(r"[\w.-]+", name) is not None and configuration_file(name).is_file()


def read_architecture(name: str) -> dict[str, Any]:
    """Return the `model_cfg` of one of open_clip's architectures, or raise ModelError."""
    if not is_architecture(name):
        raise ModelError(f"open_clip has no architecture {name}", Remedy.LIST_MODELS)
    return read_json_object(configuration_file(name))


def describe_architecture(name: str) -> dict[str, Any]:
    """Return `model_cfg` and `preprocess_cfg` for `ARCH` or `ARCH/TAG`, as a folder states them.

    Preprocessing belongs to the tag; without one all tags of the architecture must agree.
    Raises ModelError for unknown names and where the tag decides.
    """
    architecture, _, tag = name.partition("/")
    config = read_architecture(architecture)
    if not tag:
        tags = [item for item in published().values() if item.name.startswith(architecture + "/")]
        if any(item.preprocessing != tags[0].preprocessing for item in tags):
            names = ", ".join(item.name for item in tags)
            raise ModelError(f"{architecture} reads pictures in several ways; name one of {names}")
        return {"model_cfg": config, "preprocess_cfg": dict(tags[0].preprocessing) if tags else {}}
    found = find_published(name)
    if found.quick_gelu:
        # open_clip only warns here, and then computes something else than what was trained.
        config["quick_gelu"] = True
    return {"model_cfg": config, "preprocess_cfg": dict(found.preprocessing)}


def find_published(name: str) -> Published:
    """Return what open_clip lists under `ARCH/TAG`, the tag's case and hyphens aside.

    Raises ModelError that names the tags there are.
    """
    listed = published()
    if found := listed.get(canonical_name(name)):
        return found
    architecture = name.partition("/")[0]
    tags = [item for item in listed if item.startswith(architecture + "/")]
    if not tags:
        raise ModelError(f"open_clip lists no weights for {name}", Remedy.LIST_MODELS)
    raise ModelError(f"the name {name} is unknown; open_clip lists {', '.join(tags)}")


def configuration_file(architecture: str) -> Path:
    """Return where open_clip describes an architecture, if it has one of that name."""
    from rclip_like.models.towers.torchvision_cure import require_torch

    require_torch(f"{architecture}: looking up a name other than builtin and downloaded ones")
    package = importlib.util.find_spec("open_clip")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model_configs" / f"{architecture}.json"


def _ask_open_clip() -> list[Published]:
    from rclip_like.models.towers.torchvision_cure import import_open_clip

    open_clip, listed = import_open_clip(), []
    for architecture, tag in open_clip.list_pretrained():
        described = open_clip.get_pretrained_cfg(architecture, tag)
        repository, _, file = str(described.get("hf_hub", "")).rpartition("/")
        traits = ("mean", "std", "interpolation", "resize_mode")
        listed.append(
            Published(
                name=f"{architecture}/{tag}",
                repository=repository,
                file=file,
                url=str(described.get("url", "")),
                quick_gelu=bool(described.get("quick_gelu", False)),
                preprocessing={trait: described[trait] for trait in traits},
            )
        )
    return listed
