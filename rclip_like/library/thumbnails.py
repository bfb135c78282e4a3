"""The part of `Library` that makes the thumbnails of an album in advance."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from rclip_like.errors import StoreError
from rclip_like.library.indexing import LibraryIndexing
from rclip_like.library.reach import reachable_roots
from rclip_like.settings import Filters, IndexSettings
from rclip_like.values import AnyPath, Trouble

if TYPE_CHECKING:
    from rclip_like.images.thumbnails import ThumbnailCache
    from rclip_like.reports import ThumbnailReport


class LibraryThumbnails(LibraryIndexing):
    """The part of a `Library` that fills the cache of thumbnails."""

    def make_thumbnails(
        self,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: IndexSettings | None = None,
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> ThumbnailReport:
        """Make the small thumbnails of indexed pictures under `paths` that are not there yet.

        paths: the current folder if there are none. Only what has not changed since it was indexed
        is read; `Library.index` with `settings.thumbnails` has made those of the pictures that it
        read. It ends after `settings.max_seconds`, and when the cache is full, so that none made
        for this album displaces another. on_progress: called with the number of pictures done and
        of all that lack a thumbnail. Raises RootError as `search` does, ReaderError, and StoreError
        where no thumbnail can be kept.
        """
        from rclip_like.images.thumbnails import SMALL, ThumbnailCache, Wanted, thumbnails
        from rclip_like.reports import ThumbnailReport

        settings = settings or self.settings.indexing
        end = time.monotonic() + (settings.max_seconds or float("inf"))
        cache = ThumbnailCache(settings.thumbnail_megabytes * 1_000_000)
        pictures = self._paths_by_digest(paths, settings)
        there = {digest: size for digest, size in cache.sizes(SMALL).items() if digest in pictures}
        missing = [Wanted(path, each) for each, path in pictures.items() if each not in there]
        size_bytes, made, failures = sum(there.values()), 0, list[Trouble]()
        limits = settings.read or self.settings.read
        with closing(thumbnails(missing, SMALL, cache, limits)) as found:
            for done, wanted in enumerate(missing):
                if size_bytes >= cache.usable_bytes or time.monotonic() > end:
                    break
                thumbnail = next(found)
                if isinstance(thumbnail, Trouble):
                    failures.append(thumbnail)
                else:
                    _refuse_unkept(cache, wanted.digest, is_first=not made)
                    made += 1
                    size_bytes += len(thumbnail)
                if on_progress is not None:
                    on_progress(done + 1, len(missing))
        return ThumbnailReport(
            pictures=len(pictures),
            made=made,
            left=len(missing) - made - len(failures),
            size_bytes=size_bytes,
            is_full=size_bytes >= cache.usable_bytes,
            failures=tuple(failures),
        )

    def _paths_by_digest(
        self, paths: AnyPath | Sequence[AnyPath], settings: IndexSettings
    ) -> dict[bytes, bytes]:
        """Return a path of each content that the model has encoded under the paths."""
        from rclip_like.search.selecting import selected_pages

        store = self._index.existing()
        roots, _ = reachable_roots(store, paths)
        pages = selected_pages(store, self.specification, roots, settings.walk, Filters())
        return {
            picture.version.digest: picture.absolute_bytes
            for page in pages
            for picture in page.pictures
            if picture.version is not None
        }


def _refuse_unkept(cache: ThumbnailCache, digest: bytes, *, is_first: bool) -> None:
    from rclip_like.images.thumbnails import SMALL

    if is_first and cache.find(digest, SMALL) is None:
        raise StoreError(f"thumbnails cannot be written into {cache.folder}")
