"""What an indexing run tells while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypedDict


class Progress(NamedTuple):
    """How far a run is, in numbers of files.

    `done` of `total` files that had to be read are finished, `failed` among them could not be;
    `total` is None while the walk goes on. `seen` counts all files walked, unchanged ones too.
    """

    done: int
    total: int | None
    failed: int = 0
    seen: int = 0


class Listeners(TypedDict, total=False):
    """Who wants to hear of a run: `on_wait` is called once, before waiting for another indexer."""

    on_progress: Callable[[Progress], None] | None
    on_wait: Callable[[], None] | None
