"""Pictures and captions on the disk: folders with same-named texts, and tar shards."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rclip_like.data.shards import ending_of, read_members
from rclip_like.errors import ModelError, PictureError, TrainingError
from rclip_like.files import decoded
from rclip_like.images.limits import most_bytes, within_memory
from rclip_like.images.picture import read_bytes
from rclip_like.models.regular import open_regular
from rclip_like.settings import ReadSettings
from rclip_like.values import PICTURE_EXTENSIONS, Trouble

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
CAPTION_ENDING = ".txt"
CAPTION_BYTES = 1 << 20
"""How large a caption file may be: long descriptions have some thousand bytes."""

# What else tarfile lets through of a header that was made up to do harm.
_UNREADABLE = (
    *(OSError, EOFError, tarfile.TarError, zlib.error),
    *(ArithmeticError, LookupError, ValueError, RecursionError, MemoryError),
)


@dataclass(frozen=True, slots=True)
class RawPair:
    """One picture as the bytes of its file, with its captions; `ending` is like `.jpg`."""

    name: str
    data: bytes
    ending: str
    captions: tuple[str, ...]


def read_pairs(data: Path) -> Iterator[RawPair | Trouble]:
    """Yield the pairs of a folder or shard in the order of their names, or what is wrong.

    A picture without a caption file, an empty caption file, one in an encoding that is not known,
    an unreadable file, one that is too large and what is no regular file are a Trouble.
    Raises TrainingError when the place does not exist or holds neither pictures nor shards.
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
        yield from _read_shard(shard)
    for picture in pictures:
        yield _read_file(picture)


def parse_captions(text: bytes) -> tuple[str, ...]:
    """Return the captions of a text file: its lines that are not blank, stripped.

    Raises UnicodeError for what is neither UTF-8 nor UTF-16 with its mark.
    """
    lines = decoded(text)
    if "\0" in lines:
        raise UnicodeError("UTF-16 without its mark")
    return tuple(line.strip() for line in lines.splitlines() if line.strip())


_ENDINGS = frozenset(os.fsdecode(ending) for ending in PICTURE_EXTENSIONS)


def _read_file(picture: Path) -> RawPair | Trouble:
    place = picture.with_suffix(CAPTION_ENDING)
    try:
        data = read_bytes(os.fsencode(picture), ReadSettings())
        with open_regular(place, CAPTION_BYTES) as file:
            text = file.read(CAPTION_BYTES)
    except PictureError as error:
        return Trouble(error.path, error.reason, error.lasting, error.code)
    except FileNotFoundError:
        return Trouble(os.fsencode(picture), f"has no {place.name} beside it")
    except ModelError:
        return Trouble(os.fsencode(place), "is not a regular file of 1 MiB at most")
    except MemoryError:
        return Trouble(os.fsencode(picture), "memory does not suffice for it")
    except OSError as error:
        return Trouble(os.fsencode(error.filename or picture), error.strerror or str(error))
    return _with_captions(
        RawPair(str(picture), data, ending_of(picture.name), ()), text, str(place)
    )


def _read_shard(shard: Path) -> Iterator[RawPair | Trouble]:
    """Yield a shard's pairs: members of one key side by side, as webdataset writes them."""
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


def _finished(shard: Path, key: str, parts: dict[str, bytes | str]) -> Iterator[RawPair | Trouble]:
    ending = next((ending for ending in parts if ending in _ENDINGS), None)
    if ending is None:
        return
    name, place = f"{shard}:{key}{ending}", f"{shard}:{key}{CAPTION_ENDING}"
    picture, text = parts[ending], parts.get(CAPTION_ENDING)
    if isinstance(picture, str):
        yield Trouble(os.fsencode(name), picture)
    elif text is None:
        yield Trouble(os.fsencode(name), f"has no {CAPTION_ENDING} beside it")
    elif isinstance(text, str):
        yield Trouble(os.fsencode(place), text)
    else:
        yield _with_captions(RawPair(name, picture, ending, ()), text, place)


def _with_captions(pair: RawPair, text: bytes, place: str) -> RawPair | Trouble:
    """Return the pair with the captions of the text that lies at a place."""
    try:
        captions = parse_captions(text)
    except UnicodeError:
        reason = "is neither UTF-8 nor UTF-16 with its mark; save it as UTF-8"
        return Trouble(os.fsencode(place), reason)
    if not captions:
        return Trouble(os.fsencode(pair.name), "its caption is empty")
    return replace(pair, captions=captions)
