"""Pictures with captions on disk: folders with texts of the same names, and tar shards."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rclip_like.data.shards import ending_of, read_members
from rclip_like.errors import ModelError, TrainingError
from rclip_like.files import decoded
from rclip_like.images.decoding import Product
from rclip_like.images.limits import most_bytes, within_memory
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.models.regular import open_regular
from rclip_like.settings import ReadSettings
from rclip_like.values import PICTURE_EXTENSIONS, Picture, Trouble

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
CAPTION_ENDING = ".txt"
CAPTION_BYTES = 1 << 20
"""How large a caption file may be: long descriptions have some thousand bytes."""

# Besides its own errors, tarfile raises these for headers made up to do harm.
_UNREADABLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error),
    *(ArithmeticError, LookupError, ValueError, RecursionError, MemoryError),
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One picture with its captions; `content` is what a shard holds of it, None for a file."""

    name: str
    captions: tuple[str, ...]
    content: bytes | None = None


def read_pictures(
    data: Path, product: Product, limits: ReadSettings
) -> Iterator[tuple[Pair, Picture] | Trouble]:
    """Yield the pairs of a folder or shard in the order of their names, each with its picture.

    A Trouble stands for a pair that cannot be used, for a reason that `find_pairs` found or because
    its picture cannot be read within the limits. Raises as `find_pairs`, and ReaderError.
    """
    waiting: deque[Pair | Trouble] = deque()

    def tasks() -> Iterator[ReadTask]:
        for pair in find_pairs(data):
            waiting.append(pair)
            if isinstance(pair, Pair):
                yield ReadTask(os.fsencode(pair.name), (product,), content=pair.content)

    with Readers(limits) as readers:
        for result in readers.read_in_order(tasks()):
            while isinstance(pair := waiting.popleft(), Trouble):
                yield pair
            if isinstance(result, Picture):
                yield pair, result
            else:  # what would help `index` to read it is no remedy here
                yield result._replace(remedy=None)
    yield from (trouble for trouble in waiting if isinstance(trouble, Trouble))


def find_pairs(data: Path) -> Iterator[Pair | Trouble]:
    """Yield the pairs of a folder or shard in the order of their names, or what is wrong.

    A Trouble stands for a picture without a caption file, and for a caption file or a shard that
    is empty, too large, not a regular file, in another encoding or cannot be read. Raises
    TrainingError when `data` does not exist or holds neither pictures nor shards.
    """
    if data.is_dir():
        shards = sorted(path for path in data.iterdir() if path.name.endswith(SHARD_ENDINGS))
        pictures = sorted(path for path in data.rglob("*") if ending_of(path.name) in _ENDINGS)
    elif data.is_file() and data.name.endswith(SHARD_ENDINGS):
        shards, pictures = [data], []
    else:
        raise TrainingError(f"{data} is neither a folder nor a tar shard")
    if not shards and not pictures:
        raise TrainingError(f"{data} holds neither pictures with captions nor tar shards")
    for shard in shards:
        yield from _find_in_shard(shard)
    for picture in pictures:
        yield _find_beside(picture)


def parse_captions(text: bytes) -> tuple[str, ...]:
    """Return the captions of a text file: its lines that are not blank, stripped.

    Raises UnicodeError for what is neither UTF-8 nor UTF-16 with its mark.
    """
    lines = decoded(text)
    if "\0" in lines:
        raise UnicodeError("UTF-16 without its mark")
    return tuple(line.strip() for line in lines.splitlines() if line.strip())


_ENDINGS = frozenset(os.fsdecode(ending) for ending in PICTURE_EXTENSIONS)


def _find_beside(picture: Path) -> Pair | Trouble:
    text = picture.with_suffix(CAPTION_ENDING)
    try:
        with open_regular(text, CAPTION_BYTES) as file:
            return _pair(str(picture), file.read(CAPTION_BYTES), str(text))
    except FileNotFoundError:
        return Trouble(os.fsencode(picture), f"has no {text.name} beside it")
    except ModelError:
        return Trouble(os.fsencode(text), "is not a regular file of 1 MiB at most")
    except OSError as error:
        return Trouble(os.fsencode(text), error.strerror or str(error))


def _find_in_shard(shard: Path) -> Iterator[Pair | Trouble]:
    """Yield a shard's pairs; members with the same key are adjacent, as webdataset writes them."""
    most = dict.fromkeys(_ENDINGS, most_bytes(within_memory(ReadSettings())))
    most[CAPTION_ENDING] = CAPTION_BYTES
    key, parts = "", dict[str, bytes | str]()
    broken = None
    try:
        for name, content in read_members(shard, most):
            own, ending = os.path.splitext(name)
            if own != key:
                yield from _finished(shard, key, parts)
                key, parts = own, {}
            parts[ending.lower()] = content
    except ModelError:
        broken = "is not a regular file"
    except _UNREADABLE as error:
        broken = f"cannot be read to its end: {str(error) or 'memory does not suffice'}"
    if broken is None or len(parts) > 1:  # what is whole before the break is a pair
        yield from _finished(shard, key, parts)
    if broken is not None:
        yield Trouble(os.fsencode(shard), broken)


def _finished(shard: Path, key: str, parts: dict[str, bytes | str]) -> Iterator[Pair | Trouble]:
    ending = next((ending for ending in parts if ending in _ENDINGS), None)
    if ending is None:
        return
    name, text_name = f"{shard}:{key}{ending}", f"{shard}:{key}{CAPTION_ENDING}"
    picture, text = parts[ending], parts.get(CAPTION_ENDING)
    if isinstance(picture, str):
        yield Trouble(os.fsencode(name), picture)
    elif text is None:
        yield Trouble(os.fsencode(name), f"has no {CAPTION_ENDING} beside it")
    elif isinstance(text, str):
        yield Trouble(os.fsencode(text_name), text)
    else:
        yield _pair(name, text, text_name, picture)


def _pair(name: str, text: bytes, text_name: str, content: bytes | None = None) -> Pair | Trouble:
    try:
        captions = parse_captions(text)
    except UnicodeError:
        reason = "is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"
        return Trouble(os.fsencode(text_name), reason)
    if not captions:
        return Trouble(os.fsencode(name), "its caption is empty")
    return Pair(name, captions, content)
