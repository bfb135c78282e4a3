"""The part of `Library` that reads the text in pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import UsageError
from rclip_like.library.reach import reachable_roots
from rclip_like.library.thumbnails import LibraryThumbnails
from rclip_like.settings import IndexSettings
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.images.recognition import TextModels
    from rclip_like.reports import TextReport


class LibraryTexts(LibraryThumbnails):
    """The part of a `Library` that reads the text in pictures."""

    def read_texts(
        self,
        paths: AnyPath | Sequence[AnyPath] = (),
        settings: IndexSettings | None = None,
        *,
        on_progress: Callable[[int, int], None] | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> TextReport:
        """Read the text in indexed pictures under `paths` that has not been read yet.

        paths: the current folder if there are none. Text is read once for each content, and
        again with newer models of rapidocr; pictures that failed, only with `settings.retry`.
        Reading ends after `settings.max_seconds`.
        on_progress: called with the numbers of pictures done and of all that are to be read. Raises
        UsageError without the package for it, RootError as `search` does, ReaderError, IndexLocked,
        StoreError, and Interrupted on a signal, with what was done kept.
        """
        from rclip_like.images.recognition import UnreadPicture
        from rclip_like.index.texts import read_texts
        from rclip_like.store.rows import ranges_of
        from rclip_like.walk import Scope

        models = installed_text_models()
        settings = settings or self.settings.indexing
        store = self._index.open(create=True, on_wait=on_wait)
        roots, _ = reachable_roots(store, paths)
        scope = Scope(roots, settings.walk)
        pictures = [
            UnreadPicture(path, digest)
            for within in ranges_of(roots)
            for digest, path in store.words.unread(
                "text", models.made_by, within, retry=settings.retry
            )
            if path in scope
        ]
        return read_texts(
            store,
            pictures,
            models,
            settings._replace(read=settings.read or self.settings.read),
            on_progress=on_progress,
            on_wait=on_wait,
        )


def installed_text_models() -> TextModels:
    """Return the models that recognise text; raises UsageError where they are not installed."""
    from rclip_like.images.recognition import INSTALL_OCR, text_models

    models = text_models()
    if models is None:
        raise UsageError(
            "reading text in pictures needs the package rapidocr, with its models inside",
            INSTALL_OCR,
        )
    return models
