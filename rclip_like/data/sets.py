"""Open a labelled or captioned set on disk, whose layout is recognised by its files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rclip_like.data.braces import expand_braces, has_braces
from rclip_like.data.class_names import (
    natural_order,
    read_class_names,
    read_set_type,
    read_templates,
)
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.folder_sets import (
    Sidecars,
    look_at_texts,
    open_class_folders,
    open_described_folder,
)
from rclip_like.data.options import PairOptions
from rclip_like.data.shard_sets import SHARD_ENDINGS, counted_shards, open_shards
from rclip_like.data.splits import SPLITS, chosen_split, own_name
from rclip_like.data.table_sets import JSON_ENDINGS, TABLE_ENDINGS, is_table, open_table
from rclip_like.errors import DataError, UsageError
from rclip_like.models.regular import shown
from rclip_like.values import Trouble

__all__ = ["Example", "PictureSet", "open_set"]

_ALONE = (*SHARD_ENDINGS, *TABLE_ENDINGS)
_CLEAR_ENDINGS = (".csv", ".tsv", *JSON_ENDINGS)
"""Endings that only tables have; a .txt may be anything."""
_TABLE_NAMES = ("metadata", "captions")
"""A table of one of these names describes the pictures in its folder or below."""
_BESIDE = "is not read, as pictures with texts lie beside it"
_NOT_FILES = {
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def open_set(
    path: Path, *, split: str | None = "test", options: PairOptions | None = None
) -> PictureSet:
    """Return the labelled or captioned set in a folder or file, or in shards named with braces.

    Of a set with splits, such as folders `train` and `test`, only `split` is returned; for any
    other set `split` does not matter. None stands for all lines of a table. options: None for the
    defaults, if the user has none of them. Raises DataError if `path` does not exist or cannot be
    read, holds no set of a known layout, or has no such split or column; UsageError for options
    without effect.
    """
    try:
        opened = _open(Path(os.path.abspath(path)), split, options)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if options is not None and options != PairOptions() and not opened.is_table:
        raise UsageError(f"{path} is {opened.format}, which has no columns to name")
    return opened


def _open(path: Path, split: str | None, options: PairOptions | None) -> PictureSet:
    if not path.is_dir():
        return _open_file(path, split, options)
    splits = _splits_in(path)
    folder = splits[chosen_split(path, split or "test", splits)] if splits else path
    opened = _open_folder(folder, split, options)
    return opened._replace(
        name=path.name if folder == path else f"{path.name}/{folder.name}",
        splits=tuple(splits) or opened.splits,
    )


def _open_file(path: Path, split: str | None, options: PairOptions | None) -> PictureSet:
    described = _described(path.parent)
    if has_braces(str(path)) and not os.path.lexists(path):
        opened = open_shards(path.name, _shards_named(path), described.class_names)
        return opened._replace(templates=described.templates)
    kinds = ", ".join(_ALONE)
    mode = path.stat().st_mode
    for is_kind, kind in _NOT_FILES.items():
        if is_kind(mode):
            raise DataError(f"{path} is {kind}, which is not read; name a folder or a file")
    if not path.name.lower().endswith(_ALONE):
        raise DataError(f"{path} is neither a folder, a tar shard nor a table ({kinds})")
    if path.name.lower().endswith(SHARD_ENDINGS):
        opened = open_shards(path.name, [path], described.class_names)
    else:
        opened = open_table(path, described.class_names, split, options)
    return opened._replace(templates=described.templates)


def _shards_named(pattern: Path) -> list[Path]:
    """Return the shards that a pattern stands for. Raises DataError if any is missing."""
    paths = list(dict.fromkeys(map(Path, expand_braces(str(pattern)))))  # each once
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError(
            f"{pattern} stands for {len(paths):,} shards, of which {len(missing):,} are missing; "
            f"the first is {missing[0].name}"
        )
    for path in paths:
        if not path.name.lower().endswith(SHARD_ENDINGS):
            raise DataError(f"{path} is not a tar shard ({', '.join(SHARD_ENDINGS)})")
    return paths


def _open_folder(folder: Path, split: str | None, options: PairOptions | None) -> PictureSet:
    described = _described(folder)
    shards, tables, own = _shards_and_tables_in(folder)
    sidecars = look_at_texts(folder)
    # A shard beside pictures with captions may be a copy of them.
    if shards and not sidecars.are_usual:
        shards, missing = counted_shards(folder, shards)
        opened = open_shards(folder.name, shards, described.class_names, missing)
    elif own:
        opened = open_table(own[0], described.class_names, split, options)
    else:
        opened = _open_pictures(folder, described.class_names, sidecars, tables)
        opened = _with_troubles(opened, [Trouble(os.fsencode(path), _BESIDE) for path in shards])
    return opened._replace(templates=described.templates)


def _with_troubles(opened: PictureSet, troubles: Sequence[Trouble]) -> PictureSet:
    def examples() -> Iterator[Example | Trouble]:
        yield from opened.examples()
        yield from troubles

    return opened._replace(examples=examples)


def _shards_and_tables_in(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """Return the shards, the tables, and the tables of the folder's own pictures, in order."""
    inside = [path for path in folder.iterdir() if path.name[:1] != "."]
    shards, tables = (
        sorted(
            (path for path in inside if path.name.lower().endswith(endings)),
            key=lambda path: natural_order(path.name),
        )
        for endings in (SHARD_ENDINGS, _CLEAR_ENDINGS)
    )
    own = [path for path in tables if path.stem.lower() in _TABLE_NAMES]
    # A text may be anything, and is a table if its first line names columns.
    texts = [folder / f"{name}.txt" for name in _TABLE_NAMES]
    return shards, tables, own or [path for path in texts if is_table(path)]


def _open_pictures(
    folder: Path, class_names: tuple[str, ...], sidecars: Sidecars, tables: Sequence[Path]
) -> PictureSet:
    if sidecars.are_usual:
        return open_described_folder(folder, class_names, sidecars)
    if (labelled := open_class_folders(folder, class_names)) is not None:
        if not sidecars.num_described:
            return labelled
        count = f"{sidecars.num_described:,} of {sidecars.num_pictures:,}"
        unread = f"{labelled.format} (the texts beside {count} pictures are not read)"
        return labelled._replace(format=unread)
    if sidecars.num_described:
        return open_described_folder(folder, class_names, sidecars)
    raise _no_set(folder, sidecars, tables)


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


def _no_set(folder: Path, sidecars: Sidecars, tables: Sequence[Path]) -> DataError:
    there = [
        f"{count:,} {what}{'s' * (count != 1)}"
        for count, what in (
            (sidecars.num_pictures, "picture"),
            (sidecars.num_texts, "text file"),
            (len(tables), "table"),
        )
        if count
    ]
    reason = (
        f"{folder} holds {' and '.join(there) or 'no pictures'}, but neither a folder of pictures "
        "for each label, nor captions beside the pictures (x.txt, x.jpg.txt, x.caption or x.json "
        "for x.jpg), nor tar shards, nor a table metadata.csv or captions.csv"
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
    return any(
        path.is_dir() or path.name.lower().endswith(SHARD_ENDINGS) for path in folder.iterdir()
    )
