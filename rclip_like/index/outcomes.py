"""What becomes of the files that the survey found: which to read, and what each read means."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rclip_like.index.batch import PendingBatch, PendingRead, reading_of
from rclip_like.index.survey import Findings
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import FailureRow, Store
from rclip_like.values import FileFacts, Picture, Preprocessing, Trouble
from rclip_like.walk.missing import folder_device, is_gone, is_missing

if TYPE_CHECKING:
    from rclip_like.images.decoding import Product
    from rclip_like.images.readers import ReadTask

_ALTERED = "its content changed, though not its size and time; encoded anew"


@dataclass
class Outcomes:
    """Asks the index what it knows of each file, before it is read and after, and counts."""

    store: Store
    model_id: int
    findings: Findings
    settings: IndexSettings
    num_read: int = 0
    num_verified: int = 0
    num_reread: int = 0
    num_failed_before: int = 0
    altered: list[Trouble] = field(default_factory=list)
    failures: list[Trouble] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    _reads: dict[bytes, PendingRead] = field(default_factory=dict)

    def tasks(
        self,
        pending: Iterable[FileFacts],
        preprocessing: Preprocessing,
        further: tuple[Product, ...],
    ) -> Iterator[ReadTask]:
        """Yield what is to be read of each file as the survey finds it.

        further: products beside those that the model needs.
        """
        for found in pending:
            from rclip_like.images.products import model_products
            from rclip_like.images.readers import ReadTask

            device = folder_device(found.path)
            facts = found if device is None else found._replace(device=device)
            before = self.store.stored_digest(found)
            self._reads[found.path] = PendingRead(facts, time.time_ns(), before)
            known = self.store.digests_of_size(self.model_id, found.size_bytes)
            if before is not None and self.store.is_encoded(self.model_id, before):
                known = (*known, before)
            products = (*model_products(preprocessing, tiles=self.settings.tiles), *further)
            yield ReadTask(found.path, products, known)

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
            or self.store.is_encoded(self.model_id, digest)
            or self._looks_as_before(picture, batch)
        )
        batch.take(read, picture, encode=not is_encoded)
        if read.before is None:
            return
        if read.before != digest:
            self.findings.inodes.note_replaced(picture.path)
        if not self.settings.verify:
            return
        if read.before == digest:
            self.num_verified += is_encoded
        else:
            self.altered.append(Trouble(picture.path, _ALTERED))

    def _looks_as_before(self, picture: Picture, batch: PendingBatch) -> bool:
        """Return whether a mended reader gave the same pixels as were encoded before; count it."""
        before = self.store.outdated_pixels(self.model_id, picture.digest)
        if before is None:
            return False
        self.num_reread += 1
        if before != picture.pixels_digest:
            return False
        batch.reread[picture.digest] = reading_of(picture)
        return True

    def _take_failure(self, read: PendingRead, trouble: Trouble, batch: PendingBatch) -> None:
        """Store that a file cannot be read, and report it unless an earlier run did.

        A file that another model has encoded unchanged keeps its row, and no failure is stored: it
        was read once, so a limit of this run or of its model is to blame.
        """
        from rclip_like.images.support import describe_attempt

        if self.store.is_encoded_by_another(self.model_id, read.facts):
            self.failures.append(trouble)
            return
        before = self.store.failure_of(read.facts)
        attempt = describe_attempt(self.settings.read or ReadSettings(), trouble.code)
        attempts = 1 + (before.attempts if before else 0)
        row = (trouble.sentence, attempt, trouble.code, attempts)
        batch.failures.append(FailureRow(read.facts, read.read_at_ns, *row))
        if before and before.code == trouble.code and not self.settings.retry:
            self.num_failed_before += 1
        else:
            self.failures.append(trouble)
