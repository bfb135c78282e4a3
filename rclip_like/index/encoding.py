"""The thread that encodes, so that an encoder on a GPU need not wait for reads or for SQLite."""

from __future__ import annotations

import sys
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from rclip_like.index.batch import PendingBatch

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.values import Pixels

_LOOK_SECONDS = 0.2


class EncoderThread:
    """Loads the image tower and encodes batches, one after another, for the thread that made it.

    Where that one is interrupted, this one ends by itself after the batch that it encodes.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        # Not Conditions: a signal handler that raises amid a wait may leave one locked.
        self._batches: SimpleQueue[tuple[PendingBatch, Pixels] | None] = SimpleQueue()
        self._done: SimpleQueue[BaseException | None] = SimpleQueue()
        self._is_loaded = self._is_busy = False
        # Not a daemon: Python breaks daemons off when it ends, even amid torch.
        self._thread = threading.Thread(target=self._run, name="encoder")

    @property
    def batch_size(self) -> int:
        """How many pictures the model takes at a time now; 0 until it is loaded."""
        return self.model.batch_size if self._is_loaded else 0

    def load(self) -> None:
        """Start the thread and wait until the image tower is loaded; raises what loading raises."""
        self._is_busy = True
        self._thread.start()
        self.wait()

    def put(self, batch: PendingBatch, pixels: Pixels) -> None:
        """Let a batch's pixels be encoded into its `embeddings`, once `wait` has returned."""
        assert not self._is_busy
        self._is_busy = True
        self._batches.put((batch, pixels))

    def is_done(self) -> bool:
        """Return whether there is a batch to wait for, and no need to wait."""
        return not self._done.empty()

    def wait(self) -> None:
        """Wait until the batch that was put, if any, is encoded; raises what encoding raises."""
        while self._is_busy:
            try:
                error = self._done.get(timeout=_LOOK_SECONDS)
            except Empty:  # on Windows signals are noticed here
                continue
            self._is_busy = False
            if error is not None:
                raise error

    def stop(self) -> None:
        """Let the thread end after the batch that it encodes, if any, and do not wait for that."""
        self._batches.put(None)

    def _run(self) -> None:
        try:
            self._is_loaded = self.model.batch_size > 0
            self._done.put(None)
            while (task := self._batches.get()) is not None:
                batch, pixels = task
                # An audit hook (sys.addaudithook) can log what is encoded, even before a kill.
                sys.audit("clipfind.encode", [picture.path for picture in batch.waiting.values()])
                batch.embeddings = self.model.pictures(pixels)
                self._done.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._done.put(error)
