"""Sets in tar shards: x.jpg with its captions, facts or class beside it, as webdataset writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rclip_like.data.captions import (
    CAPTION_ENDINGS,
    MOST_LABEL,
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
from rclip_like.data.shards import (
    UNREADABLE,
    ShardIndex,
    Stored,
    index_shard,
    read_stored,
)
from rclip_like.errors import ModelError
from rclip_like.images.headers import HEADER_BYTES
from rclip_like.images.limits import most_bytes, within_memory
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
LABEL_ENDING = ".cls"
NUM_SHARDS = "nshards.txt"
_MOST_DIGITS = 9
_TEXTS = (*SIDECAR_ENDINGS, LABEL_ENDING)
_NOT_REGULAR = "is not a regular file"


class _Shard(NamedTuple):
    """A shard whose texts have been read; each example with where its picture is stored."""

    path: Path
    contents: ShardIndex | None
    examples: list[tuple[Example | Trouble, Stored | None]]
    fault: str
    has_captions: bool = False


def open_shards(
    name: str,
    shards: Sequence[Path],
    class_names: tuple[str, ...],
    missing: Sequence[Trouble] = (),
) -> PictureSet:
    """Return the set of these shards, one after the other.

    All their texts are read here. `examples()` reads the pictures of a .tar where they are stored,
    in the order of their names, and a packed shard from its beginning, in its own order. missing:
    Troubles that `examples()` yields at the end. Raises DataError if `class_names` do not fit.
    """
    opened = [_open_shard(path) for path in shards]
    found = [each for shard in opened for each, _ in shard.examples if isinstance(each, Example)]
    labels_found = {example.label for example in found if example.label is not None}
    labels, names = (
        name_labels(labels_found, class_names, by_number=True) if labels_found else ((), {})
    )

    def walk(most_each: int) -> Callable[[], Iterator[Example | Trouble]]:
        def examples() -> Iterator[Example | Trouble]:
            for shard in opened:
                for example in _with_contents(shard, most_each):
                    yield named(example, names)
            yield from missing

        return examples

    number = "a tar shard" if len(shards) == 1 else f"{len(shards):,} tar shards"
    return PictureSet(
        name,
        labels,
        (),
        walk(sys.maxsize),
        len(found),
        format=f"{number} of pictures and their texts",
        has_captions=any(shard.has_captions for shard in opened),
        headers=walk(HEADER_BYTES),
    )


def counted_shards(folder: Path, shards: list[Path]) -> tuple[list[Path], tuple[Trouble, ...]]:
    """Return the shards of a folder that nshards.txt counts, and a Trouble if any is missing.

    It counts 0.tar, 1.tar and so on. Without that file all shards are returned.
    """
    content = read_text(folder / NUM_SHARDS)
    if not isinstance(content, bytes):
        return shards, () if content is None else (content,)
    text = content.strip().decode("ascii", "replace")
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        reason = "does not hold the number of shards"
        return shards, (Trouble(os.fsencode(folder / NUM_SHARDS), reason),)
    numbers = {path: path.name.partition(".")[0] for path in shards}
    counted = [path for path, own in numbers.items() if own.isdecimal() and int(own) < int(text)]
    if len(counted) == int(text):
        return counted, ()
    reason = f"counts {int(text):,} shards, but {len(counted):,} are there"
    return counted, (Trouble(os.fsencode(folder / NUM_SHARDS), reason),)


def _open_shard(path: Path) -> _Shard:
    most = most_bytes(within_memory(ReadSettings()))
    try:
        index = index_shard(path, PICTURE_ENDINGS, most, _TEXTS)
    except ModelError:
        return _Shard(path, None, [], _NOT_REGULAR)
    except OSError as error:
        return _Shard(path, None, [], f"cannot be read: {error.strerror}")
    sidecars = TextFiles(sorted(index.texts, reverse=True))
    examples: list[tuple[Example | Trouble, Stored | None]] = []
    for name, stored in index.pictures.items():
        if isinstance(stored, str):
            examples.append((Trouble(os.fsencode(f"{path}:{name}"), stored), None))
        else:
            examples.append((_example_in(path, name, sidecars.beside(name), index), stored))
    if index.is_packed:
        examples.sort(key=lambda each: each[1] or Stored(0, 0))
    else:
        examples.sort(key=lambda each: _name_of(each[0]).split("/"))
    has_captions = any(ending_of(name) in CAPTION_ENDINGS for name in index.texts) or any(
        isinstance(each, Example) and each.captions for each, _ in examples
    )
    # The examples hold all captions and offsets now.
    index = index._replace(pictures={}, texts={})
    return _Shard(path, index, examples, index.fault, has_captions)


def _example_in(
    shard: Path, picture: str, texts: dict[str, str], index: ShardIndex
) -> Example | Trouble:
    """Return a picture without its content; texts: the names of its texts by ending."""
    names = {ending: f"{shard}:{name}" for ending, name in texts.items()}
    if not texts:
        return Trouble(os.fsencode(f"{shard}:{picture}"), no_text_beside(picture))
    contents = {}
    for ending, name in texts.items():
        content = index.texts[name]
        if isinstance(content, str):
            return Trouble(os.fsencode(names[ending]), content)
        contents[ending] = content
    label = None
    if LABEL_ENDING in contents:
        label = contents[LABEL_ENDING].strip().decode("utf-8", "surrogateescape")
        if not label.isprintable() or not 0 < len(label) <= MOST_LABEL:
            reason = "does not hold a class as UTF-8 text"
            return Trouble(os.fsencode(names[LABEL_ENDING]), reason)
    return example_of(f"{shard}:{picture}", contents, names, label)


def _with_contents(shard: _Shard, most_each: int) -> Iterator[Example | Trouble]:
    """Yield a shard's examples with the contents of their pictures, then what is wrong with it."""
    fault = shard.fault
    to_read = [
        stored
        for each, stored in shard.examples
        if isinstance(each, Example) and stored is not None
    ]
    contents: Iterator[bytes] = iter(())
    if shard.contents is not None:
        contents = read_stored(shard.path, shard.contents, to_read, most_each)
    try:
        for example, _ in shard.examples:
            if isinstance(example, Example):
                yield example._replace(content=next(contents), shard=str(shard.path))
            else:
                yield example
    except ModelError:
        fault = _NOT_REGULAR
    except UNREADABLE as error:
        fault = f"cannot be read to its end: {str(error) or 'not enough memory'}"
    if fault:
        yield Trouble(os.fsencode(shard.path), fault)


def _name_of(example: Example | Trouble) -> str:
    return example.name if isinstance(example, Example) else os.fsdecode(example.path)
