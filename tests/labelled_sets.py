"""Small labelled sets of drawn pictures on disk, and what is read from a set."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from drawn_pairs import draw_picture

from rclip_like.data.sets import Example, PictureSet
from rclip_like.values import Trouble


def write_files(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write files by their paths in the folder, text as UTF-8, and return the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_classes(folder: Path, labels: Sequence[str], each: int = 2) -> Path:
    """Write a folder a label with so many different pictures each, and return the outer one."""
    files = {
        f"{label}/{number}.png": draw_picture(number + each * position)
        for position, label in enumerate(labels)
        for number in range(each)
    }
    return write_files(folder, files)


def labelled(pictures: PictureSet) -> list[tuple[str, str | None]]:
    """Return the names of the examples, without folders, and their labels."""
    return [(os.path.basename(each.name), each.label) for each in examples_of(pictures)]


def captioned_names(pictures: PictureSet) -> list[tuple[str, tuple[str, ...]]]:
    """Return the names of the examples, without folders, and their captions."""
    return [(os.path.basename(each.name), each.captions) for each in examples_of(pictures)]


def examples_of(pictures: PictureSet) -> list[Example]:
    """Return the examples that can be used."""
    return [each for each in pictures.examples() if isinstance(each, Example)]


def troubles_of(pictures: PictureSet) -> list[tuple[str, str]]:
    """Return what cannot be used, by its name without folders, and why."""
    return named(each for each in pictures.examples() if isinstance(each, Trouble))


def named(troubles: Iterable[Trouble]) -> list[tuple[str, str]]:
    """Return the names of what is wrong, without folders, and why."""
    return [(os.path.basename(os.fsdecode(each.path)), each.reason) for each in troubles]
