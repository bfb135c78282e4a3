"""The part of `Library` that takes an index out and in: whole copies and Parquet files."""

from __future__ import annotations

import os
from pathlib import Path

from rclip_like.library.saved import LibrarySaved


class LibraryInterchange(LibrarySaved):
    """The part of a `Library` that takes its index elsewhere."""

    def copy_index(self, path: str | os.PathLike[str], *, replace: bool = False) -> int:
        """Write a whole copy of the index to `path` and return its size in bytes.

        Safe while another process indexes. Raises StoreError when something is there already,
        unless it is an index and `replace` is set.
        """
        from rclip_like.store.copying import copy_index

        return copy_index(self._index.open(), Path(path), replace=replace)
