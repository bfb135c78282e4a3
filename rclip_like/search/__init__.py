"""A query and the stored rows to matches, best first."""

from rclip_like.search.run import search

__all__ = ["search"]
