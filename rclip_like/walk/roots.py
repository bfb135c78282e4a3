"""The paths a user names, as roots of a walk."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from functools import cache

from rclip_like.errors import Remedy, RootError
from rclip_like.values import PICTURE_EXTENSIONS, Root
from rclip_like.walk.left_out import has_nomedia
from rclip_like.walk.patterns import extension, is_hidden, is_library, is_original


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
    if not typed:
        raise RootError("the path is empty; to search the current folder, write .")
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
    if root.is_file and extension(root.path) not in PICTURE_EXTENSIONS:
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
