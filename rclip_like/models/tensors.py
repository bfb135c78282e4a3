"""Tensors of a safetensors file as memory-mapped NumPy arrays: what is not used is not read."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError

_STORED = {"F32": "<f4", "F16": "<f2"}


def map_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the float32 and float16 tensors of a file by name, read-only; others are left out.

    The file begins with the length of a JSON header (8 bytes, little-endian), which gives type,
    shape and offsets of each tensor (the safetensors format). Raises ModelError when it is none.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        start = 8 + int.from_bytes(mapped[:8], "little")
        header = json.loads(mapped[8:start])
        return {
            name: _view(mapped, start, described)
            for name, described in header.items()
            if described.get("dtype") in _STORED
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no readable safetensors file: {error}") from error


def as_float32(tensor: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return a tensor in float32, the array itself where it is float32 already."""
    return tensor.astype(np.float32, copy=False)


def _view(mapped: mmap.mmap, start: int, described: Mapping[str, Any]) -> npt.NDArray[Any]:
    first, last = described["data_offsets"]
    dtype = np.dtype(_STORED[described["dtype"]])
    if start + last > len(mapped):
        raise ValueError("it is cut short")
    flat = np.frombuffer(mapped, dtype, (last - first) // dtype.itemsize, start + first)
    return flat.reshape(described["shape"])
