"""Folders that a walk does not enter for what they are or hold, whatever their names."""

from __future__ import annotations

import os

from rclip_like.settings import WalkSettings
from rclip_like.values import Root
from rclip_like.walk.patterns import SEPARATOR, folder_prefix

NOMEDIA = b".nomedia"
"""A file by which Android hides its folder, and those in it, from galleries."""


def has_nomedia(folder: bytes) -> bool:
    """Return whether Android hides this folder from galleries."""
    return os.path.lexists(os.path.join(folder, NOMEDIA))


class Unentered:
    """Tells of files under one root whether a walk comes to their folder no more.

    On the way is a link and links are not followed, or a folder with a .nomedia file and hidden
    ones are not wanted; the root itself was named. Each folder is looked at once.
    """

    def __init__(self, root: Root, settings: WalkSettings) -> None:
        self._start = folder_prefix(root.path)
        self._settings = settings
        self._closed: dict[bytes, bool] = {}
        """By folder, with its separator."""

    def __contains__(self, path: bytes) -> bool:
        if self._settings.follow and self._settings.hidden:
            return False
        end = len(self._start)
        while end := path.find(SEPARATOR, end) + 1:
            if self._is_closed(path[:end]):
                return True
        return False

    def _is_closed(self, folder: bytes) -> bool:
        if folder not in self._closed:
            is_link = not self._settings.follow and os.path.islink(folder[:-1])
            self._closed[folder] = is_link or (not self._settings.hidden and has_nomedia(folder))
        return self._closed[folder]
