"""Drop the rows of what is gone from the disk, or no longer wanted, and give back their room."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from rclip_like.reports import UpkeepReport
from rclip_like.settings import PruneSettings, WalkSettings
from rclip_like.store import Store, ranges_of
from rclip_like.values import Root
from rclip_like.walk import LeftOut
from rclip_like.walk.missing import is_folder_gone, look_for, nearest_folder

if TYPE_CHECKING:
    from rclip_like.store import Writer
    from rclip_like.store.dropping import Removal
    from rclip_like.store.rows import PathRange


class Listeners(TypedDict, total=False):
    """Who wants to hear: `on_wait` before waiting for the lock, `on_drop` of each file's path."""

    on_wait: Callable[[], None] | None
    on_drop: Callable[[bytes], None] | None


def as_roots(paths: Iterable[bytes]) -> list[Root]:
    """Return the roots that paths stand for, whether or not anything is there.

    Each as a file and as a folder, as it is written and with its links resolved: since it was
    indexed, a folder may have become a link, and nothing says what a missing one was.
    """
    spelt = dict.fromkeys(
        form for path in paths for form in (os.path.abspath(path), os.path.realpath(path))
    )
    return [Root(path, path, is_file=is_file) for path in spelt for is_file in (True, False)]


def unknown_paths(store: Store, paths: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return those of the paths under which no file, unreadable one or walked folder is indexed."""
    return tuple(path for path in paths if not store.has_any(as_roots([path])))


def count_raw_pairs(store: Store, roots: Sequence[Root] | None) -> int:
    """Return how many indexed raw files lie beside the picture made of them.

    They were indexed when that was asked for, or before the picture came. As what is left out by
    other options they stay in the index, but a search shows them only when asked to.
    """
    tops: dict[bytes, LeftOut] = {}
    number = 0
    for path in store.raw_files(roots):
        top = os.fsencode(Path(os.fsdecode(path)).anchor)
        if top not in tops:
            tops[top] = LeftOut(Root(top, top), WalkSettings(hidden=True, ignore_files=False))
        number += tops[top].has_raw_pair(path)
    return number


def prune(
    store: Store,
    paths: Sequence[bytes],
    settings: PruneSettings,
    unused_models: Collection[str] = (),
    listeners: Listeners | None = None,
) -> UpkeepReport:
    """Drop the rows of files under `paths` (none: everywhere) that are gone; return the counts.

    With them go unreadable files and walked folders that are gone, and contents that no file is
    left with; where paths are named, only contents of the files dropped. Then the models with a
    fingerprint in `unused_models` and, if `settings.texts`, the words of queries. Where a folder
    cannot be read or its disk is not there, nothing is gone. Raises IndexLocked when another
    process writes and `settings.wait` is off, StoreError when the index cannot be written.
    """
    listeners = listeners or Listeners()
    writing = _writing(store, listeners, dry_run=settings.dry_run, wait=settings.wait)
    with writing as writer, store.removal() as removal:
        marking = _Marking(store, removal, listeners.get("on_drop"))
        marking.mark_gone(ranges_of(as_roots(paths) if paths else None))
        removal.mark_models(unused_models)
        if settings.texts:
            removal.mark_texts()
        removal.mark_contents(everywhere=not paths)
        return _remove(marking.report(paths), removal, writer)


def forget(
    store: Store,
    paths: Sequence[bytes],
    listeners: Listeners | None = None,
    *,
    dry_run: bool = False,
    wait: bool = True,
) -> UpkeepReport:
    """Drop all rows of what lies or lay under `paths`, there or not; return the counts.

    Files, unreadable ones, walked folders, and contents that no other file has. No file but the
    index is touched. Raises as `prune` does.
    """
    listeners = listeners or Listeners()
    writing = _writing(store, listeners, dry_run=dry_run, wait=wait)
    with writing as writer, store.removal() as removal:
        marking = _Marking(store, removal, listeners.get("on_drop"))
        marking.mark_all(ranges_of(as_roots(paths)))
        removal.mark_contents(everywhere=False)
        return _remove(marking.report(paths), removal, writer)


def _writing(
    store: Store, listeners: Listeners, *, dry_run: bool, wait: bool
) -> AbstractContextManager[Writer | None]:
    """Hold the lock for the block, unless it is for a dry run."""
    if dry_run:
        return nullcontext()
    return store.writing(wait=wait, on_wait=listeners.get("on_wait"))


def _remove(report: UpkeepReport, removal: Removal, writer: Writer | None) -> UpkeepReport:
    """Drop what is marked and return the report of it; without a writer that of a dry run."""
    if writer is None:
        return replace(report, is_dry_run=True)
    freed_bytes, is_short = removal.drop(writer)
    return replace(report, freed_bytes=freed_bytes, is_short=is_short)


class _Marking:
    """Marks what is to be removed, and counts by folder what goes and what stays in doubt."""

    def __init__(
        self, store: Store, removal: Removal, on_drop: Callable[[bytes], None] | None
    ) -> None:
        self._store = store
        self._removal = removal
        self._on_drop = on_drop
        self._folders: Counter[bytes] = Counter()
        self._in_doubt: Counter[bytes] = Counter()
        self._out_of_reach: Counter[bytes] = Counter()

    def mark_gone(self, ranges: Sequence[PathRange]) -> None:
        """Mark files, failures and folders in the ranges that are known to be gone."""
        for files in self._removal.files(ranges):
            gone = self._look_for([(file.path, file.device) for file in files])
            self._removal.mark_files([file for file in files if file.path in gone])
        for failures in self._removal.failures(ranges):
            self._removal.mark_failures(self._look_for(failures))
        for root in self._store.walked_roots():
            if root.lies_in(ranges) and is_folder_gone(root.path, root.device):
                self._removal.mark_root(root.path)

    def mark_all(self, ranges: Sequence[PathRange]) -> None:
        """Mark all files, failures and folders in the ranges."""
        for files in self._removal.files(ranges):
            self._removal.mark_files(files)
            self._note([file.path for file in files])
        for failures in self._removal.failures(ranges):
            paths = [path for path, _ in failures]
            self._removal.mark_failures(paths)
            self._note(paths)
        for root in self._store.walked_roots():
            if root.lies_in(ranges):
                self._removal.mark_root(root.path)

    def report(self, paths: Sequence[bytes]) -> UpkeepReport:
        """Return the counts of what is marked, and which of the paths asked for are not indexed."""
        return replace(
            self._removal.count(),
            folders=dict(self._folders.most_common()),
            kept=_by_nearest_folder(self._in_doubt),
            unreachable=_by_nearest_folder(self._out_of_reach),
            unknown=unknown_paths(self._store, paths),
        )

    def _look_for(self, files: Sequence[tuple[bytes, int]]) -> list[bytes]:
        """Return the paths of the files that are gone, in their order, and count the others."""
        missing = look_for(files)
        self._in_doubt.update(map(os.path.dirname, missing.in_doubt))
        self._out_of_reach.update(map(os.path.dirname, missing.out_of_reach))
        gone = [path for path, _ in files if path in missing.gone]
        self._note(gone)
        return gone

    def _note(self, paths: Sequence[bytes]) -> None:
        self._folders.update(map(os.path.dirname, paths))
        if self._on_drop is not None:
            for path in paths:
                self._on_drop(path)


def _by_nearest_folder(files: Counter[bytes]) -> dict[bytes, int]:
    """Return how many files there are, by the nearest folder that is there."""
    below: Counter[bytes] = Counter()
    for folder, number in files.items():
        below[nearest_folder(os.path.join(folder, b"."))] += number
    return dict(below.most_common())
