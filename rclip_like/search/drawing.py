"""Draw indexed pictures by chance, if their files are unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rclip_like.search.checks import FileCheck
from rclip_like.settings import WalkSettings
from rclip_like.walk import Scope
from rclip_like.walk.patterns import folder_prefix

if TYPE_CHECKING:
    from rclip_like.store import Store

_AT_ONCE = 500


def draw_paths(store: Store, number: int, seed: int, outside: bytes | None) -> list[bytes]:
    """Return the absolute paths of so many indexed pictures, in the order in which they are drawn.

    All if there are fewer. Whether a model has encoded them does not matter. Of equal contents one
    is drawn. Files that are gone or have changed since they were indexed are left out, and so are
    those in the folder `outside`. The same index and seed give the same pictures.
    """
    prefix = None if outside is None else folder_prefix(outside)
    files = FileCheck(store, Scope(None, WalkSettings()))
    drawn: dict[bytes, bytes] = {}
    with store.snapshot():
        rowids = np.random.default_rng(seed).permutation(store.rowids())
        for start in range(0, len(rowids), _AT_ONCE):
            for stored in store.files(rowids[start : start + _AT_ONCE].tolist()):
                is_outside = prefix is None or not stored.path.startswith(prefix)
                is_new = stored.digest not in drawn
                if is_outside and is_new and files.look_at(stored) == "fresh":
                    drawn[stored.digest] = stored.path
                if len(drawn) == number:
                    return list(drawn.values())
    return list(drawn.values())
