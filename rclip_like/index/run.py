"""One indexing run: the survey runs ahead, readers decode, the encoder encodes, batches land."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from typing import TYPE_CHECKING, Unpack

from rclip_like.errors import ModelError, Reason
from rclip_like.index.batch import PendingBatch, PendingRead, reading_of
from rclip_like.index.damage import drop_damage
from rclip_like.index.stopping import Stopped, Stopping, time_limit
from rclip_like.index.survey import Survey
from rclip_like.index.values import Listeners, Progress
from rclip_like.models.fingerprint import PREPROCESSING_VERSION
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import Batch, Store
from rclip_like.values import (
    READER_VERSIONS,
    IndexReport,
    Picture,
    Preprocessing,
    Root,
    Trouble,
)
from rclip_like.walk.missing import folder_device, is_gone, is_missing

if TYPE_CHECKING:
    from rclip_like.images.readers import Readers, ReadTask
    from rclip_like.models.model import Model
    from rclip_like.store import Writer

_PROGRESS_SECONDS = 0.1
_GONE_A_BATCH = 1024
_FACTS_A_BATCH = 16_384
_UNKNOWN_BATCH_SIZE = 1 << 30
_READERS = frozenset(f"{name} {version}" for name, version in READER_VERSIONS.items())
_ALTERED = "its content changed, though not its size and time; encoded anew"


def bring_up_to_date(
    store: Store,
    roots: Sequence[Root],
    model: Model,
    settings: IndexSettings,
    **listeners: Unpack[Listeners],
) -> IndexReport:
    """Bring the rows under the roots in line with the disk and return what that came to.

    The image tower is loaded when the first picture needs it. Whatever ends the run, each batch was
    one transaction and the next run goes on. Raises IndexLocked when another process indexes and
    `settings.wait` is off, StoreError when the index cannot be written, ModelError from the
    model, Interrupted on SIGINT, SIGTERM or SIGHUP if called in the main thread.
    """
    with Stopping() as stopping, ExitStack() as stack:
        with stopping.breakable():
            on_wait = listeners.get("on_wait")
            writer = stack.enter_context(store.writing(wait=settings.wait, on_wait=on_wait))
        specification = model.specification
        model_id = writer.add_model(
            specification.name,
            specification.fingerprint,
            preprocessing_version=PREPROCESSING_VERSION,
            dimension=specification.dimension,
        )
        since = writer.verify_since(time.time_ns()) if settings.verify else 0
        survey = Survey(store, model_id, roots, settings, read_since_ns=since)
        run = _Run(store, writer, model_id, survey, settings, stopping)
        run.on_progress = listeners.get("on_progress")
        with time_limit(settings.max_seconds, run.end):
            run.go(model)
        report = run.report()
        if settings.verify and report.finished:
            writer.end_verification()
        return report


class _Run:
    """What one run has to write and what it has done; all in the thread that called."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        model_id: int,
        survey: Survey,
        settings: IndexSettings,
        stopping: Stopping,
    ) -> None:
        self.on_progress: Callable[[Progress], None] | None = None
        self._store = store
        self._writer = writer
        self._model_id = model_id
        self._survey = survey
        self._settings = settings
        self._stopping = stopping
        self._readers: Readers | None = None
        self._batch_size: int | None = None
        self._batch = PendingBatch()
        self._reads: dict[bytes, PendingRead] = {}
        self._is_out_of_time = False
        self._has_no_matrix = False
        self._num_outdated = writer.mark_outdated(model_id, _READERS)
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._arrived = 0
        self._report = IndexReport()
        self._verified = 0
        self._reread = 0
        self._altered: list[Trouble] = []
        self._failures: list[Trouble] = []
        self._troubles: list[Trouble] = []

    def go(self, model: Model) -> None:
        """Do the whole run; on Stopped, what needs no encoding is written first."""
        with self._stopping.breakable():
            verify = self._settings.verify
            self._troubles += drop_damage(self._writer.repair, self._model_id, verify=verify)
        self._survey.start()
        try:
            with self._stopping.breakable():
                tasks = self._tasks(model.specification.preprocessing)
                first = next(tasks, None)
            if first is not None:
                self._read(chain([first], tasks), model)
            self._remove_gone()
            self._note_facts()
            self._extend_matrix(at_last=True)
        except Stopped:
            self._stopping.settle()
            self._commit(self._batch.without_waiting())
            raise
        finally:
            self._survey.stop()
        self._remember_roots()

    def end(self) -> None:
        """Let the run come to its end now; called from another thread when its time is over."""
        self._is_out_of_time = True
        if self._readers is not None:
            self._readers.close()

    def report(self) -> IndexReport:
        """Return what the run came to."""
        findings = self._survey.findings
        remaining = findings.pending - self._arrived + len(self._batch.files)
        return self._report._replace(
            seen=findings.seen,
            unchanged=findings.unchanged,
            reused=self._report.reused - self._verified,
            verified=self._verified,
            reread=self._reread,
            altered=tuple(self._altered),
            failed=len(self._failures),
            failed_before=self._report.failed_before + findings.failed_before,
            passed_over=findings.left_out["raw pair"],
            unread_formats=dict(findings.unread_formats.most_common()),
            unfollowed_links=findings.left_out["link"],
            dead_links=findings.left_out["dead link"],
            nomedia_folders=findings.left_out["nomedia"],
            remaining=remaining,
            seconds=time.monotonic() - self._started,
            finished=findings.is_complete and remaining == 0,
            failures=tuple(self._failures),
            troubles=(*findings.troubles, *self._troubles),
        )

    # Reading.

    def _tasks(self, preprocessing: Preprocessing) -> Iterator[ReadTask]:
        """Yield the files to read as the survey finds them, until the time is over."""
        for found in self._survey.pending.items(self._go_on):
            if self._is_out_of_time:
                return
            from rclip_like.images.products import model_products
            from rclip_like.images.readers import ReadTask

            device = folder_device(found.path)
            facts = found if device is None else found._replace(device=device)
            read = PendingRead(facts, time.time_ns(), self._store.stored_digest(found))
            self._reads[found.path] = read
            known = self._store.digests_of_size(self._model_id, found.size_bytes)
            known = (*known, *self._encoded(read.before))
            yield ReadTask(found.path, model_products(preprocessing), known)

    def _encoded(self, digest: bytes | None) -> tuple[bytes, ...]:
        """Return the digest if its picture need not be decoded, whatever others there are."""
        is_known = digest is not None and self._store.is_encoded(self._model_id, digest)
        return (digest,) if digest is not None and is_known else ()

    def _go_on(self) -> bool:
        self._show_progress()
        return not self._is_out_of_time

    def _read(self, tasks: Iterator[ReadTask], model: Model) -> None:
        from rclip_like.images.readers import Readers

        limits = self._settings.read or ReadSettings()
        with Readers(limits) as readers:
            self._readers = readers
            for result in self._breakable(readers.read_all(tasks)):
                if isinstance(result, Trouble) and result.code is Reason.MODEL:
                    name = model.specification.name
                    raise ModelError(f"the model {name} cannot take pictures: {result.reason}")
                self._take(self._reads.pop(result.path), result)
                if self._batch.waiting and self._batch_size is None:
                    with self._stopping.breakable():
                        self._batch_size = model.batch_size
                    self._batch.since = time.monotonic()  # torch may have taken ten seconds
                if self._batch.is_due(self._batch_size or _UNKNOWN_BATCH_SIZE):
                    self._encode_and_commit(model)
                    self._extend_matrix()
                self._show_progress()
        self._encode_and_commit(model)
        self._show_progress(at_last=True)

    def _breakable(self, results: Iterator[Picture | Trouble]) -> Iterator[Picture | Trouble]:
        while True:
            with self._stopping.breakable():
                result = next(results, None)
            if result is None:
                return
            yield result

    def _take(self, read: PendingRead, result: Picture | Trouble) -> None:
        self._arrived += 1
        if isinstance(result, Trouble):
            self._take_trouble(read, result)
            return
        is_known = result.digest in self._batch.waiting or self._store.is_encoded(
            self._model_id, result.digest
        )
        is_known = is_known or self._looks_as_before(result)
        self._batch.take(read, result, encode=not is_known)
        if read.before is None:
            return
        if read.before != result.digest:
            self._survey.findings.inodes.replace(result.path)
        if not self._settings.verify:
            return
        if read.before == result.digest:
            self._verified += is_known
        else:
            self._altered.append(Trouble(result.path, _ALTERED))

    def _looks_as_before(self, picture: Picture) -> bool:
        """Take note of a content read by a mended reader, and return whether it gave the pixels
        that were encoded before.
        """
        if picture.digest in self._batch.reread:
            return True
        before = self._store.outdated_pixels(self._model_id, picture.digest)
        if before is None:
            return False
        self._reread += 1
        if before != picture.pixels_digest:
            return False
        self._batch.reread[picture.digest] = reading_of(picture)
        return True

    def _take_trouble(self, read: PendingRead, trouble: Trouble) -> None:
        path = trouble.path
        if trouble.lasting:
            self._take_failure(read, trouble)
        elif not is_missing(path):
            self._troubles.append(trouble)
        elif is_gone(path, read.facts.device, os.path.dirname(path)):
            self._batch.gone.append(path)

    def _take_failure(self, read: PendingRead, trouble: Trouble) -> None:
        """Remember a file that cannot be read, and report it unless that was done before.

        One that another model has encoded as it is keeps its row, and is not remembered: it was
        read once, so that a limit of this run, or of its model, is to blame.
        """
        from rclip_like.images.support import describe_attempt

        facts = read.facts
        if self._store.is_encoded_by_another(self._model_id, facts):
            self._failures.append(trouble)
            return
        before = self._store.failure_of(facts)
        attempt = describe_attempt(self._settings.read or ReadSettings(), trouble.code)
        self._batch.fail(read, trouble, attempt, 1 + (before.attempts if before else 0))
        if before and before.code == trouble.code and not self._settings.retry:
            self._report = self._report._replace(failed_before=self._report.failed_before + 1)
        else:
            self._failures.append(trouble)

    # Writing.

    def _encode_and_commit(self, model: Model) -> None:
        if not self._batch.waiting:
            self._commit(self._batch.without_waiting())
            return
        # An audit hook (sys.addaudithook) can tell which pictures were encoded, even after a kill.
        sys.audit("clipfind.encode", self._batch.waiting_paths())
        with self._stopping.breakable():
            embeddings = model.pictures(self._batch.pixels())
        self._commit(self._batch.as_batch(embeddings))

    def _commit(self, batch: Batch) -> None:
        """Write a batch and begin a new one with what still waits for the encoder."""
        if batch.files or batch.failures or batch.gone:
            self._writer.commit(self._model_id, batch)
        encoded = len(batch.contents)
        self._report = self._report._replace(
            encoded=self._report.encoded + encoded,
            reused=self._report.reused + len(batch.files) - encoded,
        )
        self._batch = PendingBatch() if batch.contents else self._batch.waiting_only()

    def _extend_matrix(self, *, at_last: bool = False) -> None:
        """Let searches of many rows keep their pace; what was broken off the next run does.

        Where it cannot be written it is not tried again: each time would write all of it.
        """
        if self._has_no_matrix or self._is_out_of_time:
            return
        if self._num_outdated and not at_last:  # each of these would make it anew
            return
        with self._stopping.breakable():
            self._has_no_matrix = self._writer.extend_matrix(self._model_id) is False

    def _remove_gone(self) -> None:
        gone = self._survey.gone.items(self._go_on)
        while not self._is_out_of_time:
            with self._stopping.breakable():
                paths = list(islice(gone, _GONE_A_BATCH))
            if not paths:
                return
            self._writer.commit(self._model_id, Batch(gone=paths))
            self._report = self._report._replace(removed=self._report.removed + len(paths))

    def _note_facts(self) -> None:
        unnoted = self._survey.unnoted.items(self._go_on)
        while not self._is_out_of_time:
            with self._stopping.breakable():
                some = list(islice(unnoted, _FACTS_A_BATCH))
            if not some:
                return
            self._writer.commit(self._model_id, Batch(noted=some))

    def _remember_roots(self) -> None:
        findings = self._survey.findings
        if not findings.is_complete:
            return
        folders = (root.path for root in self._survey.roots if not root.is_file)
        changes = findings.inodes.now(folders)
        if findings.root_devices or changes:
            self._writer.put_roots(findings.root_devices, changes, walked_at_ns=time.time_ns())
        if moved := findings.devices.moved():
            self._writer.move_devices(moved, self._survey.roots)

    def _show_progress(self, *, at_last: bool = False) -> None:
        now = time.monotonic()
        is_early = now - self._shown_at < _PROGRESS_SECONDS and not at_last
        if self.on_progress is None or is_early:
            return
        self._shown_at = now
        findings = self._survey.findings
        done = self._arrived - len(self._batch.files)
        total = findings.pending if findings.is_complete else None
        self.on_progress(Progress(done, total, len(self._failures), findings.seen))
