"""Open a labelled or captioned set on disk, whose layout is recognised by its files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rclip_like.data.class_names import (
    natural_order,
    read_class_names,
    read_set_type,
    read_templates,
)
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.folder_sets import (
    open_captioned_folder,
    open_class_folders,
)
from rclip_like.data.shard_sets import SHARD_ENDINGS, counted_shards, open_shards
from rclip_like.data.splits import SPLITS, chosen_split, own_name
from rclip_like.data.table_sets import JSON_ENDINGS, TABLE_ENDINGS, open_table
from rclip_like.errors import DataError
from rclip_like.models.regular import shown

__all__ = ["Example", "PictureSet", "open_set"]

_ALONE = (*SHARD_ENDINGS, *TABLE_ENDINGS)
_CLEAR_ENDINGS = (".csv", ".tsv", *JSON_ENDINGS)
"""Endings that only tables have; a .txt may be anything."""
_METADATA = "metadata"
"""A table of this name describes the pictures in its folder."""


def open_set(path: Path, *, split: str | None = "test") -> PictureSet:
    """Return the labelled or captioned set in a folder or file.

    Of a set with splits, such as folders `train` and `test`, only `split` is returned; for any
    other set `split` does not matter. None stands for all lines of a table. Raises DataError if
    `path` does not exist or cannot be read, holds no set of a known layout, or has no such split.
    """
    try:
        return _open(Path(os.path.abspath(path)), split)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _open(path: Path, split: str | None) -> PictureSet:
    if not path.is_dir():
        return _open_file(path, split)
    splits = _splits_in(path)
    folder = splits[chosen_split(path, split or "test", splits)] if splits else path
    opened = _open_folder(folder, split)
    return opened._replace(
        name=path.name if folder == path else f"{path.name}/{folder.name}",
        splits=tuple(splits) or opened.splits,
    )


def _open_file(path: Path, split: str | None) -> PictureSet:
    if not path.is_file() or not path.name.lower().endswith(_ALONE):
        kinds = ", ".join(_ALONE)
        raise DataError(f"{path} is neither a folder, a tar shard nor a table ({kinds})")
    described = _described(path.parent)
    if path.name.lower().endswith(SHARD_ENDINGS):
        opened = open_shards(path.name, [path], described.class_names)
    else:
        opened = open_table(path, described.class_names, split)
    return opened._replace(templates=described.templates)


def _open_folder(folder: Path, split: str | None) -> PictureSet:
    described = _described(folder)
    inside = [path for path in folder.iterdir() if path.name[:1] != "."]
    inside.sort(key=lambda path: natural_order(path.name))
    shards = [path for path in inside if path.name.endswith(SHARD_ENDINGS)]
    tables = [path for path in inside if path.name.endswith(_CLEAR_ENDINGS)]
    metadata = [path for path in tables if path.stem == _METADATA]
    if shards:
        shards, missing = counted_shards(folder, shards)
        opened = open_shards(folder.name, shards, described.class_names, missing)
    elif metadata:
        opened = open_table(metadata[0], described.class_names, split)
    elif (captioned := open_captioned_folder(folder, described.class_names)) is not None:
        opened = captioned
    elif (labelled := open_class_folders(folder, described.class_names)) is not None:
        opened = labelled
    else:
        raise _no_set(folder, tables)
    return opened._replace(templates=described.templates)


class _Described(NamedTuple):
    """The class names and templates from text files in a set's folder, () where there are none."""

    class_names: tuple[str, ...]
    templates: tuple[str, ...]


def _described(folder: Path) -> _Described:
    """Return what text files describe in a folder or, for a split, in the folder above it."""
    folders = [folder]
    if own_name(folder.name) in SPLITS:
        folders.append(folder.parent)
    class_names = () if read_set_type(*folders) == "retrieval" else read_class_names(*folders)
    return _Described(class_names, read_templates(*folders))


def _no_set(folder: Path, tables: Sequence[Path]) -> DataError:
    reason = (
        f"{folder} holds neither a folder of pictures for each label, nor pictures with captions "
        "in .txt files beside them, nor tar shards, nor a table metadata.csv"
    )
    named = ", ".join(shown(path.name) for path in tables[:3])
    return DataError(
        reason, *([f"if it is a table of pictures, name {named} instead"] * bool(named))
    )


def _splits_in(folder: Path) -> dict[str, Path]:
    """Return the folders of the splits by split; empty if the set is not split.

    A single folder named like a split may be a label, such as `train` for photos of trains. It is a
    split only if it is alone and holds folders or shards.
    """
    inside = {
        path.name: path for path in folder.iterdir() if path.name[:1] != "." and path.is_dir()
    }
    found = {
        split: inside[name] for split, names in SPLITS.items() for name in names if name in inside
    }
    if len(found) == 1 and (len(inside) > 1 or not _holds_folders_or_shards(*found.values())):
        return {}
    return found


def _holds_folders_or_shards(folder: Path) -> bool:
    return any(path.is_dir() or path.name.endswith(SHARD_ENDINGS) for path in folder.iterdir())
