"""What a library does without reading pictures: say what is indexed, drop rows, examine, mend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from rclip_like.errors import Remedy, StoreError
from rclip_like.library.connections import Connections
from rclip_like.library.reach import expanded
from rclip_like.models.names import BUILTIN, with_weights
from rclip_like.settings import LibraryChoice, PruneSettings, default_database
from rclip_like.settings.beside import is_beside
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.models.hub.registry import KnownModel
    from rclip_like.reports import DoctorReport, RelocationReport, StatusReport, UpkeepReport
    from rclip_like.upkeep.pruning import Listeners as UpkeepListeners


class LibraryUpkeep:
    """The part of a `Library` that asks and keeps up its index alone, and loads no model."""

    def __init__(self, choice: LibraryChoice) -> None:
        self.database = choice.database or default_database()
        self._name, self._weights = choice.model, choice.weights
        self._index = Connections(self.database)

    def num_pictures(self) -> int:
        """Return how many pictures are indexed, wherever they lie."""
        return self._index.open().count_files() if self.database.exists() else 0

    def refuse_missing_beside(self) -> None:
        """Raise StoreError where an index beside pictures was asked for and is not there."""
        if is_beside(self.database) and not self._index.exists():
            raise StoreError(
                f"{self.database}: there is no index here",
                "change to the folder that has one",
                Remedy.MAKE_INDEX_BESIDE,
            )

    def walked_folders(self) -> list[bytes]:
        """Return the folders that were indexed, there or not, ascending."""
        if not self.database.exists():
            return []
        return [root.path for root in self._index.open().walked_roots()]

    def is_indexing(self) -> bool:
        """Return whether a process is writing to the index now. Raises StoreError."""
        if not self.database.exists():
            return False
        from rclip_like.store.lock import IndexLock
        from rclip_like.store.side_files import real_path

        return IndexLock(real_path(self.database)).holder()[0]

    def status(self, paths: AnyPath | Sequence[AnyPath] = ()) -> StatusReport:
        """Return what is indexed under `paths`, there or not, or in all; writes nothing."""
        from rclip_like.upkeep.pruning import as_roots, count_raw_pairs, unknown_paths

        store, named = self._index.open(), expanded(paths)
        roots = as_roots(named) if named else None
        report = replace(
            store.status(roots),
            raw_pairs=count_raw_pairs(store, roots),
            unknown=unknown_paths(store, named),
        )
        if named:
            return report
        from rclip_like.images.thumbnails import ThumbnailCache

        kept = ThumbnailCache(0).usage()
        return replace(report, thumbnails=kept.number, thumbnail_bytes=kept.size_bytes)

    def prune(
        self,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: PruneSettings | None = None,
        **listeners: Unpack[UpkeepListeners],
    ) -> UpkeepReport:
        """Drop the rows of files under `paths`, or of all, that are gone, and free their room.

        Raises IndexLocked when another process writes and `settings.wait` is off, UsageError
        when `settings.models` would drop all models that have encoded anything, StoreError when
        the cache of thumbnails cannot be deleted and `settings.thumbnails` asks for it.
        """
        from rclip_like.upkeep.pruning import prune

        settings = settings or PruneSettings()
        store = self._index.open()
        unused: set[str] = set()
        if settings.models:
            from rclip_like.upkeep.models import unused_models

            chosen = with_weights(self.chosen_model(), self._weights)
            in_use = [chosen, self._default_model() or chosen]
            unused = unused_models(store.models(), in_use, settings.keep)
        report = prune(store, expanded(paths), settings, unused, listeners)
        return _without_thumbnails(report) if settings.thumbnails else report

    def forget(
        self,
        paths: AnyPath | Sequence[AnyPath],
        *,
        dry_run: bool = False,
        wait: bool = True,
        **listeners: Unpack[UpkeepListeners],
    ) -> UpkeepReport:
        """Drop all rows of what lies or lay under `paths`; nothing but the index is touched.

        Raises IndexLocked when another process writes and `wait` is off.
        """
        from rclip_like.upkeep.pruning import forget

        store = self._index.open()
        return forget(store, expanded(paths), listeners, dry_run=dry_run, wait=wait)

    def relocate(
        self,
        old: AnyPath,
        new: AnyPath,
        *,
        force: bool = False,
        dry_run: bool = False,
        wait: bool = True,
        on_wait: Callable[[], None] | None = None,
    ) -> RelocationReport:
        """Give everything indexed under the folder `old` the same path under the folder `new`.

        For pictures that were moved or copied as they are: nothing is encoded again, and no file
        but the index is touched. Raises UsageError where files under `new` are indexed already and,
        unless `force`, where pictures are still in `old`, or not in `new`; IndexLocked when another
        process writes and `wait` is off; StoreError when the index cannot be written.
        """
        from rclip_like.upkeep.relocating import relocate

        (before,), (after,) = expanded(old), expanded(new)
        return relocate(
            self._index.open(),
            (before, after),
            force=force,
            dry_run=dry_run,
            wait=wait,
            on_wait=on_wait,
        )

    def doctor(
        self, *, repair: bool = False, on_wait: Callable[[], None] | None = None
    ) -> DoctorReport:
        """Return what checks of the index and of this installation find; without `repair` only.

        With it, what is safe is mended before, under the lock and after a copy of the index.
        """
        from rclip_like.upkeep.doctor import examine

        model = self._name and with_weights(self._name, self._weights)
        return examine(self.database, model, mend=repair, on_wait=on_wait)

    def chosen_model(self) -> str:
        """Return the name of the model asked for, else of the index's default, else `builtin`."""
        return self._name or self._default_model() or BUILTIN

    def model_folders(self) -> list[KnownModel]:
        """Return the model folders that have encoded pictures of this index, with their state."""
        from rclip_like.models.hub.registry import used_folders

        store = self._index.existing()
        names = [] if store is None else [(name, digest) for _, name, digest in store.models()]
        return used_folders(names)

    def is_first_time(self, hint: str) -> bool:
        """Return whether this index is asked about `hint` for the first time, and remember it."""
        return self._index.exists() and self._index.open().is_first_time(hint)

    def _default_model(self) -> str | None:
        store = self._index.existing()
        return store.default_model() if store else None


def _without_thumbnails(report: UpkeepReport) -> UpkeepReport:
    """Delete all thumbnails, unless the report is of a dry run, and add them to it."""
    from rclip_like.images.thumbnails import ThumbnailCache

    cache = ThumbnailCache(0)
    try:
        found = cache.usage() if report.is_dry_run else cache.clear()
    except OSError as error:
        raise StoreError(f"{cache.folder} cannot be deleted: {error.strerror}") from error
    freed_bytes = report.freed_bytes + found.size_bytes
    return replace(report, thumbnails=found.number, freed_bytes=freed_bytes)
