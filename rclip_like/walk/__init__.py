"""Folder to file facts: which files there are, in one pass, without opening any picture."""

from __future__ import annotations

from rclip_like.walk.ignoring import Ignored
from rclip_like.walk.left_out import RawPairs, SkippedFolders
from rclip_like.walk.patterns import folder_prefix, is_wanted
from rclip_like.walk.roots import resolve_roots
from rclip_like.walk.scope import Scope
from rclip_like.walk.tree import walk_pages

__all__ = [
    "Ignored",
    "RawPairs",
    "Scope",
    "SkippedFolders",
    "folder_prefix",
    "is_wanted",
    "resolve_roots",
    "walk_pages",
]
