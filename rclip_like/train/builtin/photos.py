"""The photos that the built-in model may learn from, and which of them only measure."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rclip_like.evaluate.photos import Photo, read_shard

LABELLED_PATTERNS = ("train-open-*.tar.gz", "train-research-*.tar.gz")
CAPTIONED_PATTERNS = ("train-flickr8k-*.tar.gz", "captions-*.tar.gz")
ALLOWED_TIERS = ("open", "research")


def read_training_photos(folder: Path) -> list[Photo]:
    """Return the photos of the tiers open and research, captioned ones last, in shard order."""
    patterns = LABELLED_PATTERNS + CAPTIONED_PATTERNS
    shards = [shard for pattern in patterns for shard in sorted(folder.glob(pattern))]
    photos = [photo for shard in shards for photo in read_shard(shard)]
    assert photos, f"{folder} has no training shards"
    assert all(photo.tier in ALLOWED_TIERS for photo in photos)
    return photos


def is_held_out(photo: Photo, share: float) -> bool:
    """Return whether the photo belongs to the development part, by its content alone."""
    digest = hashlib.blake2b(photo.data, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2.0**64
