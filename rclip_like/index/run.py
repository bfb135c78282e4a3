"""One indexing run: walk beside rows -> read -> encode -> commit.

The survey walks, the readers decode and the encoder encodes in threads and processes of their own;
all that is written is written by the thread that called, which also takes the signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rclip_like.errors import ModelError, Reason
from rclip_like.index.batch import PendingBatch
from rclip_like.index.damage import drop_damage
from rclip_like.index.encoding import EncoderThread
from rclip_like.index.outcomes import Outcomes
from rclip_like.index.places import place_pictures
from rclip_like.index.spool import Spool
from rclip_like.index.stopping import Stopped, Stopping, time_limit
from rclip_like.index.survey import Survey
from rclip_like.models.fingerprint import PREPROCESSING_VERSION
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import Batch, Store
from rclip_like.values import READER_VERSIONS, IndexReport, Root, Trouble

if TYPE_CHECKING:
    from rclip_like.images.readers import Readers, ReadTask
    from rclip_like.index.thumbnails import ThumbnailsBeside
    from rclip_like.models.model import Model
    from rclip_like.store import Writer

Item = TypeVar("Item")

_PROGRESS_SECONDS = 0.1
_GONE_A_BATCH = 1024
_FACTS_A_BATCH = 16_384
_SIDECARS_A_TRANSACTION = 256
_READERS = frozenset(f"{name} {version}" for name, version in READER_VERSIONS.items())


class Progress(NamedTuple):
    """How far a run is, in numbers of files.

    `done` of `total` files that had to be read are finished, `failed` among them could not be;
    `total` is None while the walk goes on. `seen` counts all files walked, unchanged ones too.
    """

    done: int
    total: int | None
    failed: int = 0
    seen: int = 0


def bring_up_to_date(
    store: Store,
    roots: Sequence[Root],
    model: Model,
    settings: IndexSettings,
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> IndexReport:
    """Bring the rows under the roots in line with the disk and return what that came to.

    The image tower is loaded when the first picture needs it, and used in a thread of its own.
    Whatever ends the run, each batch was one transaction and the next run goes on. `on_wait` is
    called once, before waiting for another indexer. Raises IndexLocked when another process indexes
    and `settings.wait` is off, StoreError when the index cannot be written, ModelError from the
    model, Interrupted on SIGINT, SIGTERM or SIGHUP if called in the main thread.
    """
    with Stopping() as stopping, ExitStack() as stack:
        with stopping.breakable():
            writer = stack.enter_context(store.writing(wait=settings.wait, on_wait=on_wait))
        specification = model.specification
        model_id = writer.add_model(
            specification.name,
            specification.fingerprint,
            preprocessing_version=PREPROCESSING_VERSION,
            dimension=specification.dimension,
        )
        has_outdated = writer.mark_outdated(model_id, _READERS) > 0
        since = writer.verify_since(time.time_ns()) if settings.verify else 0
        survey = Survey(store, model_id, roots, settings, read_since_ns=since)
        run = _Run(writer, survey, EncoderThread(model), stopping, on_progress, has_outdated)
        with time_limit(settings.max_seconds, run.end):
            run.go()
        report = run.report()
        if settings.verify and report.finished:
            writer.end_verification()
        return report


@dataclass
class _Run:
    """One run: what it has to write and what it has done; all in the thread that called."""

    writer: Writer
    survey: Survey
    encoder: EncoderThread
    stopping: Stopping
    on_progress: Callable[[Progress], None] | None
    has_outdated: bool
    """Whether embeddings are to be replaced, since a reader was mended."""
    has_matrix: bool = True
    collected: PendingBatch = field(default_factory=PendingBatch)
    """The batch that grows with what is read."""
    at_encoder: PendingBatch = field(default_factory=PendingBatch)
    """The batch before it, which the encoder has; an empty one if it has none."""
    readers: Readers | None = None
    num_encoded: int = 0
    num_reused: int = 0
    num_removed: int = 0
    num_words_read: int = 0
    num_tiled: int = 0
    lacks_tiles: bool = False
    """Whether the time was over before all pictures had theirs."""
    is_out_of_time: bool = False
    started: float = field(default_factory=time.monotonic)
    shown_at: float = 0.0

    def __post_init__(self) -> None:
        self.settings, self.model_id = self.survey.settings, self.survey.model_id
        store, findings = self.survey.store, self.survey.findings
        self.outcomes = Outcomes(store, self.model_id, findings, self.settings)

    def go(self) -> None:
        """Do the whole run; a signal ends it once what is already encoded is written."""
        with self.stopping.breakable():
            damage = drop_damage(self.writer, self.model_id, verify=self.settings.verify)
        self.outcomes.troubles += damage
        self.survey.start()
        try:
            self._read_and_encode()
            gone_paths = self._items_of(self.survey.gone)
            for gone in self._until_over(_in_chunks(gone_paths, _GONE_A_BATCH)):
                self.writer.commit(self.model_id, Batch(gone=gone))
                self.num_removed += len(gone)
            unnoted = self._items_of(self.survey.unnoted)
            for facts in self._until_over(_in_chunks(unnoted, _FACTS_A_BATCH)):
                self.writer.commit(self.model_id, Batch(noted=facts))
            self._add_tiles()
            self._extend_matrix(at_last=True)
            self._read_words()
            for _ in self._until_over(place_pictures(self.writer)):
                self._show_progress()
            for _ in self._until_over(iter(self.writer.words.index_some, False)):
                pass
        except Stopped:
            self.stopping.settle()
            self._save_rest()
            if self.survey.findings.is_complete:
                self.stopping.remaining = self.survey.findings.pending - self._num_done()
            raise
        finally:
            self.encoder.stop()
            self.survey.stop()
        self._remember_roots()

    def end(self) -> None:
        """Let the run come to its end now; called from another thread when its time is over."""
        self.is_out_of_time = True
        if self.readers is not None:
            self.readers.close()

    def report(self) -> IndexReport:
        """Return what the run came to."""
        findings, outcomes = self.survey.findings, self.outcomes
        remaining = findings.pending - self._num_done()
        return IndexReport(
            seen=findings.seen,
            unchanged=findings.unchanged,
            encoded=self.num_encoded,
            reused=self.num_reused - outcomes.num_verified,
            verified=outcomes.num_verified,
            reread=outcomes.num_reread,
            words_read=self.num_words_read,
            removed=self.num_removed,
            tiled=self.num_tiled,
            altered=tuple(outcomes.altered),
            failed=len(outcomes.failures),
            failed_before=outcomes.num_failed_before + findings.failed_before,
            passed_over=findings.left_out["raw pair"],
            unread_formats=dict(findings.unread_formats.most_common()),
            unread_videos=findings.left_out["video"],
            unfollowed_links=findings.left_out["link"],
            dead_links=findings.left_out["dead link"],
            nomedia_folders=findings.left_out["nomedia"],
            remaining=remaining,
            seconds=time.monotonic() - self.started,
            finished=findings.is_complete and remaining == 0 and not self.lacks_tiles,
            failures=tuple(outcomes.failures),
            troubles=(*findings.troubles, *outcomes.troubles),
        )

    # Reading and encoding.

    def _read_and_encode(self) -> None:
        """Read what the survey finds; encode a batch while the one before it is committed.

        Found files become tasks, and tasks results, one by one as this loop asks for the next.
        """
        specification = self.encoder.model.specification
        found = self._items_of(self.survey.pending)
        thumbnails = self._thumbnails()
        further = thumbnails.products if thumbnails else ()
        tasks = self.outcomes.tasks(found, specification.preprocessing, further)
        with self.stopping.breakable():
            first = next(tasks, None)
        if first is None:
            return
        from rclip_like.images.readers import Readers

        with Readers(self.settings.read or ReadSettings()) as self.readers:
            work = chain([first], tasks), self._commit_if_encoded
            results = self.readers.read_all(*work, *([thumbnails.keep] if thumbnails else []))
            for result in self._until_over(results):
                if isinstance(result, Trouble) and result.code is Reason.MODEL:
                    name = specification.name
                    raise ModelError(f"the model {name} cannot take pictures: {result.reason}")
                self.outcomes.take(result, self.collected, self.at_encoder)
                if self.collected.waiting and not self.encoder.batch_size:
                    with self.stopping.breakable():
                        self.encoder.load()
                    self.collected.since = time.monotonic()  # torch may have taken ten seconds
                if self.collected.is_due(self.encoder.batch_size):
                    self._encode_collected()
                self._show_progress()
        self._encode_collected()
        self._commit_encoded()
        self._show_progress(at_last=True)

    def _read_words(self) -> None:
        """Read changed sidecars, and the words of pictures that were indexed before.

        What was read stays, and what was not is read by the next run.
        """
        from rclip_like.index.words import read_sidecars, read_words, unread_tasks

        sidecars = _in_chunks(self._items_of(self.survey.sidecars), _SIDECARS_A_TRANSACTION)
        for _ in self._until_over(read_sidecars(self.writer, sidecars)):
            self._show_progress()
        if self.settings.read_words:
            tasks = unread_tasks(self.writer, self.survey.roots)
            for number in self._read_on(tasks, partial(read_words, self.writer)):
                self.num_words_read += number

    def _add_tiles(self) -> None:
        """Encode the tiles of pictures that were encoded before without them."""
        if not self.settings.tiles:
            return
        from rclip_like.index.tiles import add_tiles, untiled_tasks

        tasks = untiled_tasks(self.writer, self.model_id, self.survey.roots, self.encoder)
        work = partial(add_tiles, self.writer, self.model_id, self.encoder)
        for number in self._read_on(tasks, work):
            self.num_tiled += number
        self.lacks_tiles = self.is_out_of_time

    def _read_on(
        self,
        tasks: Iterator[ReadTask],
        work: Callable[[Readers, Iterator[ReadTask]], Iterator[int]],
    ) -> Iterator[int]:
        """Yield what the work yields that is done with further tasks, until the time is over."""
        if self.is_out_of_time or (first := next(tasks, None)) is None:
            return
        from rclip_like.images.readers import Readers

        with Readers(self.settings.read or ReadSettings()) as self.readers:
            for number in self._until_over(work(self.readers, chain([first], tasks))):
                self._show_progress()
                yield number

    def _thumbnails(self) -> ThumbnailsBeside | None:
        if not self.settings.thumbnails:
            return None
        from rclip_like.index.thumbnails import ThumbnailsBeside

        preprocessing = self.encoder.model.specification.preprocessing
        return ThumbnailsBeside(preprocessing, self.settings.thumbnail_megabytes * 1_000_000)

    def _encode_collected(self) -> None:
        """Give the collected batch to the encoder once it is idle; then commit the one it had.

        A collected batch with nothing to encode is committed after that one at once.
        """
        batch = self.collected
        pixels = batch.pixels() if batch.waiting else None
        with self.stopping.breakable():
            self.encoder.wait()
        encoded, self.at_encoder, self.collected = self.at_encoder, PendingBatch(), PendingBatch()
        if pixels is not None:
            self.at_encoder = batch
            self.encoder.put(batch, pixels)
        self._commit(encoded)
        if pixels is None:
            self._commit(batch)
        self._extend_matrix()

    def _commit_encoded(self) -> None:
        """Wait for the encoder and commit its batch."""
        with self.stopping.breakable():
            self.encoder.wait()
        with self.stopping.shielded():
            self._commit(self.at_encoder)  # where that fails, `_save_rest` fails, and says why
            self.at_encoder = PendingBatch()

    def _commit_if_encoded(self) -> None:
        """Commit the encoder's batch if it is done; called while there is nothing else to do."""
        if self.encoder.is_done():
            self._commit_encoded()

    def _save_rest(self) -> None:
        """Write what is encoded, and what needs no encoding, of the batches not committed yet."""
        batches = (self.at_encoder, self.collected)
        unencoded = {
            digest for batch in batches if batch.embeddings is None for digest in batch.waiting
        }
        for batch in batches:
            self._commit(batch, unencoded)
            batch.files = [file for file in batch.files if file.digest in unencoded]

    # Writing.

    def _commit(self, pending: PendingBatch, unencoded: Container[bytes] = ()) -> None:
        """Write a batch, except files whose contents are among the unencoded ones."""
        batch = pending.as_batch(unencoded)
        if batch.files or batch.failures or batch.gone:
            self.writer.commit(self.model_id, batch)
        self.num_encoded += len(batch.contents)
        self.num_reused += len(batch.files) - len(batch.contents)

    def _extend_matrix(self, *, at_last: bool = False) -> None:
        """Bring the matrix up to date, for fast searches; after a signal the next run does that.

        After a failure it is not tried again, since each attempt would write all of it.
        """
        if not self.has_matrix or self.is_out_of_time:
            return
        if self.has_outdated and not at_last:  # each of these would make it anew
            return
        with self.stopping.breakable():
            self.has_matrix = self.writer.extend_matrix(self.model_id) is not False

    def _remember_roots(self) -> None:
        findings = self.survey.findings
        if not findings.is_complete:
            return
        folders = (root.path for root in self.survey.roots if not root.is_file)
        changes = findings.inodes.now(folders)
        if findings.root_devices or changes:
            self.writer.put_roots(findings.root_devices, changes, walked_at_ns=time.time_ns())
        if moved := findings.devices.moved():
            self.writer.move_devices(moved, self.survey.roots)

    # Going on, and how far it went.

    def _until_over(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items until the time is over; a signal breaks off the wait for the next."""
        while not self.is_out_of_time:
            with self.stopping.breakable():
                item = next(items, None)
            if item is None:
                return
            yield item

    def _items_of(self, spool: Spool[Item]) -> Iterator[Item]:
        """Yield what the survey puts into the spool, and be of use while there is nothing."""
        return spool.items(self._while_waiting, lambda: self.is_out_of_time)

    def _while_waiting(self) -> None:
        self._commit_if_encoded()
        self._show_progress()

    def _num_done(self) -> int:
        """How many of the files that had to be read are written, or could not be read."""
        return self.outcomes.num_read - len(self.at_encoder.files) - len(self.collected.files)

    def _show_progress(self, *, at_last: bool = False) -> None:
        now = time.monotonic()
        is_early = now - self.shown_at < _PROGRESS_SECONDS and not at_last
        if self.on_progress is None or is_early:
            return
        self.shown_at = now
        findings = self.survey.findings
        total = findings.pending if findings.is_complete else None
        failed = len(self.outcomes.failures)
        self.on_progress(Progress(self._num_done(), total, failed, findings.seen))


def _in_chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield the items in lists of `size`, the last one shorter."""
    return iter(lambda: list(islice(items, size)), [])
