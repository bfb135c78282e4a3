"""The index of a library, brought up to date before it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rclip_like.errors import IndexLocked, Note, StoreError
from rclip_like.library.model import LibraryModel
from rclip_like.settings import IndexSettings
from rclip_like.values import IndexReport, Root

if TYPE_CHECKING:
    from rclip_like.index import Progress


class LibraryIndexing(LibraryModel):
    """The part of a `Library` that brings its index in line with the disk."""

    def _bring_up_to_date(
        self,
        roots: Sequence[Root],
        settings: IndexSettings,
        on_progress: Callable[[Progress], None] | None,
        on_wait: Callable[[], None] | None = None,
    ) -> IndexReport:
        store, model = self._index.open(create=True, on_wait=on_wait), self.model
        from rclip_like.index import bring_up_to_date

        return bring_up_to_date(
            store,
            roots,
            model,
            settings._replace(read=settings.read or self.settings.read),
            on_progress=on_progress,
            on_wait=on_wait,
        )

    def _update_if_possible(
        self,
        roots: Sequence[Root],
        update: IndexSettings | None,
        on_progress: Callable[[Progress], None] | None,
    ) -> tuple[IndexReport | None, tuple[str, ...]]:
        if update is None:
            return None, ()
        try:
            update = update._replace(wait=False, read_words=False)
            return self._bring_up_to_date(roots, update, on_progress), ()
        except IndexLocked as error:
            reason = f"{error.reason}; these results are from what it has finished"
            return None, (Note(reason, *error.remedies),)
        except StoreError as error:
            # On a medium that takes no writes, or a full disk, what is indexed can still be found.
            self._index.close_own()
            if not self._has_rows(roots):
                raise
            reason = f"{error.reason}; these results are from what was indexed before"
            return None, (Note(reason, *error.remedies),)

    def _has_rows(self, roots: Sequence[Root] | None) -> bool:
        """Return whether the model in use has encoded anything under the roots."""
        encoded = self._encoded()
        return encoded is not None and any(True for _ in encoded.scan(roots))
