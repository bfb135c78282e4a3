"""The labelled and captioned photos of the starter shards, to learn from and to measure on."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.errors import ClipfindError, PictureError
from rclip_like.images.products import Square
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.settings import ReadSettings
from rclip_like.values import Preprocessing, Trouble

if TYPE_CHECKING:
    from rclip_like.values import Pixels

LABELLED_PATTERNS = ("train-open-*.tar.gz", "train-research-*.tar.gz")
CAPTIONED_PATTERNS = ("train-flickr8k-*.tar.gz", "captions-*.tar.gz")
ALLOWED_TIERS = ("open", "research")
VALIDATION_PATTERN = "val-*.tar.gz"


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a shard: its file's bytes and what is written about it.

    `captions` are people's sentences, empty for labelled photos; `names` are synonyms of `label`;
    `kind` is a wider word; `objects` are things seen in it; `wnid` names its meaning in WordNet.
    """

    key: str
    data: bytes
    source: str
    tier: str
    captions: tuple[str, ...] = ()
    label: str | None = None
    names: tuple[str, ...] = ()
    kind: str | None = None
    objects: tuple[str, ...] = ()
    wnid: str | None = None

    def words(self) -> tuple[str, ...]:
        """Return everything that is written about the photo."""
        singles = (self.label, self.kind)
        named = tuple(text for text in singles if text)
        return (*named, *self.names, *self.objects, *self.captions)


def read_training_photos(folder: Path) -> list[Photo]:
    """Return the photos of the tiers open and research, captioned ones last, in shard order."""
    patterns = LABELLED_PATTERNS + CAPTIONED_PATTERNS
    shards = [shard for pattern in patterns for shard in sorted(folder.glob(pattern))]
    photos = [photo for shard in shards for photo in read_shard(shard)]
    assert photos, f"{folder} has no training shards"
    assert all(photo.tier in ALLOWED_TIERS for photo in photos)
    return photos


def read_validation_photos(folder: Path) -> list[Photo]:
    """Return the photos of the validation shards, in shard order; never to be trained on.

    Raises ClipfindError when the folder has no such shards.
    """
    shards = sorted(folder.glob(VALIDATION_PATTERN))
    if not shards:
        raise ClipfindError(f"{folder} has no shards {VALIDATION_PATTERN}")
    return [photo for shard in shards for photo in read_shard(shard)]


def is_held_out(photo: Photo, share: float) -> bool:
    """Return whether the photo belongs to the development part, by its content alone."""
    digest = hashlib.blake2b(photo.data, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2.0**64


def read_shard(path: Path) -> Iterator[Photo]:
    """Yield the photos of one tar shard (`KEY.jpg`, `KEY.txt`, `KEY.json`) in its order."""
    parts: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as shard:
        for member in shard:
            stream = shard.extractfile(member)
            if stream is not None:
                key, _, extension = member.name.partition(".")
                parts.setdefault(key, {})[extension] = stream.read()
    for key, part in parts.items():
        yield _photo(key, part)


def read_squares(photos: Sequence[Photo], preprocessing: Preprocessing) -> Iterator[Pixels]:
    """Yield each photo as a model sees it, uint8 (S, S, 3). Raises PictureError for a bad one."""
    squares = (Square.of(preprocessing),)
    tasks = (ReadTask(f"{photo.key}.jpg".encode(), squares, content=photo.data) for photo in photos)
    with Readers(ReadSettings()) as readers:
        for read in readers.read_in_order(tasks):
            if isinstance(read, Trouble):
                raise PictureError(read.path, read.reason, read.lasting, read.code)
            yield read.parts[0]


def wordings_by_label(photos: Sequence[Photo]) -> dict[str, tuple[str, ...]]:
    """Return each label of the photos, in order of appearance, with itself and its names."""
    names: dict[str, dict[str, None]] = {}
    for photo in photos:
        if photo.label is not None:
            names.setdefault(photo.label, {}).update(dict.fromkeys(photo.names))
    return {label: (label, *own) for label, own in names.items()}


def _photo(key: str, part: dict[str, bytes]) -> Photo:
    facts = json.loads(part["json"])
    label = facts.get("label")
    captions = () if label else tuple(part["txt"].decode().strip().splitlines())
    return Photo(
        key=key,
        data=part["jpg"],
        source=facts["source"],
        tier=facts["tier"],
        captions=captions,
        label=label,
        names=tuple(facts.get("names", ())),
        kind=facts.get("kind"),
        objects=tuple(facts.get("objects", ())),
        wnid=facts.get("wnid"),
    )
