"""Sets in tar shards: KEY.jpg with KEY.txt, KEY.json or KEY.cls, as webdataset writes them."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from rclip_like.data.captions import (
    CAPTION_ENDING,
    FACTS_ENDING,
    MOST_LABEL,
    TEXT_BYTES,
    example_of,
    read_text,
)
from rclip_like.data.class_names import name_labels, named
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.folder_sets import PICTURE_ENDINGS
from rclip_like.data.shards import read_members
from rclip_like.errors import ModelError
from rclip_like.images.limits import most_bytes, within_memory
from rclip_like.settings import ReadSettings
from rclip_like.values import Trouble

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
LABEL_ENDING = ".cls"
NUM_SHARDS = "nshards.txt"
_MOST_DIGITS = 9
_TEXTS = (CAPTION_ENDING, FACTS_ENDING, LABEL_ENDING)

# Besides its own errors, tarfile raises these for malicious headers.
_UNREADABLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error),
    *(ArithmeticError, LookupError, ValueError, RecursionError, MemoryError),
)


def open_shards(
    name: str,
    shards: Sequence[Path],
    class_names: tuple[str, ...],
    missing: Sequence[Trouble] = (),
) -> PictureSet:
    """Return the set of these shards, one after the other.

    This reads all shards once for their labels, and each call of `examples()` reads them again.
    missing: Troubles that `examples()` yields at the end. Raises DataError if `class_names` do not
    fit.
    """
    found, total = set[str](), 0
    for shard in shards:
        for example in find_in_shard(shard, _TEXTS, with_pictures=False):
            if isinstance(example, Example):
                total += 1
                if example.label is not None:
                    found.add(example.label)
    labels, names = name_labels(found, class_names, by_number=True) if found else ((), {})

    def examples() -> Iterator[Example | Trouble]:
        for shard in shards:
            for example in find_in_shard(shard, _TEXTS):
                yield named(example, names)
        yield from missing

    return PictureSet(name, labels, (), examples, total)


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


def find_in_shard(
    shard: Path, endings: Sequence[str], *, with_pictures: bool = True
) -> Iterator[Example | Trouble]:
    """Yield a shard's examples with captions and labels from their texts with these endings.

    Members with the same key are adjacent, as webdataset writes them. A Trouble stands for a
    picture without any text, for a text that cannot be used, and for a shard that cannot be read
    to its end. `with_pictures=False` leaves the contents of pictures empty and does not check
    their size.
    """
    most = dict.fromkeys(PICTURE_ENDINGS, most_bytes(within_memory(ReadSettings())))
    most |= dict.fromkeys(endings, TEXT_BYTES)
    skipped = PICTURE_ENDINGS if not with_pictures else frozenset[str]()
    key, parts = "", dict[str, bytes | str]()
    broken = None
    try:
        for name, content in read_members(shard, most, skipped):
            own, ending = os.path.splitext(name)
            if own != key:
                yield from _finished(shard, key, parts, endings[0])
                key, parts = own, {}
            parts[ending.lower()] = content
    except ModelError:
        broken = "is not a regular file"
    except _UNREADABLE as error:
        broken = f"cannot be read to its end: {str(error) or 'not enough memory'}"
    if broken is None or len(parts) > 1:  # an example that is whole before the break counts
        yield from _finished(shard, key, parts, endings[0])
    if broken is not None:
        yield Trouble(os.fsencode(shard), broken)


def _finished(
    shard: Path, key: str, parts: dict[str, bytes | str], wanted: str
) -> Iterator[Example | Trouble]:
    ending = next((ending for ending in parts if ending in PICTURE_ENDINGS), None)
    if ending is None:
        return
    names = {each: f"{shard}:{key}{each}" for each in (ending, *_TEXTS)}
    picture = parts.pop(ending)
    if isinstance(picture, str):
        yield Trouble(os.fsencode(names[ending]), picture)
        return
    texts, label = {}, None
    for each, text in parts.items():
        if each not in names:
            continue
        if isinstance(text, str):
            yield Trouble(os.fsencode(names[each]), text)
            return
        texts[each] = text
    if not texts:
        yield Trouble(os.fsencode(names[ending]), f"has no {wanted} beside it")
        return
    if LABEL_ENDING in texts:
        label = texts[LABEL_ENDING].strip().decode("utf-8", "surrogateescape")
        if not label.isprintable() or not 0 < len(label) <= MOST_LABEL:
            yield Trouble(os.fsencode(names[LABEL_ENDING]), "does not hold a class as UTF-8 text")
            return
    yield example_of(names[ending], texts, names, label, picture)
