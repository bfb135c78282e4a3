"""Survey: the walk beside what is remembered, in a thread of its own that runs ahead."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeGuard

from rclip_like.errors import MOST_ATTEMPTS, TRIED_AGAIN
from rclip_like.index.spool import Spool
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import IndexedFacts, Store, range_of
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
    """What the survey has come upon so far; only the survey's thread writes it."""

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


class Survey:
    """Compares the walk with the remembered rows and spools what has to be done.

    `pending` are the files to read, `gone` the paths whose rows have lost their file, `unnoted` the
    unchanged files whose inode or ctime the index does not have.
    """

    def __init__(
        self,
        store: Store,
        model_id: int,
        roots: Sequence[Root],
        settings: IndexSettings,
        *,
        read_since_ns: int = 0,
    ) -> None:
        self.findings = Findings()
        self.pending: Spool[FileFacts] = Spool()
        self.gone: Spool[bytes] = Spool()
        self.unnoted: Spool[FileFacts] = Spool()
        self._store = store
        self._model_id = model_id
        self.roots = roots
        self._settings = settings
        self._read_since_ns = read_since_ns
        self._hopeless: frozenset[str] | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)

    def start(self) -> None:
        """Start to walk."""
        self._thread.start()

    def stop(self) -> None:
        """End the walk; one that hangs on a dead mount is left behind, with the rows it reads."""
        self._is_stopped = True
        self._thread.join(_PATIENCE_SECONDS)
        if not self._thread.is_alive():
            for spool in (self.pending, self.gone, self.unnoted):
                spool.discard()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._store.another() as store:
                self._compare(store)
        except Exception as caught:  # noqa: BLE001 - raised again in the thread that reads
            error = caught
        for spool in (self.unnoted, self.gone, self.pending):
            spool.close(error)

    def _compare(self, store: Store) -> None:
        findings = self.findings
        findings.inodes = Inodes(store.inode_changes(), self._settings.walk.inodes)
        indexed_facts = partial(
            store.indexed_facts, self._model_id, read_since_ns=self._read_since_ns
        )
        with closing(_Remembered(indexed_facts, self.roots, self._miss)) as remembered:
            for page in walk_pages(self.roots, self._settings.walk, self._leave_out):
                if self._is_stopped:
                    return
                if remembered.passes(page):
                    findings.seen += len(page)
                    findings.unchanged += len(page)
                    findings.devices.same.update([seen[3] for seen in page])
                    if page:
                        findings.inodes.keep(remembered.root_path)
                else:
                    self._compare_singly(store, remembered, page)
            remembered.finish()
        self._look_at_roots(store)
        findings.is_complete = True

    def _compare_singly(
        self, store: Store, remembered: _Remembered, page: Sequence[Seen | Trouble]
    ) -> None:
        findings = self.findings
        for seen in page:
            if isinstance(seen, Trouble):
                findings.troubles.append(seen)
                continue
            found = FileFacts.within(seen)
            findings.seen += 1
            known = remembered.find(found.path)
            if known is None or not self._is_unchanged(store, known, found, remembered.root_path):
                findings.pending += 1
                self.pending.put(found)

    def _is_unchanged(
        self, store: Store, known: IndexedFacts, found: FileFacts, root_path: bytes
    ) -> bool:
        """Return whether what is remembered still holds, and count it."""
        _, size_bytes, mtime_ns, device, inode, _ = known
        if mtime_ns != found.mtime_ns or size_bytes != found.size_bytes:
            return False
        if inode is None:
            if not self._is_hopeless(store, found):
                return False
            self.findings.failed_before += 1
        elif not self._is_same_file(known, found, root_path):
            return False
        else:
            self.findings.unchanged += 1
        if device != found.device or device not in self.findings.devices.same:
            self.findings.devices.compare(device, found)
        return True

    def _is_same_file(self, known: IndexedFacts, found: FileFacts, root_path: bytes) -> bool:
        """Return whether inode and ctime say that the file of this size and mtime is as it was.

        Where they do not it may be, or another one has its place: its content has to be read.
        """
        *_, inode, changed_ns = known
        inodes = self.findings.inodes
        if inode == found.inode:
            inodes.keep(root_path)
        else:
            inodes.change(root_path)
        if (inode, changed_ns) == (found.inode, found.changed_ns):
            return True
        is_same = changed_ns is None and inode == found.inode
        if not is_same and inodes.are_stable(found.path):
            return False
        self.unnoted.put(found)
        return True

    def _is_hopeless(self, store: Store, found: FileFacts) -> bool:
        """Return whether the file could not be read before, and would not be now."""
        failure = None if self._settings.retry else store.failure_of(found, settled=True)
        if failure is None or failure.reader_versions not in self._hopeless_attempts():
            return False
        return failure.code not in TRIED_AGAIN or failure.attempts >= MOST_ATTEMPTS

    def _hopeless_attempts(self) -> frozenset[str]:
        if self._hopeless is None:
            from rclip_like.images.support import hopeless_attempts

            self._hopeless = hopeless_attempts(self._settings.read or ReadSettings())
        return self._hopeless

    def _leave_out(self, why: Why, path: bytes) -> None:
        self.findings.left_out[why] += 1
        if why == "format":
            self.findings.unread_formats[os.fsdecode(extension(path))] += 1

    def _miss(self, known: IndexedFacts, root: Root) -> None:
        path, device = known[0], known[3]
        if not self._is_stopped and is_gone(path, device, root.path):
            self.gone.put(path)

    def _look_at_roots(self, store: Store) -> None:
        for root in self.roots:
            if root.is_file:
                continue
            before = store.walked_root(root.path)
            try:
                device = device_of(root.path)
                is_gone_mount = is_unmounted(root.path, before.device if before else device)
            except OSError:
                continue  # the walk has reported it
            if is_gone_mount:
                self.findings.troubles.append(Trouble(root.path, _MOUNT_MISSING, lasting=False))
            elif before is None or before.device != device or _is_long_ago(before.walked_at_ns):
                self.findings.root_devices[root.path] = device


class _Remembered:
    """The rows under the roots, read along with the walk; each root's ascend by path."""

    def __init__(
        self,
        indexed_facts: Callable[[Sequence[Root]], Generator[list[IndexedFacts], None, None]],
        roots: Sequence[Root],
        on_miss: Callable[[IndexedFacts, Root], None],
    ) -> None:
        self._indexed_facts = indexed_facts
        self._roots = iter(roots)
        self._on_miss = on_miss
        self._root: Root | None = None
        self._last = b""
        self._pages = indexed_facts([])  # of no root: none
        self._page: list[IndexedFacts] = []
        self._place = 0
        self._enter_next_root()

    @property
    def root_path(self) -> bytes:
        """The path of the root that the walk is in."""
        return b"" if self._root is None else self._root.path

    def passes(self, page: Sequence[Seen | Trouble]) -> TypeGuard[Sequence[Seen]]:
        """Return whether the next rows are these files, settled and unchanged, and pass by them.

        One comparison for all of them, in C, as nothing has changed in most of the pages.
        """
        end = self._place + len(page)
        if end > len(self._page):
            self._page = self._page[self._place :] + next(self._pages, [])
            self._place, end = 0, len(page)
        if self._page[self._place : end] != page:
            return False
        self._place = end
        self._last = self._page[end - 1][0] if page else self._last
        return True

    def find(self, path: bytes) -> IndexedFacts | None:
        """Return the row of `path`, if any, and report those before it that were not asked for."""
        while self._root is not None and not self._comes_here(path):
            self._leave_root()
        self._last = path
        while (row := self._next()) is not None and row[0] < path:
            self._skip(row)
        if row is None or row[0] != path:
            return None
        self._place += 1
        return row

    def finish(self) -> None:
        """Report all rows that were not asked for."""
        while self._root is not None:
            self._leave_root()

    def close(self) -> None:
        """Ask for no more rows, and let nobody read them ahead."""
        self._pages.close()

    def _comes_here(self, path: bytes) -> bool:
        start, end = self._range
        return self._last < path and start <= path < end

    def _next(self) -> IndexedFacts | None:
        """Return the next row of this root without passing by it."""
        if self._place == len(self._page):
            self._page, self._place = next(self._pages, []), 0
        return self._page[self._place] if self._page else None

    def _skip(self, row: IndexedFacts) -> None:
        assert self._root is not None
        self._on_miss(row, self._root)
        self._place += 1

    def _leave_root(self) -> None:
        while (row := self._next()) is not None:
            self._skip(row)
        self._enter_next_root()

    def _enter_next_root(self) -> None:
        self._root = next(self._roots, None)
        self._last = b""
        if self._root is None:
            return
        self._range = range_of(self._root)
        self._pages = self._indexed_facts([self._root])
        self._page, self._place = [], 0


def _is_long_ago(walked_at_ns: int) -> bool:
    """Return whether it is time to note the walk anew: a search that changes nothing writes none.

    Even a clock set back counts as long ago.
    """
    return abs(time.time_ns() - walked_at_ns) > _WALK_NOTED_NS
