"""Keep the finished parts of a run as .npz files, so that an interrupted run can continue."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.files import open_at_once, write_whole

Arrays: TypeAlias = "Mapping[str, npt.NDArray[Any]]"

_KEY = "key"
_UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(ValueError, LookupError, NotImplementedError, RuntimeError, MemoryError),
)
"""What NumPy and zipfile raise for damaged or forged files."""


class Parts:
    """The parts in a folder that were made with `key`; nothing is kept if `folder` is None.

    key: identifies everything that a part depends on. Parts with another key count as missing, and
    are overwritten.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = np.frombuffer(key.encode(), np.uint8)

    def load(self, name: str) -> Arrays | None:
        """Return the arrays of a part that was saved with this key; None if there is no such."""
        if self._folder is None:
            return None
        try:
            # NumPy leaves a file open that it cannot read.
            with open(self._path(name), "rb", opener=open_at_once) as stream:
                loaded = np.load(stream, allow_pickle=False)
                if isinstance(loaded, np.ndarray):
                    return None
                arrays = {each: loaded[each] for each in loaded.files}  # zipfile checks sums
        except _UNREADABLE:
            return None
        key = arrays.pop(_KEY, None)
        return arrays if key is not None and np.array_equal(key, self._key) else None

    def save(self, name: str, arrays: Arrays) -> None:
        """Write a part, whole or not at all. Raises MeasureError if that fails."""
        if self._folder is None:
            return
        path = self._path(name)
        try:
            with write_whole(path) as draft, draft.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **{_KEY: self._key, **arrays})
        except OSError as error:
            raise MeasureError(f"{path} cannot be written: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{name}.npz"
