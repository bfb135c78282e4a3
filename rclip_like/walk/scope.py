"""The roots that a user names, and which indexed paths a walk of them would still come to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from functools import cache

from rclip_like.errors import Remedy, RootError
from rclip_like.settings import WalkSettings
from rclip_like.values import NameGlobs, Root, opened_extensions
from rclip_like.walk.left_out import LeftOut, has_nomedia
from rclip_like.walk.patterns import (
    SEPARATOR,
    extension,
    folder_prefix,
    is_hidden,
    is_library,
    is_original,
    is_wanted,
    name_globs,
)


def resolve_roots(paths: Sequence[bytes]) -> list[Root]:
    """Return the roots for the paths as typed, in that order, each once.

    Links in the path itself are followed. A root that the walk of another one reaches anyway is
    dropped; a root in a hidden folder, or in another that walks leave out, stays, and so does a
    file that no walk would take.
    Raises RootError for what is not there or is neither folder nor file.
    """
    roots = {root.path: root for root in map(_resolve, reversed(paths))}
    closed = cache(has_nomedia)  # a list of files makes each of thousands a root
    return [root for root in reversed(roots.values()) if not _is_reached(root, roots, closed)]


def _resolve(typed: bytes) -> Root:
    shown = os.fsdecode(typed)
    try:
        path = os.path.realpath(typed)
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise RootError(f"{shown}: no such folder or file; is it spelled right?") from error
    except OSError as error:
        raise RootError(f"{shown}: {error.strerror}; can you list it with ls?") from error
    except ValueError as error:
        raise RootError(f"{shown!r}: no path holds a NUL", Remedy.NAME_PATHS) from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise RootError(f"{shown}: neither a folder nor a regular file; name a folder of pictures")
    return Root(typed, path, is_file=stat.S_ISREG(mode))


def _is_reached(root: Root, roots: dict[bytes, Root], closed: Callable[[bytes], bool]) -> bool:
    """Return whether the walk of another root reaches this one.

    closed: whether a folder is walked only if it is a root itself.
    """
    if root.is_file and extension(root.path) not in opened_extensions():
        return False
    if len(roots) == 1 or (not root.is_file and closed(root.path)):
        return False
    outer, name = os.path.split(root.path)
    while name and not is_hidden(name) and (is_original(name) or not is_library(outer)):
        if outer in roots:
            return True
        if closed(outer):
            return False
        outer, name = os.path.split(outer)
    return False


class Scope:
    """The paths that a walk of some roots may yield, by its settings and what is on the disk now.

    Without roots it holds all that is indexed: that was wanted once, be it hidden or behind a
    link, and whatever ignore files say.
    A search asks three times, each time of fewer paths and more exactly: SQL compares them with
    `globs`; `wants` goes by the name, which settles `exclude` and `glob`; `in` also reads ignore
    files and looks at the folders. Only then it looks at the file itself.
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

    @property
    def has_patterns(self) -> bool:
        """Whether the user's patterns leave out names, which `wants` asks."""
        return bool(self.settings.exclude or self.settings.glob)

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
