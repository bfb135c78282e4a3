"""Survey: the walk beside the rows of the index, in a thread of its own that runs ahead."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TypeGuard

from rclip_like.errors import MOST_ATTEMPTS, TRIED_AGAIN
from rclip_like.index.spool import Spool
from rclip_like.settings import IndexSettings, ReadSettings
from rclip_like.store import IndexedFacts, Store, range_of, ranges_of
from rclip_like.store.rows import IMPORTED_DEVICE
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


class IndexedRows:
    """What the index holds of each file that the walk comes to, root after root."""

    def __init__(
        self,
        indexed_facts: Callable[[Sequence[Root]], Generator[list[IndexedFacts], None, None]],
        roots: Sequence[Root],
        on_miss: Callable[[IndexedFacts, Root], None],
    ) -> None:
        """`on_miss` is called with each row whose file the walk did not come to."""
        self._indexed_facts = indexed_facts
        self._roots = iter(roots)
        self._on_miss = on_miss
        self._root: Root | None = None
        self._last = b""
        self._pages = indexed_facts([])  # of no root: none
        self._page: list[IndexedFacts] = []
        self._number = 0
        """The number of the next row on the page."""
        self._enter_next_root()

    @property
    def root_path(self) -> bytes:
        """The path of the root that the walk is in."""
        return b"" if self._root is None else self._root.path

    def match(self, page: Sequence[Seen | Trouble]) -> TypeGuard[Sequence[Seen]]:
        """Return whether the next rows are these files, settled and unchanged; if so, pass them.

        One comparison for all of them, in C, as nothing has changed in most of the pages.
        """
        end = self._number + len(page)
        if end > len(self._page):
            self._page = self._page[self._number :] + next(self._pages, [])
            self._number, end = 0, len(page)
        if self._page[self._number : end] != page:
            return False
        self._number = end
        self._last = self._page[end - 1][0] if page else self._last
        return True

    def find(self, path: bytes) -> IndexedFacts | None:
        """Return the row of `path`, if any; those before it that were not asked for are missed."""
        while self._root is not None:
            start, end = self._range
            if self._last < path and start <= path < end:
                break
            self._enter_next_root()
        self._last = path
        while (row := self._next()) is not None and row[0] < path:
            self._miss(row)
        if row is None or row[0] != path:
            return None
        self._number += 1
        return row

    def finish(self) -> None:
        """Miss all rows that were not asked for."""
        while self._root is not None:
            self._enter_next_root()

    def close(self) -> None:
        """Ask for no more rows, and let nobody read them ahead."""
        self._pages.close()

    def _next(self) -> IndexedFacts | None:
        """Return the next row of this root without passing it."""
        if self._number == len(self._page):
            self._page, self._number = next(self._pages, []), 0
        return self._page[self._number] if self._page else None

    def _miss(self, row: IndexedFacts) -> None:
        assert self._root is not None
        self._on_miss(row, self._root)
        self._number += 1

    def _enter_next_root(self) -> None:
        """Miss the rows that are left of this root, if any, and turn to the next one."""
        while (row := self._next()) is not None:
            self._miss(row)
        self._root = next(self._roots, None)
        self._last = b""
        if self._root is None:
            return
        self._range = range_of(self._root)
        self._pages = self._indexed_facts([self._root])
        self._page, self._number = [], 0


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
    unchanged files whose inode or ctime the index does not have, `sidecars` those files of metadata
    that are new, changed or gone.
    """

    store: Store
    """The walk reads from a connection of its own to the same index."""
    model_id: int
    roots: Sequence[Root]
    settings: IndexSettings
    read_since_ns: int = 0
    findings: Findings = field(default_factory=Findings)
    pending: Spool[FileFacts] = field(default_factory=Spool)
    gone: Spool[bytes] = field(default_factory=Spool)
    unnoted: Spool[FileFacts] = field(default_factory=Spool)
    sidecars: Spool[bytes] = field(default_factory=Spool)
    is_stopped: bool = False
    _sidecars_before: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """What the index knows of sidecars that the walk has not met: size in bytes and mtime."""

    def start(self) -> None:
        """Start to walk."""
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the walk; one that hangs on a dead mount is left behind, with the rows it reads."""
        self.is_stopped = True
        self._thread.join(_PATIENCE_SECONDS)
        if not self._thread.is_alive():
            for spool in (self.pending, self.gone, self.unnoted, self.sidecars):
                spool.discard()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self.store.another() as store:
                self._compare(store)
        except Exception as caught:  # noqa: BLE001 - raised again in the thread that reads
            error = caught
        for spool in (self.sidecars, self.unnoted, self.gone, self.pending):
            spool.close(error)

    def _compare(self, store: Store) -> None:
        findings = self.findings
        self._sidecars_before = store.words.sidecars(ranges_of(self.roots))
        findings.inodes = Inodes(store.inode_changes(), self.settings.walk.inodes)
        facts = partial(store.indexed_facts, self.model_id, read_since_ns=self.read_since_ns)
        with closing(IndexedRows(facts, self.roots, self._miss)) as rows:
            for page in walk_pages(self.roots, self.settings.walk, self._leave_out):
                if self.is_stopped:
                    return
                if rows.match(page):
                    findings.seen += len(page)
                    findings.unchanged += len(page)
                    findings.devices.same.update([seen[3] for seen in page])
                    if page:
                        findings.inodes.note(rows.root_path, is_same=True)
                else:
                    self._compare_singly(store, rows, page)
            rows.finish()
        for path in self._sidecars_before:
            if os.path.isdir(os.path.dirname(path)) and not os.path.isfile(path):
                self.sidecars.put(path)
        self._look_at_roots(store)
        findings.is_complete = True

    def _compare_singly(
        self, store: Store, rows: IndexedRows, page: Sequence[Seen | Trouble]
    ) -> None:
        for seen in page:
            if isinstance(seen, Trouble):
                self.findings.troubles.append(seen)
                continue
            found = FileFacts.within(seen)
            self.findings.seen += 1
            row = rows.find(found.path)
            if row is None or not self._is_unchanged(store, row, found, rows.root_path):
                self.findings.pending += 1
                self.pending.put(found)

    def _is_unchanged(
        self, store: Store, row: IndexedFacts, found: FileFacts, root_path: bytes
    ) -> bool:
        """Return whether the row still holds for the file that was found, and count it.

        Where inode or ctime differ at the same size and mtime, it may be another file under the
        same name: its content has to be read.
        """
        _, size_bytes, mtime_ns, device, settled_inode, changed_ns = row
        inodes = self.findings.inodes
        if mtime_ns != found.mtime_ns or size_bytes != found.size_bytes:
            return False
        if settled_inode is None:
            if not self._is_hopeless(store, found):
                return False
            self.findings.failed_before += 1
        else:
            has_same_inode = settled_inode == found.inode
            inodes.note(root_path, is_same=has_same_inode)
            if not has_same_inode or changed_ns != found.changed_ns:
                lacks_ctime_alone = has_same_inode and changed_ns is None
                if not lacks_ctime_alone and inodes.are_stable(found.path):
                    return False
                self.unnoted.put(found)
            self.findings.unchanged += 1
        if device != found.device or device not in self.findings.devices.same:
            self.findings.devices.compare(device, found)
        return True

    def _is_hopeless(self, store: Store, found: FileFacts) -> bool:
        """Return whether the file could not be read before, and would not be now."""
        failure = None if self.settings.retry else store.failure_of(found, settled=True)
        if failure is None or failure.reader_versions not in self._hopeless_attempts:
            return False
        return failure.code not in TRIED_AGAIN or failure.attempts >= MOST_ATTEMPTS

    @cached_property
    def _hopeless_attempts(self) -> frozenset[str]:
        from rclip_like.images.support import hopeless_attempts

        return hopeless_attempts(self.settings.read or ReadSettings())

    def _leave_out(self, why: Why, path: bytes) -> None:
        if why == "sidecar":
            self._look_at_sidecar(path)
            return
        self.findings.left_out[why] += 1
        if why == "format":
            self.findings.unread_formats[os.fsdecode(extension(path))] += 1

    def _look_at_sidecar(self, path: bytes) -> None:
        """Note one that is new or changed; there is a `stat` for each of them, for no picture."""
        before = self._sidecars_before.pop(path, None)
        try:
            status = os.lstat(path)
        except OSError:
            return
        if before != (status.st_size, status.st_mtime_ns):
            self.sidecars.put(path)

    def _miss(self, row: IndexedFacts, root: Root) -> None:
        path, device = row[0], row[3]
        if device == IMPORTED_DEVICE:
            device = _device_of_walked(root.path)
        if not self.is_stopped and is_gone(path, device, root.path):
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
                continue
            # A search that changes nothing writes nothing; a clock set back counts as long ago.
            noted_ns = before.walked_at_ns if before and before.device == device else 0
            if abs(time.time_ns() - noted_ns) > _WALK_NOTED_NS:
                self.findings.root_devices[root.path] = device


def _device_of_walked(folder: bytes) -> int:
    """Return the device of a folder that was walked, IMPORTED_DEVICE for an empty one.

    A folder is empty where its disk is not mounted.
    """
    try:
        if os.path.isdir(folder):
            with os.scandir(folder) as entries:
                if next(entries, None) is None:
                    return IMPORTED_DEVICE
        return device_of(folder)
    except OSError:
        return IMPORTED_DEVICE
