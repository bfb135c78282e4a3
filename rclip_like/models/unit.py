"""Unit rows out of features, and a clear error where a tower gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError

if TYPE_CHECKING:
    from rclip_like.values import Embeddings

_TOLERANCE = 1e-3


def unit_rows(features_ND: npt.NDArray[np.float32], name: str) -> Embeddings:
    """Return the rows float32 (N, D) scaled to unit length.

    Raises ModelError, with the model's name, where one has no direction: all of it zero, too large
    for float32, or no numbers.
    """
    with np.errstate(all="ignore"):
        rows_ND: Embeddings = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
        is_unit = np.abs(np.linalg.norm(rows_ND, axis=1) - 1) < _TOLERANCE
    if not is_unit.all():
        raise ModelError(f"the model {name} gives values that are no numbers, or all zero")
    return rows_ND
