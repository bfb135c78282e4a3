"""The public object: one index and one model, to index and search from Python."""

from rclip_like.library.library import Library

__all__ = ["Library"]
