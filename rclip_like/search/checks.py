"""Whether what is about to be shown is what its row says, and the file what was encoded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from rclip_like.query import Kind, Term
from rclip_like.ranking import UNSCORED, score
from rclip_like.values import FileFacts
from rclip_like.walk.identity import Inodes, content_digest

if TYPE_CHECKING:
    from rclip_like.search.scoring import Page
    from rclip_like.store import Store, StoredFile
    from rclip_like.store.selection import Selection
    from rclip_like.values import Embedding
    from rclip_like.walk import Scope

_ROUNDING = 1e-5
"""More than two orders of adding the same products differ by, less than any table shows."""


class MatrixDisagrees(Exception):
    """The matrix gave a score that the rows, sound by themselves, do not give."""


Look = Literal["fresh", "stale", "left out", "hidden", "damaged"]


def checked(
    selection: Selection,
    query: Embedding,
    found: Iterable[Page],
    files: FileCheck,
    *,
    by_matrix: bool,
    all_hidden: bool,
) -> Iterator[tuple[StoredFile, float, Look]]:
    """Yield each file of the pages, its score, and whether it can be shown, which is "fresh".

    by_matrix: whether the scores come from elsewhere than the rows; MatrixDisagrees is raised where
    the rows give another one. all_hidden: whether hidden pictures can be shown, too; if not, their
    rows are not looked at.
    """
    for page in found:
        rows = RowCheck(selection, query, page, by_matrix=by_matrix)
        for stored, value in page:
            look: Look = files.look_at(stored)
            if look == "fresh" and stored.is_hidden and not all_hidden:
                look = "hidden"
            elif look == "fresh":
                row = rows.look_at(stored, value)
                if row == "disagrees":
                    raise MatrixDisagrees
                if row == "damaged":
                    look = "damaged"
            yield stored, value, look


class RowCheck:
    """Compares the scores of one page with its rows, all at once when the first is asked about.

    by_matrix: whether the scores come from elsewhere than the rows.
    """

    def __init__(
        self, selection: Selection, query: Embedding, page: Page, *, by_matrix: bool
    ) -> None:
        self._selection = selection
        self._query = query
        self._unread = list({stored.content_id for stored, _ in page})
        self._by_matrix = by_matrix
        self._scores: dict[int, float] = {}
        self._damaged: set[int] = set()

    def look_at(self, stored: StoredFile, value: float) -> Literal["sound", "damaged", "disagrees"]:
        """Return whether the file's embeddings are as they were written, or damaged.

        Or, where they are sound, that they do not give the score that the matrix gave.
        """
        if self._unread:
            parts = self._selection.embeddings.sound_parts(self._unread)
            self._damaged = parts.damaged
            if self._by_matrix and len(parts.embeddings):
                scores = score(self._query, parts.embeddings).tolist()
                for content_id, of_part in zip(parts.content_ids.tolist(), scores, strict=True):
                    best = self._scores.get(content_id, UNSCORED)
                    self._scores[content_id] = max(best, of_part)
            self._unread = []
        if stored.content_id in self._damaged:
            return "damaged"
        expected = self._scores.get(stored.content_id)
        # Written so that NaN disagrees.
        if self._by_matrix and not (expected is not None and abs(expected - value) <= _ROUNDING):
            return "disagrees"
        return "sound"


class FileCheck:
    """Compares files in a scope with what the index says, and knows those that are the query."""

    def __init__(self, store: Store, scope: Scope, terms: Sequence[Term] = ()) -> None:
        self._store = store
        self.scope = scope
        self._settings = scope.settings
        self._inodes: Inodes | None = None
        # By device and inode, as a walk that follows links meets one file under several names.
        self._of_query: set[tuple[int, int]] = set()
        for term in terms:
            if term.kind is Kind.PICTURE:
                with suppress(OSError):  # gone since it was read
                    status = os.stat(term.value)
                    self._of_query.add((status.st_dev, status.st_ino))

    def look_at(self, stored: StoredFile) -> Literal["fresh", "stale", "left out"]:
        """Return whether the file is what was encoded, or something else, or not to be shown.

        Another inode or ctime at equal size and mtime says only that it may have been replaced
        (`exiftool -P`), or copied back, or given other permissions; then its content decides.
        """
        if stored.path not in self.scope:
            return "left out"
        try:
            status = os.stat(stored.path, follow_symlinks=self._settings.follow)
        except (OSError, ValueError):  # ValueError: a NUL in a path that no run has written
            return "stale"
        is_link = stat.S_ISLNK(status.st_mode)  # found by a run that followed links
        if is_link or (status.st_dev, status.st_ino) in self._of_query:
            return "left out"
        seen = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        if seen == (stored.size_bytes, stored.mtime_ns, stored.inode, stored.changed_ns):
            return "fresh"
        facts = FileFacts.of(stored.path, status)
        if (facts.size_bytes, facts.mtime_ns) != (stored.size_bytes, stored.mtime_ns):
            return "stale"
        if facts.inode == stored.inode and stored.changed_ns in (None, facts.changed_ns):
            return "fresh"
        if self._inodes is None:
            self._inodes = Inodes(self._store.inode_changes(), self._settings.inodes)
        if not self._inodes.are_stable(stored.path):
            return "fresh"
        is_same = content_digest(stored.path, stored.size_bytes) == stored.digest
        return "fresh" if is_same else "stale"
