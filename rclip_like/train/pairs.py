"""Pictures and captions on the disk: folders with same-named texts, and tar shards."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rclip_like.encodings import decoded
from rclip_like.errors import TrainingError
from rclip_like.values import PICTURE_EXTENSIONS, Trouble

SHARD_ENDINGS = (".tar", ".tar.gz", ".tgz")
CAPTION_ENDING = ".txt"


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
    and an unreadable file are a Trouble.
    Raises TrainingError when the place does not exist or holds neither pictures nor shards.
    """
    if data.is_dir():
        shards = sorted(path for path in data.iterdir() if path.name.endswith(SHARD_ENDINGS))
        pictures = sorted(path for path in data.rglob("*") if _ending(path.name) in _ENDINGS)
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


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _read_file(picture: Path) -> RawPair | Trouble:
    try:
        data = picture.read_bytes()
        text = picture.with_suffix(CAPTION_ENDING).read_bytes()
    except FileNotFoundError as error:
        return Trouble(os.fsencode(picture), f"has no {Path(error.filename).name} beside it")
    except OSError as error:
        return Trouble(os.fsencode(picture), error.strerror or str(error))
    pair = RawPair(str(picture), data, _ending(picture.name), ())
    return _with_captions(pair, text, str(picture.with_suffix(CAPTION_ENDING)))


def _read_shard(shard: Path) -> Iterator[RawPair | Trouble]:
    """Yield a shard's pairs: members of one key side by side, as webdataset writes them."""
    key, parts = "", dict[str, bytes]()
    try:
        for name, data in _read_members(shard):
            if data is None:
                place = os.fsencode(f"{shard}:{name}")
                yield Trouble(place, "is a link to nothing in the shard")
                continue
            own, ending = os.path.splitext(name)
            if own != key:
                yield from _finished(shard, key, parts)
                key, parts = own, {}
            parts[ending.lower()] = data
        yield from _finished(shard, key, parts)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        yield Trouble(os.fsencode(shard), f"cannot be read to its end: {error}")


def _read_members(shard: Path) -> Iterator[tuple[str, bytes | None]]:
    """Yield the name and bytes of each file of a shard; None for a link to nothing in it."""
    with tarfile.open(shard) as members:
        for member in members:
            try:
                stream = members.extractfile(member)
            except KeyError:
                yield member.name, None
                continue
            if stream is not None:
                yield member.name, stream.read()


def _finished(shard: Path, key: str, parts: dict[str, bytes]) -> Iterator[RawPair | Trouble]:
    ending = next((ending for ending in parts if ending in _ENDINGS), None)
    if ending is None:
        return
    name = f"{shard}:{key}{ending}"
    if CAPTION_ENDING not in parts:
        yield Trouble(os.fsencode(name), f"has no {CAPTION_ENDING} beside it")
    else:
        pair = RawPair(name, parts[ending], ending, ())
        yield _with_captions(pair, parts[CAPTION_ENDING], f"{shard}:{key}{CAPTION_ENDING}")


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
