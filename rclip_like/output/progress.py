"""The progress bar: on a stderr that is a terminal; elsewhere silence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rclip_like.output.terminal import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, Task

    from rclip_like.index import Progress as IndexProgress

BYTES = "bytes"
_PATIENCE_SECONDS = 0.3
_BAR_WIDTH = 20
"""In columns; what stands beside it then fits into a line of 100."""


class Show(Protocol):
    """Draws how much is done and, once that is known, of how much; a new title begins anew.

    details: what stands beside it, instead of the speed and the time that are left.
    """

    def __call__(
        self, done: int, total: int | None, title: str | None = None, details: str = ""
    ) -> None:
        """Draw it."""


@contextmanager
def progress_bar(title: str, unit: str, *, quiet: bool) -> Iterator[Show | None]:
    """Give a function that draws the progress, or None where nothing should be drawn.

    unit: what is counted; BYTES are shown as kilobytes, megabytes and so on. The bar appears when
    there is something to wait for, and is gone afterwards, also after an error.
    """
    if quiet or not is_terminal(sys.stderr):
        yield None
        return
    bar = _Bar(title, unit)
    try:
        yield bar.show
    finally:
        bar.close()


@contextmanager
def index_bar(*, quiet: bool) -> Iterator[Callable[[IndexProgress], None] | None]:
    """Give a function that draws an indexing run's progress; None where nothing is drawn."""
    with progress_bar("indexing", "pictures", quiet=quiet) as show:
        yield None if show is None else lambda progress: show(progress.done, progress.total)


class _Bar:
    """A rich bar that is made when the work turns out to take a while.

    Importing rich costs 0.05 s, and a bar that flashes up tells nothing.
    """

    def __init__(self, title: str, unit: str) -> None:
        self._title = title
        self._unit = unit
        self._appears_at = time.monotonic() + _PATIENCE_SECONDS
        self._progress: Progress | None = None

    def show(
        self, done: int, total: int | None, title: str | None = None, details: str = ""
    ) -> None:
        if self._progress is None:
            if time.monotonic() < self._appears_at or done == total:
                return
            self._progress = _start(self._title, self._unit)
        (task,) = self._progress.task_ids
        if title is not None and title != self._title:
            self._title = title
            self._progress.reset(task, description=title)
        self._progress.update(task, completed=done, total=total, details=details)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _start(title: str, unit: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """How many a second."""

        def render(self, task: Task) -> Text:
            if task.fields["details"]:
                return Text(task.fields["details"])
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.1f} {unit}/s" if speed else "")

    class LeftColumn(TimeRemainingColumn):
        """How long it will take, where the details do not say that."""

        def render(self, task: Task) -> Text:
            return Text("") if task.fields["details"] else super().render(task)

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(_BAR_WIDTH),
        DownloadColumn() if unit == BYTES else MofNCompleteColumn(),
        TransferSpeedColumn() if unit == BYTES else RateColumn(),
        LeftColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    progress.add_task(title, total=None, details="")
    progress.start()
    return progress
