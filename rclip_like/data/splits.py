"""The names of a set's splits, with their usual synonyms."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from rclip_like.errors import DataError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "validation", "valid", "dev"),
    "test": ("test", "testing"),
}
"""For each split, the names under which it is found."""


def own_name(split: str) -> str:
    """Return the split's name in SPLITS; a name that is not there stays as it is."""
    return next((own for own, names in SPLITS.items() if split in names), split)


def chosen_split(path: Path, split: str, splits: Collection[str]) -> str:
    """Return the `own_name` of the split asked for. Raises DataError if it is not in `splits`."""
    own = own_name(split)
    if own not in splits:
        raise DataError(f"{path} has no split {split!r}; its splits are {' and '.join(splits)}")
    return own
