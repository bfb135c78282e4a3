"""Tensors of a safetensors file as memory-mapped NumPy arrays: what is not used is not read."""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError
from rclip_like.models.regular import WEIGHT_BYTES, open_regular, shown_key

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

_PLAIN: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
_BITS = (
    {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}
    | dict.fromkeys(["BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"], 8)
    | dict.fromkeys(["F8_E4M3FNUZ", "F8_E5M2FNUZ"], 8)
    | dict.fromkeys(["U16", "I16", "F16", "BF16"], 16)
    | dict.fromkeys(["U32", "I32", "F32"], 32)
    | dict.fromkeys(["U64", "I64", "F64", "C64"], 64)
)
"""Bits of a number of each type that safetensors 0.8 knows."""

_TOLERANCE = 1e-3

_HEADER_BYTES = 100_000_000
"""How long a header may be, as in safetensors itself."""


class Stored(NamedTuple):
    """How a tensor lies in its file: type and shape, and where in bytes from the first one on."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def is_plain(self) -> bool:
        """Whether `Weights.tensors` gives it."""
        return self.dtype in _PLAIN


class Weights:
    """A weight file in memory; `header` says by name how each tensor lies in it.

    It is empty for a file of another format than safetensors, by its name. `notes` are the texts
    that the file's writer added.

    The file begins with the length of a JSON header (8 bytes, little-endian), which gives type,
    shape and offsets of each tensor (the safetensors format). Raises ModelError unless the tensors
    fill the rest of the file, one after another, as safetensors wants it.
    """

    header: Mapping[str, Stored]
    notes: Mapping[str, str]

    def __init__(
        self, path: Path, most_bytes: int = WEIGHT_BYTES, most_header_bytes: int = _HEADER_BYTES
    ) -> None:
        self.header, self.notes = {}, {}
        if path.suffix != ".safetensors":
            return
        try:
            self._mapped, header = _read(path, most_bytes, most_header_bytes)
            self._first = len(header) + 8
            self.header, self.notes = _parsed(header, len(self._mapped) - self._first)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise ModelError(f"{path} cannot be loaded as safetensors: {error}") from error

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the float32 and float16 tensors by name, read-only; others are left out."""
        tensors = {}
        for name, stored in self.header.items():
            if stored.is_plain:
                dtype, start = _PLAIN[stored.dtype], self._first + stored.start
                count = math.prod(stored.shape)
                flat = np.frombuffer(self._mapped, dtype, count, start)
                # A copy where the file's writer did not align it, as safetensors does.
                aligned = flat.copy() if start % dtype.itemsize else flat
                tensors[name] = aligned.reshape(stored.shape)
        return tensors


def as_float32(tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a tensor in float32, the array itself where it is float32 already."""
    return tensor.astype(np.float32, copy=False)


def unit_rows(rows_ND: npt.NDArray[np.float32], name: str) -> Embeddings:
    """Return rows float32 (N, D) scaled to unit length.

    Raises ModelError, with the model's name, where a row has no direction: all of it zero, too
    large for float32, or no numbers.
    """
    with np.errstate(all="ignore"):
        scaled_ND: Embeddings = rows_ND / np.linalg.norm(rows_ND, axis=1, keepdims=True)
        is_unit = np.abs(np.linalg.norm(scaled_ND, axis=1) - 1) < _TOLERANCE
    if not is_unit.all():
        raise ModelError(f"the model {name} gives values that are not numbers, or all zero")
    return scaled_ND


def _read(path: Path, most_bytes: int, most_header_bytes: int) -> tuple[mmap.mmap, bytes]:
    """Return a file in memory, and the JSON of its header."""
    with open_regular(path, most_bytes) as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(mapped[:8], "little")
    if length > most_header_bytes or 8 + length > len(mapped):
        raise ValueError("it is cut short, or of another kind")
    return mapped, mapped[8 : 8 + length]


def _parsed(header: bytes, num_bytes: int) -> tuple[dict[str, Stored], dict[str, str]]:
    """Return the position of each tensor in the bytes after the header, and the writer's notes."""
    tensors = json.loads(header.decode())
    if not isinstance(tensors, dict):
        raise ValueError("its header is not a JSON object")
    notes = tensors.pop("__metadata__", None)
    notes = {} if notes is None else notes
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise ValueError("its __metadata__ are not texts")
    stored = {name: _stored(name, described) for name, described in tensors.items()}
    end = 0
    for name, each in sorted(stored.items(), key=lambda item: item[1][2:]):
        if each.start != end:
            raise ValueError(f"{shown_key(name)} does not begin where the tensor before it ends")
        end = each.end
    if end > num_bytes:
        raise ValueError("it is cut short")
    if end < num_bytes:
        raise ValueError("there is more in it than tensors")
    return stored, notes


def _stored(name: str, described: Mapping[str, Any]) -> Stored:
    """Return how a tensor lies in the file; raises ValueError, or AttributeError for no object."""
    dtype = described.get("dtype")
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise ValueError(f"the type of {shown_key(name)} is not known")
    shape, offsets = _counts(described.get("shape")), _counts(described.get("data_offsets"))
    if shape is None or offsets is None or len(offsets) != 2:
        raise ValueError(f"the shape or the offsets of {shown_key(name)} are not whole numbers")
    start, end = offsets
    if math.prod(shape) * _BITS[dtype] != 8 * (end - start):
        raise ValueError(f"the shape of {shown_key(name)} does not fill its place")
    return Stored(dtype, shape, start, end)


def _counts(values: Any) -> tuple[int, ...] | None:
    """Return a list of whole numbers from 0 on, or None if it is not one."""
    if type(values) is not list or [1 for each in values if type(each) is not int or each < 0]:
        return None
    return tuple(values)
