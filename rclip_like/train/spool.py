"""Working files of equal rows, mapped into memory, and the manifest that says what they hold.

They lie in the output folder for their owner alone, so that a resumed run neither decodes nor
encodes again. The manifest comes last: with it, they are whole.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from blake3 import blake3

from rclip_like.errors import TrainingError
from rclip_like.files import write_whole
from rclip_like.train.augment import finer_size
from rclip_like.train.batches import Rows
from rclip_like.train.checkpoint import (
    PREPARED,
    damage_named,
    make_working_file,
    open_working_file,
)
from rclip_like.train.folder import PART

_VERSION = 2
_BYTES_AT_ONCE = 1 << 24


class Stored(NamedTuple):
    """What a file of rows holds: their dtype, the shape of the whole, and BLAKE3 of the bytes."""

    dtype: str
    shape: tuple[int, ...]
    digest: str

    @property
    def size_bytes(self) -> int:
        """How large the file is."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Row(NamedTuple):
    """One picture of a survey, and what became of it.

    captions: a digest of its captions' tokens. digest: that of its content, "" where it could not
    be read for the `reason`.
    """

    name: str
    size_bytes: int
    mtime_ns: int
    captions: str
    digest: str = ""
    reason: str = ""


class Manifest(NamedTuple):
    """What was prepared: from which pictures and how, and the arrays by the names of their files.

    recipe: what the arrays depend on beside the pictures and captions.
    """

    recipe: dict[str, Any]
    rows: tuple[Row, ...]
    arrays: dict[str, Stored]

    def save(self, output: Path) -> None:
        """Write the manifest whole."""
        stored = {"version": _VERSION, **self._asdict()}
        with write_whole(output / PREPARED, draft=PREPARED + PART) as draft:
            draft.write_text(json.dumps(stored), encoding="utf-8")

    @classmethod
    def load(cls, output: Path) -> Manifest | None:
        """Return the manifest that a run left, None if there is none or a file is damaged.

        Raises TrainingError for a damaged manifest and for one that was planted.
        """
        path = output / PREPARED
        if not os.path.lexists(path):
            return None
        with open_working_file(path) as stream, damage_named(path):
            stored = json.load(stream)
            if stored["version"] != _VERSION:
                return None
            arrays = {
                name: Stored(str(np.dtype(dtype)), tuple(map(int, shape)), str(digest))
                for name, (dtype, shape, digest) in stored["arrays"].items()
            }
            found = cls(stored["recipe"], tuple(Row(*row) for row in stored["rows"]), arrays)
        is_whole = all(_is_whole(output / name, each) for name, each in arrays.items())
        return found if is_whole else None

    def open_array(self, output: Path, name: str) -> npt.NDArray[Any]:
        """Return an array mapped into memory. Raises TrainingError for a planted file."""
        return map_rows(output / name, self.arrays[name])


class RowFile:
    """Rows of one shape and type, written one after the other into a new working file.

    Used with `with`; what was written is on the disk when the block ends.
    """

    def __init__(self, path: Path) -> None:
        self._stream = make_working_file(path)
        self._digest = blake3()
        self._dtype, self._shape = "float32", (0, 1)

    def __enter__(self) -> RowFile:
        return self

    def __exit__(self, *raised: object) -> None:
        with self._stream as stream:
            stream.flush()
            os.fsync(stream.fileno())

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Write more rows (n, ...)."""
        content = np.ascontiguousarray(rows).tobytes()
        self._stream.write(content)
        self._digest.update(content)
        self._dtype, self._shape = str(rows.dtype), (self._shape[0] + len(rows), *rows.shape[1:])

    @property
    def stored(self) -> Stored:
        """What was written so far."""
        return Stored(self._dtype, self._shape, self._digest.hexdigest())


def map_rows(path: Path, stored: Stored) -> npt.NDArray[Any]:
    """Return what a RowFile wrote, mapped into memory. Raises TrainingError for a planted file."""
    if not stored.size_bytes:
        return np.zeros(stored.shape, stored.dtype)
    with open_working_file(path) as stream:
        return np.memmap(stream, stored.dtype, "r", shape=stored.shape)


def stored_numbers(path: Path, count: int, compute: Callable[[], Rows]) -> Rows:
    """Return `count` integers (count,), int64, that an earlier run stored, else compute and store
    them.

    The manifest describes what they were computed from. Raises TrainingError for a planted
    file.
    """
    if _size_of(path) == count * np.dtype(np.int64).itemsize:
        with open_working_file(path) as stream:
            return np.frombuffer(stream.read(), np.int64)
    numbers = compute()
    with write_whole(path, draft=path.name + PART) as draft:
        draft.write_bytes(numbers.astype(np.int64).tobytes())
    return numbers


def pixels_bytes(num_pictures: int, size: int, *, augments: bool) -> int:
    """Return how many bytes of disk the pixels of pictures take during a run."""
    sides = (size, finer_size(size)) if augments else (size,)
    return num_pictures * sum(3 * side * side for side in sides)


def require_room(folder: Path, num_bytes: int) -> None:
    """Raise TrainingError if the disk of a folder has less than `num_bytes` free."""
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise TrainingError(
            f"the pixels take {num_bytes / 1e9:.1f} GB in {folder} while training, and its disk "
            f"has {free / 1e9:.1f} GB left"
        )


def _is_whole(path: Path, stored: Stored) -> bool:
    """Return whether a file holds what was written: a damaged one would spoil a run in silence."""
    if _size_of(path) != stored.size_bytes:
        return False
    digest = blake3()
    with open_working_file(path) as stream:
        while part := stream.read(_BYTES_AT_ONCE):
            digest.update(part)
    return digest.hexdigest() == stored.digest


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
