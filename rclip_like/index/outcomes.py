"""What becomes of the files that the survey found: how each is read, and what its read means."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rclip_like.index.batch import PendingBatch, PendingRead, reading_of
from rclip_like.index.survey import Survey
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import Store
from rclip_like.values import Picture, Preprocessing, Trouble
from rclip_like.walk.missing import folder_device, is_gone, is_missing

if TYPE_CHECKING:
    from rclip_like.images.readers import ReadTask

_ALTERED = "its content changed, though not its size and time; encoded anew"


class Outcomes:
    """Asks the index what is known of each file before it is read and after, and counts."""

    def __init__(
        self, store: Store, model_id: int, survey: Survey, settings: IndexSettings
    ) -> None:
        self.num_read = 0
        self.num_verified = 0
        self.num_reread = 0
        self.num_failed_before = 0
        self.altered: list[Trouble] = []
        self.failures: list[Trouble] = []
        self.troubles: list[Trouble] = []
        self._store = store
        self._model_id = model_id
        self._survey = survey
        self._settings = settings
        self._reads: dict[bytes, PendingRead] = {}

    def tasks(self, preprocessing: Preprocessing, go_on: Callable[[], bool]) -> Iterator[ReadTask]:
        """Yield the files to read as the survey finds them, while `go_on` says so."""
        for found in self._survey.pending.items(go_on):
            from rclip_like.images.products import model_products
            from rclip_like.images.readers import ReadTask

            device = folder_device(found.path)
            facts = found if device is None else found._replace(device=device)
            before = self._store.stored_digest(found)
            self._reads[found.path] = PendingRead(facts, time.time_ns(), before)
            known = self._store.digests_of_size(self._model_id, found.size_bytes)
            if before is not None and self._store.is_encoded(self._model_id, before):
                known = (*known, before)
            yield ReadTask(found.path, model_products(preprocessing), known)

    def take(self, result: Picture | Trouble, batch: PendingBatch, before: PendingBatch) -> None:
        """Add to the batch what a file's read gave; the batch before it is not committed yet."""
        self.num_read += 1
        path = result.path
        read = self._reads.pop(path)
        if isinstance(result, Picture):
            self._take_picture(read, result, batch, before)
        elif result.lasting:
            self._take_failure(read, result, batch)
        elif not is_missing(path):
            self.troubles.append(result)
        elif is_gone(path, read.facts.device, os.path.dirname(path)):
            batch.gone.append(path)

    def _take_picture(
        self, read: PendingRead, picture: Picture, batch: PendingBatch, before: PendingBatch
    ) -> None:
        digest = picture.digest
        is_encoded = (
            any(digest in each.waiting or digest in each.reread for each in (batch, before))
            or self._store.is_encoded(self._model_id, digest)
            or self._looks_as_before(picture, batch)
        )
        batch.take(read, picture, encode=not is_encoded)
        if read.before is None:
            return
        if read.before != digest:
            self._survey.findings.inodes.replace(picture.path)
        if not self._settings.verify:
            return
        if read.before == digest:
            self.num_verified += is_encoded
        else:
            self.altered.append(Trouble(picture.path, _ALTERED))

    def _looks_as_before(self, picture: Picture, batch: PendingBatch) -> bool:
        """Take note of a content read by a mended reader, and return whether it gave the pixels
        that were encoded before.
        """
        before = self._store.outdated_pixels(self._model_id, picture.digest)
        if before is None:
            return False
        self.num_reread += 1
        if before != picture.pixels_digest:
            return False
        batch.reread[picture.digest] = reading_of(picture)
        return True

    def _take_failure(self, read: PendingRead, trouble: Trouble, batch: PendingBatch) -> None:
        """Remember a file that cannot be read, and report it unless that was done before.

        One that another model has encoded as it is keeps its row, and is not remembered: it was
        read once, so that a limit of this run, or of its model, is to blame.
        """
        from rclip_like.images.support import describe_attempt

        if self._store.is_encoded_by_another(self._model_id, read.facts):
            self.failures.append(trouble)
            return
        before = self._store.failure_of(read.facts)
        attempt = describe_attempt(self._settings.read or ReadSettings(), trouble.code)
        batch.fail(read, trouble, attempt, 1 + (before.attempts if before else 0))
        if before and before.code == trouble.code and not self._settings.retry:
            self.num_failed_before += 1
        else:
            self.failures.append(trouble)
