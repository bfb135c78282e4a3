"""The rows under the roots, read along with the walk: both ascend by path."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeGuard

from rclip_like.store import IndexedFacts, range_of
from rclip_like.values import Root, Seen, Trouble


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
            self._leave_root()
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
            self._leave_root()

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

    def _leave_root(self) -> None:
        while (row := self._next()) is not None:
            self._miss(row)
        self._enter_next_root()

    def _enter_next_root(self) -> None:
        self._root = next(self._roots, None)
        self._last = b""
        if self._root is None:
            return
        self._range = range_of(self._root)
        self._pages = self._indexed_facts([self._root])
        self._page, self._number = [], 0
