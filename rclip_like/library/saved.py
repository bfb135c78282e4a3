"""The part of `Library` that keeps searches under names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rclip_like.errors import UsageError
from rclip_like.library.hiding import LibraryHiding
from rclip_like.library.reach import reachable_roots
from rclip_like.spelling import composed

if TYPE_CHECKING:
    from rclip_like.store.saved import SavedSearch
    from rclip_like.values import AnyPath, Match, SearchReport


def saved_name(typed: str) -> str:
    """Return a name in the form in which searches are saved: Unicode's composed one.

    Raises UsageError if it is not a word.
    """
    from rclip_like.store.saved import is_search_name

    name = composed(typed)
    if not is_search_name(name):
        raise UsageError(
            f"{typed!r} cannot be a search's name, which is a word of letters, digits, dots, "
            "dashes and underscores"
        )
    return name


class LibrarySaved(LibraryHiding):
    """The part of a `Library` that keeps searches under names, and knows what each has shown.

    A search is kept as the words of its command line. Raises StoreError where the index cannot be
    read, or written to where that is asked for.
    """

    def saved_searches(self) -> list[SavedSearch]:
        """Return all saved searches by name."""
        store = self._index.existing()
        return [] if store is None else store.saved.every()

    def saved_search(self, name: str) -> SavedSearch | None:
        """Return the search that was saved under a name, None if there is none."""
        store = self._index.existing()
        return None if store is None else store.saved.find(name)

    def save_search(
        self,
        name: str,
        arguments: Sequence[str],
        paths: Sequence[AnyPath] | None,
        *,
        replace: bool = False,
    ) -> bool:
        """Save a search; return False if the name is taken and the search not to be replaced.

        arguments: what follows `search` on its command line. paths: those it searches (none: the
        current folder, None: all); RootError is raised as `search` does. The index is made where
        there is none.
        """
        if paths is not None:
            reachable_roots(self._index.existing(), paths)
        return self._index.open_to_write().saved.put(name, arguments, replace=replace)

    def remove_search(self, name: str) -> bool:
        """Remove a saved search; return whether there was one of this name."""
        store = self._index.existing()
        return store is not None and store.saved.remove(name)

    def refuse_unwritable(self) -> None:
        """Raise StoreError where nothing can be saved or remembered."""
        self._index.open().saved.refuse_unwritable()

    def unseen(self, search: SavedSearch, report: SearchReport) -> SearchReport:
        """Return the report with those matches alone that the saved search has not shown as new.

        Raises UsageError for more matches than are remembered.
        """
        from rclip_like.store.saved import MOST_SEEN

        if len(report.matches) > MOST_SEEN:
            raise UsageError(
                f"{search.name} has {len(report.matches):,} matches, and which of them are new is "
                f"remembered of {MOST_SEEN:,} at most; ask for fewer, or for higher scores"
            )
        unseen = self._index.open().saved.unseen(search.name, map(_digest_of, report.matches))
        return replace(
            report, matches=tuple(each for each in report.matches if _digest_of(each) in unseen)
        )

    def remember_seen(self, search: SavedSearch, matches: Sequence[Match]) -> None:
        """Remember that the saved search has shown these matches."""
        self._index.open().saved.add_seen(search, [*map(_digest_of, matches)])


def _digest_of(match: Match) -> bytes:
    assert match.version is not None  # as every match of a search has
    return match.version.digest
