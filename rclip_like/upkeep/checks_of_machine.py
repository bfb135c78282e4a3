"""What this installation consists of: readers, packages and folders."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from rclip_like.errors import ConfigError, counted
from rclip_like.images.recognition import INSTALL_OCR, text_models
from rclip_like.images.support import list_support
from rclip_like.images.thumbnails import ThumbnailCache
from rclip_like.models.towers.torchvision_cure import INSTALL_TORCH, has_torch
from rclip_like.reports import Finding, problem, warning, well
from rclip_like.settings import cache_folder, data_folder
from rclip_like.store.checking import OLDEST_SQLITE, SQLITE_VERSION

_DISTRIBUTION = "clipfind"
_OPTIONAL = ("timm", "transformers", "rawpy", "av", "reverse-geocode")
"""Packages that some models and formats need, and places."""
_OF_TORCH = ("open-clip-torch", "torch", "torchvision")
_LITTLE_ROOM_BYTES = 200_000_000


def check_readers(database: Path, model: str | None) -> Iterator[Finding]:
    """Try whether the reader of each format is there; one that is optional may be missing."""
    support = list_support()
    for each in support:
        if not each.readable and each.package in _OPTIONAL:
            yield well(f"{each.format} is not read here; for it: {each.needs}")
        elif each.needs:
            yield warning(f"{each.format} cannot all be read", f"it needs {each.needs}")
    yield well(", ".join(each.format for each in support if each.readable))


def check_text(database: Path, model: str | None) -> Iterator[Finding]:
    """Tell whether text in pictures is read, and by which models."""
    models = text_models()
    if models is None:
        yield well(f"text in pictures is not read here; for it: {INSTALL_OCR}")
    else:
        version = metadata.version("rapidocr")
        yield well(f"text in pictures, by rapidocr {version} with {Path(models.rec).stem}")


def check_packages(database: Path, model: str | None) -> Iterator[Finding]:
    """Tell the versions of all that takes part; nothing heavy is imported for it."""
    yield well(f"Python {platform.python_version()}, {platform.platform()}")
    sqlite = tuple(int(number) for number in SQLITE_VERSION.split(".")[:2])
    if sqlite < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        yield problem(f"SQLite {SQLITE_VERSION}", f"install a Python with {needed}")
    else:
        yield well(f"SQLite {SQLITE_VERSION}")
    there: list[str] = []
    stated: list[str] = []
    with suppress(metadata.PackageNotFoundError):
        stated = metadata.requires(_DISTRIBUTION) or []
    found = (re.match(r"[\w.-]+", each) for each in stated if "extra ==" not in each)
    required = sorted(name[0] for name in found if name)
    if not has_torch():
        required = [name for name in required if name not in _OF_TORCH]
        yield well(
            "torch and open_clip are not installed; training, and most models but builtin, need "
            f"them: {INSTALL_TORCH}"
        )
    for name in (_DISTRIBUTION, *required):
        try:
            there.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            yield problem(f"{name} is not installed", f"python -m pip install {name}")
    for name in _OPTIONAL:
        with suppress(metadata.PackageNotFoundError):
            there.append(f"{name} {metadata.version(name)}")
    yield well(", ".join(there))


def check_folders(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the folders in use: whether they can be written, and how much room they have."""
    yield _look_at_folder("index", database.parent)
    try:
        yield _look_at_folder("data", data_folder())
    except ConfigError as error:
        yield warning(error.reason, *error.remedies)
    yield _look_at_folder("cache", cache_folder())


def check_thumbnails(database: Path, model: str | None) -> Iterator[Finding]:
    """Tell how much the cache of thumbnails holds."""
    cache = ThumbnailCache(0)
    number, size_bytes = cache.usage()
    yield well(f"{counted(number, 'thumbnail')}, {size_bytes / 1e6:,.1f} MB, in {cache.folder}")


def _look_at_folder(use: str, folder: Path) -> Finding:
    there = next((each for each in (folder, *folder.parents) if each.is_dir()), folder)
    if not os.access(there, os.W_OK):
        return warning(f"{use}: {folder} cannot be written", "check its permissions")
    free = shutil.disk_usage(there).free
    text = f"{use}: {folder}, {free / 1e9:,.1f} GB free"
    return warning(text, "make room") if free < _LITTLE_ROOM_BYTES else well(text)
