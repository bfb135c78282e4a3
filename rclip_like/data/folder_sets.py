"""Sets in folders: a folder of pictures for each label, or pictures with text files beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rclip_like.data.captions import CAPTION_ENDING, FACTS_ENDING, example_of, read_text
from rclip_like.data.class_names import name_labels, named
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.shards import ending_of
from rclip_like.values import PICTURE_EXTENSIONS, Trouble

PICTURE_ENDINGS = frozenset(os.fsdecode(ending) for ending in PICTURE_EXTENSIONS)


def pictures_in(folder: str) -> Iterator[str | Trouble]:
    """Yield the paths of all pictures in a folder and below it, in the order of their names.

    The ending of a name decides what is a picture; a folder named like one is yielded too, and
    fails when it is read. Hidden files and folders are left out, and links to folders are not
    followed. A Trouble stands for a folder that cannot be read.
    """
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if path != folder and ending_of(path) in PICTURE_ENDINGS:
            yield path
        if not is_folder:
            continue
        try:
            with os.scandir(path) as entries:
                inside = sorted(_visible(entries), reverse=True)
        except OSError as error:
            yield Trouble(os.fsencode(path), error.strerror or str(error), lasting=False)
        else:
            waiting += [(os.path.join(path, name), is_inner) for name, is_inner in inside]


def label_folders(folder: Path) -> list[Path]:
    """Return the visible folders in a folder, sorted by name, including links to folders."""
    return sorted(
        (path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()),
        key=lambda path: path.name,
    )


def open_class_folders(folder: Path, class_names: tuple[str, ...]) -> PictureSet | None:
    """Return the set of the pictures in a folder's folders, whose names are the labels.

    None if these hold no pictures. A folder without pictures gives no label. Raises DataError if
    `class_names` do not fit.
    """
    folders = label_folders(folder)
    counts = {path.name: _count(path) for path in folders}
    if not any(counts.values()):
        return None
    labels, names = name_labels(
        (name for name, count in counts.items() if count), class_names, by_order=True
    )
    strays = [
        Trouble(os.fsencode(path), "is not in a folder named by a label")
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if path.name[:1] != "." and ending_of(path.name) in PICTURE_ENDINGS and path.is_file()
    ]

    def examples() -> Iterator[Example | Trouble]:
        yield from strays
        for path in folders:
            if path.name not in names:
                reason = (
                    "is not named in classnames.txt" if counts[path.name] else "holds no pictures"
                )
                yield Trouble(os.fsencode(path), f"{reason}, and gives no label")
                continue
            label = names[path.name]
            for picture in pictures_in(str(path)):
                yield picture if isinstance(picture, Trouble) else Example(picture, label=label)

    total = sum(count for name, count in counts.items() if name in names)
    return PictureSet(folder.name, labels, (), examples, total)


def open_captioned_folder(folder: Path, class_names: tuple[str, ...]) -> PictureSet | None:
    """Return the set of a folder's pictures with the text files beside them.

    These are KEY.txt with one caption per line, and KEY.json with a label. None unless more than
    half of the pictures have either. Raises DataError if `class_names` do not fit.
    """
    found, total, num_described = set[str](), 0, 0
    for path in pictures_in(str(folder)):
        if isinstance(path, Trouble):
            continue
        total += 1
        captions, facts = (os.path.lexists(each) for each in _beside(path).values())
        num_described += captions or facts
        example = find_beside(path, (FACTS_ENDING,)) if facts else None
        if isinstance(example, Example) and example.label is not None:
            found.add(example.label)
    if 2 * num_described <= total:
        return None
    labels, names = name_labels(found, class_names) if found else ((), {})

    def examples() -> Iterator[Example | Trouble]:
        for path in pictures_in(str(folder)):
            example = path if isinstance(path, Trouble) else find_beside(path)
            yield named(example, names)

    return PictureSet(folder.name, labels, (), examples, total)


def find_beside(
    picture: str, endings: tuple[str, ...] = (CAPTION_ENDING, FACTS_ENDING)
) -> Example | Trouble:
    """Return a picture with the captions and the label from its text files with these endings.

    Returns a Trouble if it has no such file, and if one cannot be used.
    """
    paths = {ending: path for ending, path in _beside(picture).items() if ending in endings}
    texts = {}
    for ending, path in paths.items():
        text = read_text(Path(path))
        if isinstance(text, Trouble):
            return text
        if text is not None:
            texts[ending] = text
    if not texts:
        name = os.path.basename(paths[endings[0]])
        return Trouble(os.fsencode(picture), f"has no {name} beside it")
    return example_of(picture, texts, paths)


def _beside(picture: str) -> dict[str, str]:
    stem = os.path.splitext(picture)[0]
    return {ending: stem + ending for ending in (CAPTION_ENDING, FACTS_ENDING)}


def _visible(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, bool]]:
    """Yield the names of pictures and folders that are not hidden, and whether each is a folder."""
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if not entry.name.startswith(".") and (
            is_folder or ending_of(entry.name) in PICTURE_ENDINGS
        ):
            yield entry.name, is_folder


def _count(folder: Path) -> int:
    return sum(isinstance(path, str) for path in pictures_in(str(folder)))
