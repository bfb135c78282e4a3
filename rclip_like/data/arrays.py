"""A set of pictures as arrays: in batches, and parted into those to learn from and to measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.values import Pixels


def held_out(digests: Sequence[bytes], share: float) -> npt.NDArray[np.bool_]:
    """Return (N,): which pictures only measure, decided by each one's content alone.

    So equal pictures fall on one side, and adding others moves none.
    """
    limit = int(share * 2**64)
    chosen = [int.from_bytes(digest[:8], "big") < limit for digest in digests]
    return np.asarray(chosen, dtype=bool)


def in_batches(pictures: Iterable[Pixels], size: int) -> Iterator[Pixels]:
    """Yield the pictures as arrays (N, S, S, C) of at most `size`."""
    batch: list[Pixels] = []
    for pixels in pictures:
        batch.append(pixels)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
