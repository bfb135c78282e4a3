"""The splits of a set, by their own names and by others that they are called."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rclip_like.errors import DataError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing"),
}
"""The splits by their own names, and what else they are called."""


def own_name(split: str) -> str:
    """Return the split's own name, which is any name that is not in SPLITS."""
    return next((own for own, names in SPLITS.items() if split in names), split)


def chosen_split(path: Path, split: str, splits: Collection[str]) -> str:
    """Return the own name of the split asked for. Raises DataError if the set has no such split."""
    own = own_name(split)
    if own not in splits:
        raise DataError(f"{path} has no split {split!r}, but {' and '.join(splits)}")
    return own
