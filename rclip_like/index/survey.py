"""Survey: the walk beside the rows of the index, in a thread of its own that runs ahead."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial

from rclip_like.errors import MOST_ATTEMPTS, TRIED_AGAIN
from rclip_like.index.rows import IndexedRows
from rclip_like.index.spool import Spool
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import IndexedFacts, Store
from rclip_like.values import FileFacts, Root, Seen, Trouble
from rclip_like.walk import walk_pages
from rclip_like.walk.identity import Devices, Inodes
from rclip_like.walk.left_out import Why
from rclip_like.walk.missing import device_of, is_gone, is_unmounted
from rclip_like.walk.patterns import extension

_MOUNT_MISSING = (
    "is empty and on another device than before; its pictures stay indexed, is the disk mounted?"
)
_PATIENCE_SECONDS = 1.0
_WALK_NOTED_NS = 600 * 10**9


@dataclass
class Findings:
    """What the survey has found so far; only its own thread writes it."""

    seen: int = 0
    unchanged: int = 0
    failed_before: int = 0
    left_out: Counter[Why] = field(default_factory=Counter)
    unread_formats: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    is_complete: bool = False
    troubles: list[Trouble] = field(default_factory=list)
    root_devices: dict[bytes, int] = field(default_factory=dict)
    """Folders that were walked and the device each lies on, where that is worth a write."""
    devices: Devices = field(default_factory=Devices)
    inodes: Inodes = field(default_factory=lambda: Inodes({}))


@dataclass
class Survey:
    """Compares the walk with the rows under the roots and spools what has to be done.

    `pending` are the files to read, `gone` the paths whose rows have lost their file, `unnoted` the
    unchanged files whose inode or ctime the index does not have.
    """

    store: Store
    """From `start` on a connection of the survey's own thread."""
    model_id: int
    roots: Sequence[Root]
    settings: IndexSettings
    read_since_ns: int = 0
    findings: Findings = field(default_factory=Findings)
    pending: Spool[FileFacts] = field(default_factory=Spool)
    gone: Spool[bytes] = field(default_factory=Spool)
    unnoted: Spool[FileFacts] = field(default_factory=Spool)
    is_stopped: bool = False

    def start(self) -> None:
        """Start to walk."""
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the walk; one that hangs on a dead mount is left behind, with the rows it reads."""
        self.is_stopped = True
        self._thread.join(_PATIENCE_SECONDS)
        if not self._thread.is_alive():
            for spool in (self.pending, self.gone, self.unnoted):
                spool.discard()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self.store.another() as self.store:
                self._compare()
        except Exception as caught:  # noqa: BLE001 - raised again in the thread that reads
            error = caught
        for spool in (self.unnoted, self.gone, self.pending):
            spool.close(error)

    def _compare(self) -> None:
        findings = self.findings
        findings.inodes = Inodes(self.store.inode_changes(), self.settings.walk.inodes)
        facts = partial(self.store.indexed_facts, self.model_id, read_since_ns=self.read_since_ns)
        with closing(IndexedRows(facts, self.roots, self._miss)) as rows:
            for page in walk_pages(self.roots, self.settings.walk, self._leave_out):
                if self.is_stopped:
                    return
                if rows.match(page):
                    findings.seen += len(page)
                    findings.unchanged += len(page)
                    findings.devices.same.update([seen[3] for seen in page])
                    if page:
                        findings.inodes.note_same(rows.root_path)
                else:
                    self._compare_singly(rows, page)
            rows.finish()
        self._look_at_roots()
        findings.is_complete = True

    def _compare_singly(self, rows: IndexedRows, page: Sequence[Seen | Trouble]) -> None:
        for seen in page:
            if isinstance(seen, Trouble):
                self.findings.troubles.append(seen)
                continue
            found = FileFacts.within(seen)
            self.findings.seen += 1
            row = rows.find(found.path)
            if row is None or not self._is_unchanged(row, found, rows.root_path):
                self.findings.pending += 1
                self.pending.put(found)

    def _is_unchanged(self, row: IndexedFacts, found: FileFacts, root_path: bytes) -> bool:
        """Return whether the row still holds for the file that was found, and count it."""
        _, size_bytes, mtime_ns, device, inode, _ = row
        if mtime_ns != found.mtime_ns or size_bytes != found.size_bytes:
            return False
        if inode is None:
            if not self._is_hopeless(found):
                return False
            self.findings.failed_before += 1
        elif not self._is_same_file(row, found, root_path):
            return False
        else:
            self.findings.unchanged += 1
        if device != found.device or device not in self.findings.devices.same:
            self.findings.devices.compare(device, found)
        return True

    def _is_same_file(self, row: IndexedFacts, found: FileFacts, root_path: bytes) -> bool:
        """Return whether inode and ctime say that the file of this size and mtime is as it was.

        If they do not, it may be another file under the same name: its content has to be read.
        """
        *_, inode, changed_ns = row
        inodes = self.findings.inodes
        if inode == found.inode:
            inodes.note_same(root_path)
        else:
            inodes.note_new(root_path)
        if (inode, changed_ns) == (found.inode, found.changed_ns):
            return True
        is_same = changed_ns is None and inode == found.inode
        if not is_same and inodes.are_stable(found.path):
            return False
        self.unnoted.put(found)
        return True

    def _is_hopeless(self, found: FileFacts) -> bool:
        """Return whether the file could not be read before, and would not be now."""
        failure = None if self.settings.retry else self.store.failure_of(found, settled=True)
        if failure is None or failure.reader_versions not in self._hopeless_attempts:
            return False
        return failure.code not in TRIED_AGAIN or failure.attempts >= MOST_ATTEMPTS

    @cached_property
    def _hopeless_attempts(self) -> frozenset[str]:
        from rclip_like.images.support import hopeless_attempts

        return hopeless_attempts(self.settings.read or ReadSettings())

    def _leave_out(self, why: Why, path: bytes) -> None:
        self.findings.left_out[why] += 1
        if why == "format":
            self.findings.unread_formats[os.fsdecode(extension(path))] += 1

    def _miss(self, row: IndexedFacts, root: Root) -> None:
        path, device = row[0], row[3]
        if not self.is_stopped and is_gone(path, device, root.path):
            self.gone.put(path)

    def _look_at_roots(self) -> None:
        for root in self.roots:
            if root.is_file:
                continue
            before = self.store.walked_root(root.path)
            try:
                device = device_of(root.path)
                is_gone_mount = is_unmounted(root.path, before.device if before else device)
            except OSError:
                continue  # the walk has reported it
            if is_gone_mount:
                self.findings.troubles.append(Trouble(root.path, _MOUNT_MISSING, lasting=False))
                continue
            # A search that changes nothing writes nothing; a clock set back counts as long ago.
            noted_ns = before.walked_at_ns if before and before.device == device else 0
            if abs(time.time_ns() - noted_ns) > _WALK_NOTED_NS:
                self.findings.root_devices[root.path] = device
