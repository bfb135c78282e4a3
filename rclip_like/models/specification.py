"""From a model's name or folder to all that can be read of it without loading it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rclip_like.errors import ModelError, ModelMissing, Remedy
from rclip_like.models import schema
from rclip_like.models.fingerprint import fingerprint
from rclip_like.models.hub import catalogue
from rclip_like.models.names import (
    BUILTIN,
    BUILTIN_FOLDER,
    CONFIGURATION_FILE,
    HUB_PREFIX,
    LISTED_NAMES,
    RECOMMENDED,
    TEXT_MODEL_FILE,
    TOKENIZER_FILES,
    WEIGHT_FILES,
    canonical_name,
    downloaded_folder,
    is_folder_name,
    with_weights,
)
from rclip_like.models.regular import WEIGHT_BYTES, read_json_object, require_regular
from rclip_like.settings import path_of
from rclip_like.values import Preprocessing

_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ModelSpecification(NamedTuple):
    """A model as it lies on the disk: its files, its configuration and what identifies it.

    `config` is open_clip's `model_cfg`, checked by `schema`; `described_in` is the file that it
    was read from; `dimension` is the length of an embedding; `fingerprint` covers weights,
    configuration, tokenizer and preprocessing.
    """

    name: str
    folder: Path
    weights: Path
    described_in: Path
    config: Mapping[str, Any]
    preprocessing: Preprocessing
    dimension: int
    fingerprint: str

    @property
    def context_length(self) -> int:
        """The number of tokens that the text tower reads, start and end token included."""
        return int(self.config["text_cfg"].get("context_length", 77))


def resolve(name: str | None, *, weights: Path | None = None) -> ModelSpecification:
    """Return the model that a name, a folder or an architecture with a weight file stands for.

    None and `builtin` mean the model inside the package, `./x`, `/x` and `~/x` a model folder,
    anything else a downloaded model. With `weights`, the name is an architecture of open_clip
    (`ARCH`, or `ARCH/TAG` for that tag's preprocessing) or a folder whose configuration is used.
    Raises ModelMissing when the model is not on this machine, ModelError when it is unusable.
    """
    name = name or BUILTIN
    if weights is not None:
        return _from_weights(name, path_of(str(weights)))
    if is_folder_name(name):
        folder = path_of(name)
        return _from_folder(str(folder.absolute()), folder)
    folder = BUILTIN_FOLDER if name == BUILTIN else downloaded_folder(name)
    if not (folder / CONFIGURATION_FILE).is_file():
        raise _missing(name)
    return _from_folder(canonical_name(name), folder)


def _missing(name: str) -> ModelError:
    if name == BUILTIN:
        return ModelMissing(
            "this installation comes without the built-in model",
            (Remedy.USE_ANOTHER_MODEL, RECOMMENDED),
        )
    architecture, _, tag = name.partition("/")
    is_published = name.startswith(HUB_PREFIX) or canonical_name(name) in LISTED_NAMES
    if is_published or (tag and catalogue.is_architecture(architecture)):
        return ModelMissing(f"the model {name} is not on this machine", (Remedy.USE_MODEL, name))
    if catalogue.is_architecture(name):
        return ModelError(f"{name} names an architecture but no weights", (Remedy.NAME_TAG, name))
    folder = (f"for the folder write ./{name}",) if Path(name).is_dir() else ()
    return ModelError(f"there is no model {name}", Remedy.LIST_MODELS, *folder)


def _from_folder(name: str, folder: Path) -> ModelSpecification:
    path = folder / CONFIGURATION_FILE
    described = read_configuration(path)
    return _specify(name, folder, _find_weights(name, folder), (path, described))


def _from_weights(name: str, weights: Path) -> ModelSpecification:
    if not weights.is_file():
        raise ModelError(f"there is no weight file {weights}")
    if name == BUILTIN:
        raise ModelError(
            f"{weights} are weights without an architecture", (Remedy.NAME_ARCHITECTURE, weights)
        )
    path = (path_of(name) if is_folder_name(name) else weights.parent) / CONFIGURATION_FILE
    if is_folder_name(name):
        described = read_configuration(path)
    elif "/" not in name and path.is_file():
        described = read_configuration(path)
        described["model_cfg"] = catalogue.read_architecture(name)
    else:
        described = catalogue.describe_architecture(name)
        path = catalogue.configuration_file(name.partition("/")[0])
    schema.check(described, path)
    return _specify(with_weights(name, weights), weights.parent, weights, (path, described))


def read_configuration(path: Path, named: Path | None = None) -> dict[str, Any]:
    """Return what a model folder's configuration file says, checked; raises ModelError.

    named: what errors call the file, where its own name says nothing.
    """
    try:
        described = read_json_object(path)
    except (FileNotFoundError, NotADirectoryError):
        raise _not_a_model_folder(path.parent) from None
    schema.check(described, named or path)
    return described


def _not_a_model_folder(folder: Path) -> ModelError:
    """Return the error for a folder without a configuration: what it is instead, if we know."""
    if folder.is_file():
        return ModelError(
            f"{folder} is a file, not a model folder", (Remedy.NAME_ARCHITECTURE, folder)
        )
    if (folder / "adapter_config.json").is_file():
        return ModelError(
            f"{folder} holds a LoRA adapter, not a whole model",
            "merge it into its model (peft: merge_and_unload) and save that as a model folder of "
            "open_clip",
        )
    if (folder / "config.json").is_file():
        return ModelError(
            f"{folder} is a folder of transformers, and clipfind reads those of open_clip, with "
            f"{CONFIGURATION_FILE}; many models are on the hub in both forms",
            (Remedy.USE_MODEL, "hf-hub:OWNER/NAME"),
        )
    if not folder.exists():
        return ModelError(
            f"{folder}: no such folder, so no such model", (Remedy.USE_ANOTHER_MODEL, BUILTIN)
        )
    return ModelError(f"{folder} is not a model folder: it has no {CONFIGURATION_FILE}")


def _find_weights(name: str, folder: Path) -> Path:
    for file in WEIGHT_FILES:
        path = folder / file
        if path.is_file():
            return path
        if path.is_symlink() and not path.exists():
            raise ModelMissing(
                f"the weights of {name} have gone from {path.readlink()}, where {path} leads",
                *(() if is_folder_name(name) else ((Remedy.FETCH_MODEL, name),)),
            )
    raise ModelError(f"{folder} holds no weights: {WEIGHT_FILES[0]} is missing")


def _specify(
    name: str, folder: Path, weights: Path, configuration: tuple[Path, Mapping[str, Any]]
) -> ModelSpecification:
    """Return a model by its checked configuration, with the file that this was read from."""
    path, described = configuration
    config = described["model_cfg"]
    preprocessing = _preprocessing(config, described.get("preprocess_cfg") or {})
    text = config["text_cfg"]
    if text.get("hf_tokenizer_name") or text.get("hf_model_name"):
        from rclip_like.models import foreign  # most models have nothing of another library

        foreign.check(folder, text)
    # The files beside the weights on which the embedding of a text depends.
    names = (*TOKENIZER_FILES, TEXT_MODEL_FILE) if text.get("hf_tokenizer_name") else ()
    text_files = [folder / name for name in names if (folder / name).is_file()]
    try:
        require_regular(weights, WEIGHT_BYTES)
        identity = fingerprint(weights, config, preprocessing, text_files)
    except OSError as error:
        raise ModelError(f"{error.filename or weights} cannot be read: {error.strerror}") from error
    dimension = config["embed_dim"]
    return ModelSpecification(
        name, folder, weights, path, config, preprocessing, dimension, identity
    )


def _preprocessing(config: Mapping[str, Any], stated: Mapping[str, Any]) -> Preprocessing:
    size = config["vision_cfg"].get("image_size", 224)
    given = {key: value for key, value in stated.items() if value is not None}
    interpolation = given.get("interpolation", "bicubic")
    mean = [float(value) for value in given.get("mean", _CLIP_MEAN)]
    std = [float(value) for value in given.get("std", _CLIP_STD)]
    return Preprocessing(
        size=size if isinstance(size, int) else size[0],
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        # Training varies it by "random"; open_clip then searches with this one.
        interpolation="bicubic" if interpolation == "random" else interpolation,
        resize_mode=given.get("resize_mode", "shortest"),
        fill_color=given.get("fill_color", 0),
    )
