"""The index: one SQLite file with its rows, its lock and its migrations."""

from typing import TYPE_CHECKING

from rclip_like.store.lock import IndexLock
from rclip_like.store.rows import (
    Batch,
    ContentRow,
    FailureRow,
    FileRow,
    IndexedFacts,
    Reading,
    StoredFile,
    WalkedRoot,
    range_of,
    ranges_of,
)
from rclip_like.store.store import Store

if TYPE_CHECKING:
    from rclip_like.store.writing import Writer

__all__ = [
    "Batch",
    "ContentRow",
    "FailureRow",
    "FileRow",
    "IndexLock",
    "IndexedFacts",
    "Reading",
    "Store",
    "StoredFile",
    "WalkedRoot",
    "Writer",
    "range_of",
    "ranges_of",
]
