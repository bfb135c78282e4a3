"""Finished parts of a run, each an .npz file: what a later run of the same does not make again."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rclip_like.errors import MeasureError
from rclip_like.files import write_whole

Arrays: TypeAlias = "Mapping[str, npt.NDArray[Any]]"

_KEY = "key"
_UNREADABLE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error),
    *(ValueError, LookupError, NotImplementedError, RuntimeError, MemoryError),
)
"""What NumPy and zipfile raise for files that are damaged or made up."""


class Parts:
    """The parts below a folder that belong to `key`, or none that last where `folder` is None.

    key: text that stands for all that a part depends on. Parts of another key count as missing and
    are written over.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = folder
        self._key = np.frombuffer(key.encode(), np.uint8)

    def made(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """Return the arrays of a part: those kept, else what `make` gives, kept from then on.

        Raises MeasureError when the part cannot be written.
        """
        kept = self.kept(name)
        if kept is None:
            self.keep(name, kept := make())
        return kept

    def kept(self, name: str) -> Arrays | None:
        """Return the arrays of a part that was written whole by a run of this key, else None."""
        if self._folder is None:
            return None
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                arrays = {each: file[each] for each in file.files}  # zipfile checks their sums
        except _UNREADABLE:
            return None
        key = arrays.pop(_KEY, None)
        return arrays if key is not None and np.array_equal(key, self._key) else None

    def keep(self, name: str, arrays: Arrays) -> None:
        """Write a part, whole or not at all; raises MeasureError when that fails."""
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
