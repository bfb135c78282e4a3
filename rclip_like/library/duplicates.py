"""The part of `Library` that finds copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rclip_like.files import lies_in
from rclip_like.library.labels import LibraryLabels
from rclip_like.library.reach import expanded, named_roots
from rclip_like.settings import IndexSettings
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.duplicates.settings import DuplicatesSettings
    from rclip_like.duplicates.values import DuplicatesReport
    from rclip_like.index import Progress
    from rclip_like.selected import SelectedPicture

ALL_IN_REFERENCE = (
    "nothing was compared: all these pictures are in a reference folder, and those are not "
    "compared with each other"
)


class LibraryDuplicates(LibraryLabels):
    """The part of a `Library` that finds the copies among its pictures."""

    def duplicates(
        self,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: DuplicatesSettings | None = None,
        *,
        reference: AnyPath | Sequence[AnyPath] = (),
        update: IndexSettings | bool | None = True,
        on_progress: Callable[[Progress], None] | None = None,
        on_stage: Callable[[str, int, int], None] = lambda stage, done, total: None,
    ) -> DuplicatesReport:
        """Return groups of equal and nearly equal pictures under `paths`, and bursts; change none.

        paths: the current folder if there are none. reference: folders whose pictures are compared
        with the others, not with each other; they are kept. The index is updated first, as in
        `search`. Equal files are found by their digests, others by their embeddings and then by
        their small pixels, which are read unless the cache of thumbnails has them. Hidden pictures
        take part. on_stage: called with what is being done, the steps done, and all steps. Raises
        RootError as `search` does, and ReaderError.
        """
        from rclip_like.duplicates.run import find_duplicates
        from rclip_like.duplicates.settings import DuplicatesSettings
        from rclip_like.images.thumbnails import ThumbnailCache

        settings = settings or DuplicatesSettings(walk=self.settings.searching.walk)
        update = self.settings.indexing if update is True else update or None
        references = expanded(reference)
        kept = named_roots(references) if references else []
        everything = None if settings.everywhere else [*(expanded(paths) or [b"."]), *references]

        def is_reference(picture: SelectedPicture) -> bool:
            return any(lies_in(picture.absolute_bytes, root.path) for root in kept)

        pictures = self._indexed_under(
            everything, settings.walk, settings.filters, update, on_progress
        )
        found = find_duplicates(
            pictures.pages,
            settings.threshold,
            is_reference,
            ThumbnailCache(settings.cache_megabytes * 1_000_000),
            self.settings.read,
            on_stage,
        )
        notes = pictures.notes
        if not found.num_pictures:
            notes += pictures.explain_nothing()
        elif found.num_in_reference == found.num_pictures:
            notes += (ALL_IN_REFERENCE,)
        missing = pictures.report.remaining if pictures.report else 0
        return replace(found, notes=notes, missing=missing, index=pictures.report)
