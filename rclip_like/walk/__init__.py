"""Folder to file facts: which files there are, in one pass, without opening any picture."""

from rclip_like.walk.left_out import LeftOut
from rclip_like.walk.scope import Scope, resolve_roots
from rclip_like.walk.tree import walk_pages

__all__ = ["LeftOut", "Scope", "resolve_roots", "walk_pages"]
