"""The index: one SQLite file with its rows, its lock and its migrations."""

from rclip_like.store.lock import IndexLock
from rclip_like.store.rows import (
    Batch,
    ContentRow,
    FailureRow,
    FileRow,
    KnownRow,
    Reading,
    StoredFile,
    WalkedRoot,
    range_of,
    ranges_of,
)
from rclip_like.store.store import Store

__all__ = [
    "Batch",
    "ContentRow",
    "FailureRow",
    "FileRow",
    "IndexLock",
    "KnownRow",
    "Reading",
    "Store",
    "StoredFile",
    "WalkedRoot",
    "range_of",
    "ranges_of",
]
