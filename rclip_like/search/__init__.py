"""The stored rows to pictures: those nearest to a query, best first, or all in order of path."""

from rclip_like.search.run import search

__all__ = ["search"]
