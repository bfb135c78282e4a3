"""Indexed pictures with their embeddings, which `classify` and Python code go through in pages.

They are not in `values`, since a search does not need them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.values import FileVersion, PictureFacts

if TYPE_CHECKING:
    from rclip_like.values import Embeddings


class SelectedPicture(NamedTuple):
    """An indexed picture and what it says of itself; its paths are as those of a Match."""

    path_bytes: bytes
    absolute_bytes: bytes
    facts: PictureFacts
    version: FileVersion | None = None

    @property
    def path(self) -> str:
        """The path to show: relative if its folder was named by a relative path."""
        return os.fsdecode(self.path_bytes)

    @property
    def absolute(self) -> str:
        """The picture's path as the index has it."""
        return os.fsdecode(self.absolute_bytes)


class SelectedPage(NamedTuple):
    """Some pictures in order of path bytes, and their embeddings, unit float32 (n, D).

    `stale` and `damaged` count the pictures left out on the way, as in a SelectionReport.
    """

    pictures: tuple[SelectedPicture, ...]
    embeddings: Embeddings
    stale: int = 0
    damaged: int = 0


class SelectionReport(NamedTuple):
    """Indexed pictures in order of path bytes, and their embeddings, unit float32 (N, D)."""

    pictures: tuple[SelectedPicture, ...]
    embeddings: Embeddings
    stale: int = 0
    """Pictures left out because their file is gone, changed or out of reach."""
    damaged: int = 0
    """Pictures left out because their embedding is not as it was written."""
