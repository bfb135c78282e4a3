"""Ignore files in the folders above a file, and whether they leave it out."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rclip_like.values import Root, Trouble
from rclip_like.walk.patterns import (
    IGNORE_FILES,
    SEPARATOR,
    IgnoreFile,
    folder_prefix,
    ignores,
    read_ignore_file,
)


class Ignored:
    """The paths under one root that a walk leaves out because of an ignore file.

    Each ignore file is read once, when the first path beside or below it is asked about; one that
    cannot be read is left to the walk, which reports it.
    """

    def __init__(self, root: Root) -> None:
        self._root = folder_prefix(root.path)
        self._files: dict[bytes, tuple[IgnoreFile, ...] | None] = {}
        """By folder: those that hold in it, the nearest first; None for an ignored folder."""

    def __contains__(self, path: bytes) -> bool:
        if not self._files:
            above, _ = ignore_files_above(self._root)
            self._files[self._root] = _with_own(self._root, above)
        folder, start = self._root, len(self._root)
        while (end := path.find(SEPARATOR, start) + 1) and self._files[folder] is not None:
            self._enter(path[:end], folder)
            folder, start = path[:end], end
        files = self._files[folder]
        return files is None or ignores(files, path)

    def _enter(self, folder: bytes, outer: bytes) -> None:
        files = self._files[outer]
        if folder in self._files or files is None:
            return
        self._files[folder] = None if ignores(files, folder) else _with_own(folder, files)


def ignore_files_above(prefix: bytes) -> tuple[tuple[IgnoreFile, ...], list[Trouble]]:
    """Return the ignore files above a root that hold in it, nearest first, and what went wrong.

    A folder that is named is wanted, so a file that would ignore it does not hold.
    """
    files: tuple[IgnoreFile, ...] = ()
    troubles: list[Trouble] = []
    parts = prefix.split(SEPARATOR)[:-2]
    for number in range(1, len(parts) + 1):  # the outermost first
        above = SEPARATOR.join(parts[:number]) + SEPARATOR
        names = [name for name in IGNORE_FILES if os.path.exists(above + name)]
        files, wrong = with_ignore_file(above, names, files)
        troubles += wrong
    return tuple(file for file in files if not file.opinion(prefix)), troubles


def with_ignore_file(
    prefix: bytes, names: Sequence[bytes], outer: tuple[IgnoreFile, ...]
) -> tuple[tuple[IgnoreFile, ...], list[Trouble]]:
    """Return the ignore files that hold in a folder, nearest first, and what went wrong."""
    try:
        own = read_ignore_file(prefix, names)
    except OSError as error:
        return outer, [trouble_of(error.filename or prefix + names[0], error)]
    return ((own, *outer) if own else outer), []


def trouble_of(path: bytes, error: OSError) -> Trouble:
    """Return what to report of a path that the system refuses for now."""
    return Trouble(path, error.strerror or type(error).__name__, lasting=False)


def _with_own(prefix: bytes, outer: tuple[IgnoreFile, ...]) -> tuple[IgnoreFile, ...]:
    names = [name for name in IGNORE_FILES if os.path.exists(prefix + name)]
    return with_ignore_file(prefix, names, outer)[0]
