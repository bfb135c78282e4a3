"""The same captioned pictures written in every layout that a set may have."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from drawn_pairs import describe, draw_picture, write_shard
from labelled_sets import write_files

Pairs = Mapping[str, tuple[bytes, Sequence[str]]]
"""Pictures and their captions by the pictures' names."""
Write = Callable[[Path, Pairs], Path]
"""Writes the pairs into a folder, and returns what is to be named as DATA."""


def drawn_pairs(number: int) -> Pairs:
    """Return drawn pictures with two captions each."""
    return {
        f"{index:03}.png": (draw_picture(index), (describe(index), f"no {index} drawn"))
        for index in range(number)
    }


def _beside(ending: str, *, whole: bool = False) -> Write:
    def write(folder: Path, pairs: Pairs) -> Path:
        return write_files(folder, _with_texts(pairs, ending, whole=whole))

    return write


def _with_texts(pairs: Pairs, ending: str, *, whole: bool = False) -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {}
    for name, (picture, captions) in pairs.items():
        files[name] = picture
        stem = name if whole else name.removesuffix(".png")
        is_json = ending.lower() == ".json"
        text = json.dumps({"captions": captions}) if is_json else "\n".join(captions)
        files[stem + ending] = text
    return files


def _table(name: str, delimiter: str, *, folder_of_pictures: str = "") -> Write:
    def write(folder: Path, pairs: Pairs) -> Path:
        lines = io.StringIO()
        writer = csv.writer(lines, delimiter=delimiter, lineterminator="\n")
        writer.writerow(["image", "caption"])
        for picture, (_, captions) in sorted(pairs.items(), reverse=True):
            writer.writerows([picture, caption] for caption in captions)
        inside = folder / folder_of_pictures
        write_files(inside, {picture: content for picture, (content, _) in pairs.items()})
        write_files(folder, {name: lines.getvalue()})
        return folder if folder_of_pictures else folder / name

    return write


def _json_lines(folder: Path, pairs: Pairs) -> Path:
    lines = [
        json.dumps({"file_name": name, "text": list(captions)})
        for name, (_, captions) in pairs.items()
    ]
    files: dict[str, bytes | str] = {name: content for name, (content, _) in pairs.items()}
    return write_files(folder, files | {"metadata.jsonl": "\n".join(lines)})


def _shard(name: str, pairs: Pairs, folder: Path, *, texts_first: bool = False) -> Path:
    folder.mkdir(exist_ok=True)
    files = _with_texts(pairs, ".txt")
    names = sorted(files, key=lambda each: (each.endswith(".txt") != texts_first, each))
    members = {
        each: content.encode() if isinstance(content := files[each], str) else content
        for each in (names if texts_first else files)
    }
    return write_shard(folder / name, members)


def _braces(folder: Path, pairs: Pairs) -> Path:
    names = list(pairs)
    for number in range(3):
        part = names[number * len(names) // 3 : (number + 1) * len(names) // 3]
        _shard(f"part-{number:03}.tar", {name: pairs[name] for name in part}, folder)
    return folder / "part-{000..002}.tar"


LAYOUTS: dict[str, Write] = {
    "txt": _beside(".txt"),
    "upper-case": _beside(".TXT"),
    "jpg.txt": _beside(".txt", whole=True),
    "caption": _beside(".caption"),
    "json": _beside(".json"),
    "csv": _table("t.csv", ","),
    "tsv": _table("t.tsv", "\t"),
    "Flickr8k": _table("captions.txt", ",", folder_of_pictures="Images"),
    "jsonl": _json_lines,
    "tar": lambda folder, pairs: _shard("a.tar", pairs, folder),
    "tar, in any order": lambda folder, pairs: _shard("a.tar", pairs, folder, texts_first=True),
    "tar.gz": lambda folder, pairs: _shard("a.tar.gz", pairs, folder),
    "braces": _braces,
}
"""How each layout is written; a new one is a line here."""
