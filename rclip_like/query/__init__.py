"""What the user typed: text to terms, terms to pixels or words, those to embeddings."""

from rclip_like.query.terms import Kind, Query, Term, is_path_like, parse

__all__ = ["Kind", "Query", "Term", "is_path_like", "parse"]
