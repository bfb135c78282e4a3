"""Which of the paths that an index remembers a walk would still come to."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rclip_like.settings import WalkSettings
from rclip_like.values import NameGlobs, Root
from rclip_like.walk.left_out import LeftOut
from rclip_like.walk.patterns import SEPARATOR, folder_prefix, is_wanted, name_globs


class Scope:
    """The paths that a walk of some roots may yield, by its settings and what is on the disk now.

    Without roots it holds all that is indexed: that was wanted once, be it hidden or behind a
    link, and whatever ignore files say.
    """

    def __init__(self, roots: Sequence[Root] | None, settings: WalkSettings) -> None:
        if roots is None:
            settings = settings._replace(hidden=True, follow=True)
        self.settings = settings
        self.globs: NameGlobs = name_globs(roots, settings)
        """What SQLite can tell of the paths in the scope."""
        self._files = {root.path: root for root in roots or () if root.is_file}
        # The innermost first: a hidden folder that is named is wanted within one that is not.
        folders = [root for root in roots or () if not root.is_file]
        self._folders = [
            (folder_prefix(root.path), root)
            for root in sorted(folders, key=lambda root: -len(root.path))
        ]
        self._left_out: dict[bytes, LeftOut] = {}

    def root_of(self, path: bytes) -> Root | None:
        """Return the root that the user named and `path` lies under; None with no roots."""
        if path in self._files:
            return self._files[path]
        return next((root for prefix, root in self._folders if path.startswith(prefix)), None)

    def as_typed(self, path: bytes) -> bytes:
        """Return `path` the way the user named its root: relative in, relative out."""
        root = self.root_of(path)
        if root is None:
            return path
        if root.is_file:
            return root.typed
        return os.path.join(root.typed, path[len(folder_prefix(root.path)) :])

    def wants(self, path: bytes) -> bool:
        """Tell whether the name alone leaves a chance that the path is in the scope."""
        root = self.root_of(path) or _top_of(path)
        return root.is_file or is_wanted(root, path, self.settings)

    def __contains__(self, path: bytes) -> bool:
        named = self.root_of(path)
        root = named or _top_of(path)
        if root.is_file:
            return True
        if not is_wanted(root, path, self.settings):
            return False
        if root.path not in self._left_out:
            settings = self.settings
            if not named:  # then it is there whatever ignore files say
                settings = settings._replace(ignore_files=False)
            self._left_out[root.path] = LeftOut(root, settings)
        return path not in self._left_out[root.path]


def _top_of(path: bytes) -> Root:
    """Return the root of the file system, or of the drive, as a root of a walk."""
    top = os.path.splitdrive(path)[0] + SEPARATOR
    return Root(top, top)
