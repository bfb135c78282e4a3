"""A query and the stored rows to matches, best first."""

from rclip_like.search.run import search
from rclip_like.search.terms import TEMPLATES, Searcher, stored_embedding

__all__ = ["TEMPLATES", "Searcher", "search", "stored_embedding"]
