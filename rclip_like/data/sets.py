"""Labelled and captioned sets on disk, recognised by what is there."""

from __future__ import annotations

import os
from pathlib import Path

from rclip_like.data.class_names import natural_order, read_class_names, read_templates
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.folder_sets import (
    has_text_files,
    no_set,
    open_captioned_folder,
    open_class_folders,
)
from rclip_like.data.shard_sets import SHARD_ENDINGS, open_shards
from rclip_like.errors import DataError

__all__ = ["Example", "PictureSet", "open_set"]

_SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing"),
}
"""The splits by their names, and what their folders are called."""


def open_set(path: Path, *, split: str = "test") -> PictureSet:
    """Return the labelled or captioned set in a folder or file.

    A set that comes in splits, such as folders `train` and `test`, is that of the split; any other
    is the same whatever `split` says. Raises DataError when `path` does not exist or cannot be
    read, holds no set that is recognised, or has no such split.
    """
    try:
        return _open(Path(os.path.abspath(path)), split)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _open(path: Path, split: str) -> PictureSet:
    if not path.is_dir():
        if path.is_file() and path.name.endswith(SHARD_ENDINGS):
            return open_shards(path.name, [path], read_class_names(path.parent))
        raise DataError(f"{path} is neither a folder nor a tar shard")
    splits = _splits_in(path)
    folder = path
    if splits:
        folder = splits[_chosen(path, split, tuple(splits))]
    class_names = read_class_names(*dict.fromkeys((folder, path)))
    opened = _open_folder(folder, class_names)
    name = path.name if folder == path else f"{path.name}/{folder.name}"
    templates = read_templates(*dict.fromkeys((folder, path)))
    return opened._replace(name=name, templates=templates, splits=tuple(splits))


def _open_folder(folder: Path, class_names: tuple[str, ...]) -> PictureSet:
    shards = [path for path in folder.iterdir() if path.name.endswith(SHARD_ENDINGS)]
    if shards:
        shards.sort(key=lambda path: natural_order(path.name))
        return open_shards(folder.name, shards, class_names)
    if has_text_files(folder):
        return open_captioned_folder(folder, class_names)
    opened = open_class_folders(folder, class_names)
    if opened is None:
        raise no_set(folder)
    return opened


def _splits_in(folder: Path) -> dict[str, Path]:
    """Return the folders of the splits, by their names; empty where the set does not come in any.

    A single folder of that name may be a label, as of photos of trains: it is a split where there
    are no others and it holds folders or shards.
    """
    inside = {
        path.name: path for path in folder.iterdir() if path.name[:1] != "." and path.is_dir()
    }
    found = {
        split: inside[name] for split, names in _SPLITS.items() for name in names if name in inside
    }
    if len(found) == 1 and (len(inside) > 1 or not _holds_folders_or_shards(*found.values())):
        return {}
    return found


def _holds_folders_or_shards(folder: Path) -> bool:
    return any(path.is_dir() or path.name.endswith(SHARD_ENDINGS) for path in folder.iterdir())


def _chosen(path: Path, split: str, splits: tuple[str, ...]) -> str:
    """Return the split's own name for what it is called. Raises DataError if it is not there."""
    own = next((own for own, names in _SPLITS.items() if split in names), split)
    if own not in splits:
        raise DataError(f"{path} has no split {split!r}, but {' and '.join(splits)}")
    return own
