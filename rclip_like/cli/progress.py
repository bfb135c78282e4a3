"""The library's progress on the bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rclip_like.output.progress import progress_bar

if TYPE_CHECKING:
    from rclip_like.index import Progress


@contextmanager
def index_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """Give what draws an indexing run's progress; None where nothing should be drawn."""
    with progress_bar("indexing", "pictures", quiet=quiet) as show:
        if show is None:
            yield None
        else:
            yield lambda progress: show(progress.done, progress.total)
