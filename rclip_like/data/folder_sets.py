"""Sets in folders: a folder of pictures for each label, or pictures with text files beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rclip_like.data.captions import (
    CAPTION_ENDINGS,
    FACTS_ENDING,
    PICTURE_ENDINGS,
    SIDECAR_ENDINGS,
    TextFiles,
    ending_of,
    example_of,
    no_text_beside,
    read_text,
)
from rclip_like.data.class_names import name_labels, named
from rclip_like.data.examples import Example, PictureSet
from rclip_like.values import Trouble


class Described(NamedTuple):
    """The path of a picture, and the paths of the text files beside it by ending."""

    path: str
    texts: Mapping[str, str]


class Sidecars(NamedTuple):
    """How many pictures a folder holds, and what text files there are.

    num_described: the pictures that have any; endings: theirs; labels: from JSON files.
    num_texts: the text files that may describe a picture by their ending, whether or not they do.
    """

    num_pictures: int
    num_described: int
    num_texts: int
    endings: tuple[str, ...]
    labels: frozenset[str]
    has_captions: bool

    @property
    def are_usual(self) -> bool:
        """Return whether more than half of the pictures have a text beside them."""
        return 2 * self.num_described > self.num_pictures


def walk_pictures(folder: str) -> Iterator[Described | Trouble]:
    """Yield all pictures in a folder and below it, in the order of their names.

    The ending of a name decides what is a picture; a folder named like one is yielded too, and
    fails when it is read. Hidden files and folders are left out, and links to folders are not
    followed. A Trouble stands for a folder that cannot be read.
    """
    for name in _walk(folder):
        if not isinstance(name, int):
            yield name


def _walk(folder: str) -> Iterator[Described | Trouble | int]:
    """Yield as `walk_pictures` does, and for each folder the number of its text files."""
    waiting: list[tuple[str, bool, Mapping[str, str]]] = [(folder, True, {})]
    while waiting:
        path, is_folder, texts = waiting.pop()
        if path != folder and ending_of(path) in PICTURE_ENDINGS:
            yield Described(path, texts)
        if not is_folder:
            continue
        try:
            with os.scandir(path) as entries:
                visible = [
                    (entry.name, entry.is_dir(follow_symlinks=False))
                    for entry in entries
                    if entry.name[0] != "."
                ]
        except OSError as error:
            yield Trouble(os.fsencode(path), error.strerror or str(error), lasting=False)
            continue
        visible.sort(reverse=True)
        names = [name for name, _ in visible if ending_of(name) in SIDECAR_ENDINGS]
        yield len(names)
        sidecars = TextFiles(names)
        for name, is_inner in visible:
            is_picture = ending_of(name) in PICTURE_ENDINGS
            if is_inner or is_picture:
                own = sidecars.beside(name) if is_picture else {}
                own = {ending: os.path.join(path, text) for ending, text in own.items()}
                waiting.append((os.path.join(path, name), is_inner, own))


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
            for picture in walk_pictures(str(path)):
                if isinstance(picture, Trouble):
                    yield picture
                else:
                    yield Example(picture.path, label=label)

    total = sum(count for name, count in counts.items() if name in names)
    return PictureSet(
        folder.name,
        labels,
        (),
        examples,
        total,
        format="a folder of pictures for each label",
    )


def look_at_texts(folder: Path) -> Sidecars:
    """Return what text files there are beside the pictures in a folder and below it.

    JSON files are read, as only they tell whether they hold a label or captions.
    """
    num_pictures = num_described = num_texts = 0
    endings, labels, has_captions = set[str](), set[str](), False
    for found in _walk(str(folder)):
        if isinstance(found, int):
            num_texts += found
        elif isinstance(found, Described):
            num_pictures += 1
            num_described += bool(found.texts)
            endings.update(found.texts)
            facts = {each: path for each, path in found.texts.items() if each == FACTS_ENDING}
            example = _read_texts(Described(found.path, facts)) if facts else None
            if isinstance(example, Example):
                has_captions |= bool(example.captions)
                labels.update([example.label] if example.label else [])
    has_captions |= not endings.isdisjoint(CAPTION_ENDINGS)
    in_order = tuple(ending for ending in SIDECAR_ENDINGS if ending in endings)
    return Sidecars(
        num_pictures, num_described, num_texts, in_order, frozenset(labels), has_captions
    )


def open_described_folder(
    folder: Path, class_names: tuple[str, ...], sidecars: Sidecars
) -> PictureSet:
    """Return the set of a folder's pictures with the text files beside them.

    These are x.txt, x.jpg.txt, x.caption or x.json for x.jpg, as `example_of` reads them. sidecars:
    what `look_at_texts` found. Raises DataError if `class_names` do not fit.
    """
    labels, names = name_labels(sidecars.labels, class_names) if sidecars.labels else ((), {})

    def examples() -> Iterator[Example | Trouble]:
        for found in walk_pictures(str(folder)):
            yield named(found if isinstance(found, Trouble) else _read_texts(found), names)

    return PictureSet(
        folder.name,
        labels,
        (),
        examples,
        sidecars.num_pictures,
        format=f"a folder of pictures with {_joined(sidecars.endings)} files beside them",
        has_captions=sidecars.has_captions,
    )


def _read_texts(described: Described) -> Example | Trouble:
    """Return a picture with what its text files say; a Trouble if it has none."""
    texts = {}
    for ending, path in described.texts.items():
        text = read_text(Path(path))
        if isinstance(text, Trouble):
            return text
        if text is not None:
            texts[ending] = text
    if not texts:
        return Trouble(os.fsencode(described.path), no_text_beside(described.path))
    return example_of(described.path, texts, described.texts)


def _joined(endings: Sequence[str]) -> str:
    *others, last = endings
    return f"{', '.join(others)} and {last}" if others else last


def _count(folder: Path) -> int:
    return sum(isinstance(found, Described) for found in walk_pictures(str(folder)))
