"""The part of `Library` that hides pictures from searches."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import Remedy
from rclip_like.library.reach import expanded
from rclip_like.library.upkeep import LibraryUpkeep
from rclip_like.values import AnyPath, FileFacts, Trouble

if TYPE_CHECKING:
    from rclip_like.store import Store
    from rclip_like.store.hidden import HiddenPicture


class Hiding(NamedTuple):
    """What hiding pictures, or showing them again, came to.

    num_changed: how many different contents were not so before. troubles: the paths, as given,
    whose picture is not indexed as it is now, and why; the others were done.
    """

    num_changed: int
    troubles: tuple[Trouble, ...] = ()


class LibraryHiding(LibraryUpkeep):
    """The part of a `Library` that hides pictures from searches, by content; it loads no model.

    A hidden picture stays so when its file is moved, copied, dropped from the index and indexed
    again. Searches leave it out; all else, such as labels and training, takes all pictures. Each
    change is made whole or not at all, also while a run indexes. Raises StoreError where there is
    no index, where it cannot be written, or where another program holds it for many seconds.
    """

    def hide(self, paths: AnyPath | Sequence[AnyPath]) -> Hiding:
        """Leave the indexed pictures at these paths, and all copies of them, out of searches."""
        digests, troubles = self._digests_of(paths)
        return Hiding(self.hide_contents(digests), troubles)

    def unhide(self, paths: AnyPath | Sequence[AnyPath]) -> Hiding:
        """Let searches show the indexed pictures at these paths, and their copies, again."""
        digests, troubles = self._digests_of(paths)
        return Hiding(self.unhide_contents(digests), troubles)

    def unhide_all(self) -> int:
        """Let searches show all pictures, and return how many contents were hidden."""
        return self._index.open().hidden.clear()

    def hidden(self) -> list[HiddenPicture]:
        """Return each hidden content with the path of each file that has it, by path bytes.

        Those that no file in the index has come last, with None as their path.
        """
        store = self._index.existing()
        return [] if store is None else store.hidden.pictures()

    def hide_contents(self, digests: Collection[bytes]) -> int:
        """Hide contents by their digests, indexed or not; return how many were not hidden."""
        return self._index.open().hidden.add(digests)

    def unhide_contents(self, digests: Collection[bytes]) -> int:
        """Show contents again by their digests; return how many were hidden."""
        return self._index.open().hidden.remove(digests)

    def _digests_of(
        self, paths: AnyPath | Sequence[AnyPath]
    ) -> tuple[list[bytes], tuple[Trouble, ...]]:
        """Return the digests of the pictures that are indexed, and why the others are not."""
        store, digests, troubles = self._index.open(), [], []
        for path in dict.fromkeys(expanded(paths)):
            found = _digest_of(store, path)
            if isinstance(found, bytes):
                digests.append(found)
            else:
                troubles.append(found)
        return digests, tuple(troubles)


def _digest_of(store: Store, path: bytes) -> bytes | Trouble:
    """Return the digest of an indexed picture; one that is gone counts, a changed one does not."""
    for absolute in _spellings(path):
        digest = store.digest_at(absolute)
        if digest is None:
            continue
        try:
            status = os.stat(absolute)
        except OSError:  # perhaps on a disk that is not mounted now
            return digest
        if store.stored_digest(FileFacts.of(absolute, status)) is not None:
            return digest
        return Trouble(path, "changed since it was indexed", remedy=Remedy.INDEX)
    if os.path.isdir(path):
        return Trouble(path, "this is a folder, not a picture")
    if b"\0" in path or not os.path.lexists(path):
        return Trouble(path, "neither on the disk nor in the index")
    return Trouble(path, "not indexed", remedy=Remedy.INDEX)


def _spellings(path: bytes) -> Iterator[bytes]:
    """Yield how an index may have a path: links in it are resolved up to the folder walked.

    Behind that folder a walk that follows links keeps their names.
    """
    if b"\0" in path:  # no name on any disk holds it
        return
    absolute = folder = os.path.abspath(path)
    yield os.path.realpath(absolute)
    while folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
        yield os.path.join(os.path.realpath(folder), os.path.relpath(absolute, folder))
