"""Drop the rows of what is gone from the disk, or no longer wanted, and give back their room."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
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
        number += tops[top].is_paired(path)
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
    with _marking(store, listeners, dry_run=settings.dry_run, wait=settings.wait) as marking:
        marking.mark(ranges_of(as_roots(paths) if paths else None), if_gone=True)
        marking.removal.mark_models(unused_models)
        if settings.texts:
            marking.removal.mark_texts()
        marking.removal.mark_contents(everywhere=not paths)
        return marking.remove(paths)


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
    with _marking(store, listeners, dry_run=dry_run, wait=wait) as marking:
        marking.mark(ranges_of(as_roots(paths)), if_gone=False)
        marking.removal.mark_contents(everywhere=False)
        return marking.remove(paths)


@contextmanager
def _marking(
    store: Store, listeners: Listeners | None, *, dry_run: bool, wait: bool
) -> Iterator[_Marking]:
    """Hold the lock for the block, unless it is for a dry run, and give what marks."""
    listeners = listeners or Listeners()
    on_wait, on_drop = listeners.get("on_wait"), listeners.get("on_drop")
    writing = nullcontext() if dry_run else store.writing(wait=wait, on_wait=on_wait)
    with writing as writer, store.removal() as removal:
        yield _Marking(store, removal, writer, on_drop)


class _Marking:
    """Marks what is to be removed, and counts by folder what goes and what stays in doubt."""

    def __init__(
        self,
        store: Store,
        removal: Removal,
        writer: Writer | None,
        on_drop: Callable[[bytes], None] | None,
    ) -> None:
        self.removal = removal
        self._store = store
        self._writer = writer
        self._on_drop = on_drop
        self._folders: Counter[bytes] = Counter()
        self._in_doubt: Counter[bytes] = Counter()
        self._out_of_reach: Counter[bytes] = Counter()

    def mark(self, ranges: Sequence[PathRange], *, if_gone: bool) -> None:
        """Mark files, failures and folders in the ranges; with `if_gone` those known to be gone."""
        for files in self.removal.files(ranges):
            chosen = self._choose([(file.path, file.device) for file in files], if_gone)
            self.removal.mark_files([file for file in files if file.path in chosen])
        for failures in self.removal.failures(ranges):
            self.removal.mark_failures(self._choose(failures, if_gone))
        for root in self._store.walked_roots():
            if root.lies_in(ranges) and (not if_gone or is_folder_gone(root.path, root.device)):
                self.removal.mark_root(root.path)

    def remove(self, paths: Sequence[bytes]) -> UpkeepReport:
        """Drop what is marked, but in a dry run, and return the counts.

        With them go those of the paths under which nothing is indexed.
        """
        report = replace(
            self.removal.count(),
            folders=dict(self._folders.most_common()),
            kept=_by_nearest_folder(self._in_doubt),
            unreachable=_by_nearest_folder(self._out_of_reach),
            unknown=unknown_paths(self._store, paths),
        )
        if self._writer is None:
            return replace(report, is_dry_run=True)
        freed_bytes, is_short = self.removal.drop(self._writer)
        return replace(report, freed_bytes=freed_bytes, is_short=is_short)

    def _choose(self, files: Sequence[tuple[bytes, int]], if_gone: bool) -> dict[bytes, int]:
        """Return the files to be marked, in their order, and count them and the others."""
        chosen = dict(files)
        if if_gone:
            missing = look_for(files)
            self._in_doubt.update(map(os.path.dirname, missing.in_doubt))
            self._out_of_reach.update(map(os.path.dirname, missing.out_of_reach))
            chosen = {path: device for path, device in files if path in missing.gone}
        self._folders.update(map(os.path.dirname, chosen))
        if self._on_drop is not None:
            for path in chosen:
                self._on_drop(path)
        return chosen


def _by_nearest_folder(files: Counter[bytes]) -> dict[bytes, int]:
    """Return how many files there are, by the nearest folder that is there."""
    below: Counter[bytes] = Counter()
    for folder, number in files.items():
        below[nearest_folder(os.path.join(folder, b"."))] += number
    return dict(below.most_common())
