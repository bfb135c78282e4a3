"""What is asked of an index: terms and their embeddings, the query made of them, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.query import Kind
from rclip_like.query.embedding import cut_notes, embed_terms
from rclip_like.ranking import combine

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.query import Term
    from rclip_like.settings import SearchSettings
    from rclip_like.store.embeddings import ModelEmbeddings
    from rclip_like.values import Embedding, Embeddings, Pixels

NO_CUTOFF = (
    "what is like a picture has no cut-off of its own, so nothing was left out for its score"
)


class Asked(NamedTuple):
    """A query: unit float32 (D,), made of one unit row a term (T, D), and what the user should
    hear of how its words were read. everyday: embeddings of everyday words (B, D), where the least
    score is to be found by them.
    """

    terms: tuple[Term, ...]
    query: Embedding
    embeddings: Embeddings
    notes: tuple[str, ...]
    everyday: Embeddings | None = None


def ask(
    encoded: ModelEmbeddings,
    model: Model,
    terms: Sequence[Term],
    pictures: Mapping[str, Pixels | Embedding],
    settings: SearchSettings,
) -> Asked:
    """Return the terms as a query.

    pictures: those that are not indexed, by the term's value: pixels uint8 (S, S, 3), or a unit
    embedding float32 (D,). Raises UsageError for terms that cancel out, and PictureError for a
    picture that is neither given nor indexed.
    """
    cut: list[str] = []
    embeddings = embed_terms(encoded, model, terms, pictures, settings, cut.append)
    query = combine(embeddings, [term.weight for term in terms])
    notes = cut_notes(cut, model.specification)
    if not all(term.value.isascii() for term in terms):
        from rclip_like.query.languages import language_notes

        notes += language_notes(terms, model.specification)
    everyday = None
    if settings.min_score == "auto":
        if all(term.kind is Kind.TEXT for term in terms):
            from rclip_like.search.cutoff import embed_everyday_words

            everyday = embed_everyday_words(encoded, model, settings)
        else:
            notes += (NO_CUTOFF,)
    return Asked(tuple(terms), query, embeddings, notes, everyday)
