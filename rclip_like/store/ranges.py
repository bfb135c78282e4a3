"""Which stretch of the paths in order lies under a root; no character in it is a wildcard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rclip_like.values import Root


class PathRange(NamedTuple):
    """All paths from `start` up to, but not with, `end`, compared byte by byte."""

    start: bytes
    end: bytes


EVERYTHING = PathRange(b"", b"\xff")
"""Holds every absolute path: they begin with a slash or a drive letter."""


def ranges_of(roots: Sequence[Root] | None) -> list[PathRange]:
    """Return the ranges of the roots in ascending order, without overlaps; None is everything."""
    if roots is None:
        return [EVERYTHING]
    kept: list[PathRange] = []
    for one in sorted(range_of(root) for root in roots):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
        else:  # the root of a disk as a path of its own begins where the folder does
            kept[-1] = PathRange(kept[-1].start, max(kept[-1].end, one.end))
    return kept


def range_of(root: Root) -> PathRange:
    """Return the range of one root: the file itself, or what lies in the folder."""
    if root.is_file:
        return PathRange(root.path, root.path + b"\0")
    separator = _separator_of(root.path)
    folder = root.path.removesuffix(separator)
    return PathRange(folder + separator, folder + bytes([separator[0] + 1]))


def _separator_of(path: bytes) -> bytes:
    return b"\\" if path[1:3] == b":\\" or path.startswith(b"\\\\") else b"/"
