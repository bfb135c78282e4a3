"""Reads the text in indexed pictures: decode -> recognise -> commit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rclip_like.errors import ReaderError, Reason
from rclip_like.images.recognition import TextModels, TextReaders, UnreadPicture
from rclip_like.index.stopping import Stopped, Stopping, time_limit
from rclip_like.reports import TextReport
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store.words import FAILED, WordsRow
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.store import Store, Writer

_PICTURES_A_BATCH = 64
_SECONDS_A_BATCH = 5.0
_SETTLED = frozenset((Reason.CRASHED, Reason.TOO_SLOW))
"""Reasons for which later runs do not try a picture again, unless they are asked to."""


def read_texts(
    store: Store,
    pictures: Sequence[UnreadPicture],
    models: TextModels,
    settings: IndexSettings,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> TextReport:
    """Read the text in the pictures, write it to the index, and return how many were read.

    Each batch is one transaction: whatever ends the run, the next one continues. A picture that
    crashes the recognition or takes too long has no text, and is marked as failed. on_progress:
    called with the numbers of pictures done and of all. Raises as `bring_up_to_date` does, and
    ReaderError.
    """
    with Stopping() as stopping, ExitStack() as stack:
        with stopping.breakable():
            writer = stack.enter_context(store.writing(wait=settings.wait, on_wait=on_wait))
            readers = stack.enter_context(TextReaders(settings.read or ReadSettings(), models))
        run = _Run(writer, models.made_by)
        found = readers.read_all(pictures)
        if on_progress is not None:
            on_progress(0, len(pictures))
        with time_limit(settings.max_seconds, readers.close):
            try:
                while True:
                    with stopping.breakable():
                        each = next(found, None)
                    if each is None:
                        break
                    run.take(*each)
                    if on_progress is not None:
                        on_progress(run.num_done, len(pictures))
            except Stopped:
                stopping.settle()
                run.commit()
                raise
            except ReaderError:
                run.commit()
                raise
        run.commit()
        while not run.is_indexed:
            with stopping.breakable():
                run.index_some()
    return TextReport(len(pictures), run.num_read, run.num_with_text, tuple(run.failures))


@dataclass
class _Run:
    """What is read and not written yet, and the counts."""

    writer: Writer
    made_by: str
    rows: list[WordsRow] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    num_read: int = 0
    num_with_text: int = 0
    failures: list[Trouble] = field(default_factory=list)
    is_indexed: bool = False

    @property
    def num_done(self) -> int:
        return self.num_read + len(self.failures)

    def take(self, picture: UnreadPicture, outcome: str | Trouble) -> None:
        if isinstance(outcome, Trouble):
            self.failures.append(outcome)
            if outcome.code in _SETTLED:
                self.rows.append(WordsRow(picture.digest, "text", "", self.made_by + FAILED))
        else:
            self.num_read += 1
            self.num_with_text += bool(outcome)
            self.rows.append(WordsRow(picture.digest, "text", outcome, self.made_by))
        is_late = time.monotonic() - self.since > _SECONDS_A_BATCH
        if is_late or len(self.rows) >= _PICTURES_A_BATCH:
            self.commit()

    def commit(self) -> None:
        if self.rows:
            self.writer.words.put(self.rows)
        self.rows, self.since = [], time.monotonic()

    def index_some(self) -> None:
        self.is_indexed = not self.writer.words.index_some()
