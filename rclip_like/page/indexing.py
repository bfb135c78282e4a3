"""The index run behind the page: a process of its own, so that it never holds up an answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rclip_like.errors import ClipfindError, counted
from rclip_like.page.worker import Report, Worker, library_of
from rclip_like.store.lock import Lockless

if TYPE_CHECKING:
    from rclip_like.library.library import Library
    from rclip_like.settings import IndexSettings
    from rclip_like.values import Root


class Progress(NamedTuple):
    """How far an index run is: `done` of `total` files that are read, None while that is unknown.

    indexed: how many pictures are in the index under the served folders. sentence: for people; ""
    where there is nothing to say.
    """

    running: bool
    done: int
    total: int | None
    indexed: int
    sentence: str


class BackgroundRun:
    """Brings the index up to date in a process of its own, which ends with this object.

    Signals end it in order, with what was done kept.
    """

    def __init__(
        self, library: Library, roots: Sequence[Root] | None, say: Callable[[ClipfindError], str]
    ) -> None:
        """say: puts an error into words."""
        self._library, self._roots, self._say = library, roots, say
        self._worker: Worker | None = None

    def start(self, settings: IndexSettings) -> None:
        """Start the run, if there is anything to index."""
        paths = [root.path for root in self._roots or ()]
        if self._roots is None:
            paths = [each for each in self._library.walked_folders() if os.path.isdir(each)]
        if paths:
            task = self._library.settings, self._library.database, paths, settings
            self._worker = Worker(index_for_page, task)

    def stop(self) -> None:
        """End the run as Ctrl-C does, and wait until it has ended."""
        if self._worker is not None:
            self._worker.stop()

    def is_running(self) -> bool:
        """Return whether the process is there."""
        return self._worker is not None and self._worker.is_running()

    def progress(self, indexed: int) -> Progress:
        """Return how far the run is, or one of another process; indexed: as in Progress."""
        is_running = self.is_running()  # asked first: what is reported last comes before the end
        last = self._worker.last() if self._worker else {}
        done, total = last.get("done", 0), last.get("total")
        if is_running:
            if last.get("waiting"):
                sentence = "waiting for another run that is indexing"
            elif total is None:
                sentence = f"looking for new pictures: {counted(last.get('seen', 0), 'file')} seen"
            else:
                sentence = f"indexing: {done:,} of {counted(total, 'picture')}"
            return Progress(True, done, total, indexed, sentence)
        if self._is_indexed_by_others():
            sentence = f"another run is indexing: {counted(indexed, 'picture')} so far"
            return Progress(True, indexed, None, indexed, sentence)
        sentence = ""
        if "error" in last:
            error = self._say(last["error"])
            sentence = f"the index could not be brought up to date: {error}"
        elif self._worker is not None and self._worker.has_failed():
            sentence = "the index could not be brought up to date: the run ended by itself"
        return Progress(False, indexed, indexed, indexed, sentence)

    def _is_indexed_by_others(self) -> bool:
        try:
            return self._library.is_indexing()
        except Lockless:  # where nothing can be locked, nobody indexes
            return False


def index_for_page(task: Any, report: Report) -> None:
    """Index as the task says: the work of a run in the background."""
    settings, database, paths, indexing = task
    library_of(settings, database).index(
        paths,
        indexing,
        on_progress=lambda progress: report(progress._asdict(), seldom=True),
        on_wait=lambda: report({"waiting": True}),
    )
