"""Drop rows of what is gone from the disk, or of what the user wants no more, and their room."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from rclip_like.errors import StoreError
from rclip_like.reports import UpkeepReport
from rclip_like.settings import PruneSettings, WalkSettings
from rclip_like.store import Store, range_of, ranges_of
from rclip_like.values import Root
from rclip_like.walk import RawPairs
from rclip_like.walk.missing import is_folder_gone, is_gone, is_missing, nearest_folder

if TYPE_CHECKING:
    from rclip_like.store.dropping import Dropping
    from rclip_like.store.rows import PathRange

_SIDE_FILES = ("", "-wal")


class Listeners(TypedDict, total=False):
    """Who wants to hear: `on_wait` before waiting for the lock, `on_drop` of each file's path."""

    on_wait: Callable[[], None] | None
    on_drop: Callable[[bytes], None] | None


def places_of(paths: Iterable[bytes]) -> list[Root]:
    """Return the places that paths stand for, whether or not anything is there.

    Each as a file and as a folder, as it is written and with its links resolved: since it was
    indexed, a folder may have become a link, and nothing says what a missing one was.
    """
    spelt = dict.fromkeys(
        place for path in paths for place in (os.path.abspath(path), os.path.realpath(path))
    )
    return [Root(path, path, is_file=is_file) for path in spelt for is_file in (True, False)]


def unknown_paths(store: Store, paths: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return those of the paths under which no file, unreadable one or walked folder is indexed."""
    return tuple(path for path in paths if not store.knows(places_of([path])))


def count_raw_pairs(store: Store, roots: Sequence[Root] | None) -> int:
    """Return how many indexed raw files lie beside the picture made of them.

    They were indexed when that was asked for, or before the picture came. As what is left out by
    other options they stay in the index, but a search shows them only when asked to.
    """
    tops: dict[bytes, RawPairs] = {}
    number = 0
    for path in store.raw_files(roots):
        top = os.fsencode(Path(os.fsdecode(path)).anchor)
        if top not in tops:
            tops[top] = RawPairs(Root(top, top), WalkSettings(hidden=True), None)
        number += path in tops[top]
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
    with _at_work(store, listeners, dry_run=settings.dry_run, wait=settings.wait) as work:
        work.mark_gone(ranges_of(places_of(paths) if paths else None))
        work.rows.mark_models(unused_models)
        if settings.texts:
            work.rows.mark_texts()
        work.rows.mark_contents(everywhere=not paths)
        unknown = unknown_paths(store, paths)
        return replace(work.finish(dry_run=settings.dry_run), unknown=unknown)


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
    with _at_work(store, listeners or Listeners(), dry_run=dry_run, wait=wait) as work:
        unknown = unknown_paths(store, paths)
        work.mark_all(ranges_of(places_of(paths)))
        work.rows.mark_contents(everywhere=False)
        return replace(work.finish(dry_run=dry_run), unknown=unknown)


@contextmanager
def _at_work(store: Store, listeners: Listeners, *, dry_run: bool, wait: bool) -> Iterator[_Work]:
    """Hold the lock, unless it is for a dry run, while rows are marked and dropped."""
    on_wait = listeners.get("on_wait")
    told = None if on_wait is None else lambda _: on_wait()
    lock = nullcontext() if dry_run else store.lock(wait=wait, on_wait=told)
    with lock, store.dropping() as rows:
        yield _Work(store, rows, listeners.get("on_drop"))


class _Work:
    """One run of upkeep: what it has marked so far."""

    def __init__(
        self, store: Store, rows: Dropping, on_drop: Callable[[bytes], None] | None
    ) -> None:
        self.rows = rows
        self._store = store
        self._on_drop = on_drop or (lambda path: None)
        self._folders: Counter[bytes] = Counter()
        self._kept: Counter[bytes] = Counter()
        self._unreachable: Counter[bytes] = Counter()
        # The rows come in order of path, so most ask for the folder that was asked for last.
        self._may_enter = lru_cache(maxsize=64)(_may_enter)

    def mark_gone(self, ranges: Sequence[PathRange]) -> None:
        """Mark files, failures and folders in the ranges that are known to be gone."""
        for page in self.rows.files(ranges):
            gone = [file for file in page if self._is_gone(file.path, file.device)]
            self.rows.mark_files(gone)
            self._note(file.path for file in gone)
        for failures in self.rows.failures(ranges):
            paths = [path for path, device in failures if self._is_gone(path, device)]
            self.rows.mark_failures(paths)
            self._note(paths)
        roots = self._roots_in(ranges)
        self.rows.mark_roots(path for path, device in roots if is_folder_gone(path, device))

    def mark_all(self, ranges: Sequence[PathRange]) -> None:
        """Mark all files, failures and folders in the ranges."""
        for page in self.rows.files(ranges):
            self.rows.mark_files(page)
            self._note(file.path for file in page)
        for failures in self.rows.failures(ranges):
            paths = [path for path, _ in failures]
            self.rows.mark_failures(paths)
            self._note(paths)
        self.rows.mark_roots(path for path, _ in self._roots_in(ranges))

    def finish(self, *, dry_run: bool) -> UpkeepReport:
        """Drop what is marked and make the file smaller, unless in a dry run; return the counts."""
        report = replace(
            self.rows.count(),
            folders=dict(self._folders.most_common()),
            kept=_by_nearest_folder(self._kept),
            unreachable=_by_nearest_folder(self._unreachable),
            is_dry_run=dry_run,
        )
        if dry_run:
            return report
        before = _size_bytes(self._store.path)
        had_matrix = self._store.models_with_matrix()
        self.rows.drop()
        try:
            self._store.remove_outdated_matrices()  # before, as room may be short
            self.rows.reclaim()
            self._store.remove_outdated_matrices()
            for model_id, *_ in self._store.models():
                if model_id in had_matrix:
                    self._store.extend_matrix(model_id)
        except BaseException:
            with suppress(StoreError):
                self.rows.truncate_log()
            raise
        is_short = self.rows.truncate_log()
        freed = max(0, before - _size_bytes(self._store.path))
        return replace(report, freed_bytes=freed, is_short=is_short)

    def _is_gone(self, path: bytes, device: int) -> bool:
        folder = os.path.dirname(path)
        if not is_missing(path):
            if not self._may_enter(folder):
                self._unreachable[folder] += 1
            return False
        if is_gone(path, device, b""):
            return True
        self._kept[folder] += 1
        return False

    def _note(self, paths: Iterable[bytes]) -> None:
        for path in paths:
            self._folders[os.path.dirname(path)] += 1
            self._on_drop(path)

    def _roots_in(self, ranges: Sequence[PathRange]) -> list[tuple[bytes, int]]:
        return [
            (path, device)
            for path, device in self.rows.roots()
            if any(start <= range_of(Root(path, path)).start < end for start, end in ranges)
        ]


def _may_enter(folder: bytes) -> bool:
    return os.path.lexists(os.path.join(folder, b"."))


def _by_nearest_folder(kept: Counter[bytes]) -> dict[bytes, int]:
    """Return how many files are kept in doubt, by the nearest folder that is there."""
    below: Counter[bytes] = Counter()
    for folder, number in kept.items():
        below[nearest_folder(os.path.join(folder, b"."))] += number
    return dict(below.most_common())


def _size_bytes(database: Path) -> int:
    places = (database.with_name(database.name + suffix) for suffix in _SIDE_FILES)
    return sum(place.stat().st_size for place in places if place.exists())
