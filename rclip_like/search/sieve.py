"""Which of the ranked files are shown: fresh, wanted, and not the query itself."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rclip_like.query import Kind, Term
from rclip_like.search.agreement import Agreement
from rclip_like.search.scoring import Scored, pages
from rclip_like.settings import SearchSettings
from rclip_like.values import FileFacts, Root
from rclip_like.walk import Ignored, RawPairs, SkippedFolders, folder_prefix, is_wanted
from rclip_like.walk.identity import Inodes, content_digest

if TYPE_CHECKING:
    from rclip_like.store import Store, StoredFile


class Sieve:
    """Lets through the ranked rows that should be shown.

    Counts those left out because their file is stale, or the row itself damaged, and copies.
    """

    def __init__(
        self, roots: Sequence[Root] | None, terms: Sequence[Term], settings: SearchSettings
    ) -> None:
        self.stale = 0
        self.damaged = 0
        self.copies = 0
        """Files left out as copies of others."""
        self._files = {root.path: root for root in roots or () if root.is_file}
        # The innermost first: a hidden folder that is named is wanted within one that is not.
        folders = [root for root in roots or () if not root.is_file]
        self._folders = sorted(folders, key=lambda root: -len(root.path))
        self._settings = settings
        self._ignored: dict[bytes, Ignored] = {}
        self._raw_pairs: dict[bytes, RawPairs] = {}
        self._inodes: Inodes | None = None
        self._skipped: dict[bytes, SkippedFolders] = {}
        self._walk = settings.walk
        if roots is None:  # all that is indexed was wanted once, be it hidden or behind a link
            self._walk = settings.walk._replace(hidden=True, follow=True)
        # By device and inode, as a walk that follows links meets one file under several names.
        self._queried: set[tuple[int, int]] = set()
        for term in terms:
            if term.kind is Kind.PICTURE:
                with suppress(OSError):  # gone since it was read
                    self._queried.add(_identity(os.stat(term.value)))

    def sift(
        self, store: Store, scored: Scored, agreement: Agreement
    ) -> Iterator[tuple[StoredFile, float]]:
        """Yield the fresh, wanted files with their scores: best first, ties by path bytes.

        Raises MatrixDisagrees, see Agreement.
        """
        seen: set[int] = set()
        for page in pages(store, scored):
            agreement.turn_to(page)
            for stored, value in page:
                if not self._is_wanted(stored) or not self._is_to_be_shown(store, stored):
                    continue
                if not agreement.holds(stored, value):
                    self.damaged += 1
                    continue
                if self._settings.collapse and stored.content_id in seen:
                    self.copies += 1
                    continue
                seen.add(stored.content_id)
                yield stored, value

    def root_of(self, path: bytes) -> Root | None:
        """Return the root that the user named and `path` lies under; None with no roots."""
        if path in self._files:
            return self._files[path]
        prefixed = ((root, folder_prefix(root.path)) for root in self._folders)
        return next((root for root, prefix in prefixed if path.startswith(prefix)), None)

    def _is_wanted(self, stored: StoredFile) -> bool:
        named = self.root_of(stored.path)
        if named is not None and named.is_file:
            return True
        root, path = named or _top_of(stored.path), stored.path
        if not is_wanted(root, path, self._walk):
            return False
        if root.path not in self._skipped:
            self._skipped[root.path] = SkippedFolders(root, self._walk)
        if path in self._skipped[root.path]:
            return False
        ignored = self._ignored_under(named)
        if ignored is not None and path in ignored:
            return False
        if root.path not in self._raw_pairs:
            self._raw_pairs[root.path] = RawPairs(root, self._walk, ignored)
        return path not in self._raw_pairs[root.path]

    def _ignored_under(self, root: Root | None) -> Ignored | None:
        """Return what ignore files, perhaps younger than the rows, leave out under a root."""
        if root is None or not self._walk.ignore_files:
            return None
        if root.path not in self._ignored:
            self._ignored[root.path] = Ignored(root)
        return self._ignored[root.path]

    def _is_to_be_shown(self, store: Store, stored: StoredFile) -> bool:
        """Return whether the file is as it was when encoded, and not the query itself."""
        try:
            status = os.stat(stored.path, follow_symlinks=self._walk.follow)
        except (OSError, ValueError):  # ValueError: a NUL in a path that no run has written
            self.stale += 1
            return False
        if stat.S_ISLNK(status.st_mode):  # found by a run that followed links
            return False
        if _identity(status) in self._queried:
            return False
        fresh = self._is_fresh(store, stored, FileFacts.of(stored.path, status))
        self.stale += not fresh
        return fresh

    def _is_fresh(self, store: Store, stored: StoredFile, facts: FileFacts) -> bool:
        """Return whether the file is what was encoded.

        Another inode or ctime at equal size and mtime says only that it may have been replaced
        (`exiftool -P`), or copied back, or given other rights; then its content decides.
        """
        if (facts.size_bytes, facts.mtime_ns) != (stored.size_bytes, stored.mtime_ns):
            return False
        if facts.inode == stored.inode and stored.changed_ns in (None, facts.changed_ns):
            return True
        if self._inodes is None:
            self._inodes = Inodes(store.inode_changes(), self._settings.walk.inodes)
        if not self._inodes.are_stable(stored.path):
            return True
        return content_digest(stored.path, stored.size_bytes) == stored.digest


def _top_of(path: bytes) -> Root:
    """Return the root of the file system, or of the drive, as a root of a walk."""
    top = os.fsencode(Path(os.fsdecode(path)).anchor)
    return Root(top, top)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
