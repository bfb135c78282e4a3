"""The terms of a query to embeddings, with as little of the model as that takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.errors import PictureError, Reason
from rclip_like.query.terms import Kind, Term
from rclip_like.ranking import combine
from rclip_like.settings import SearchSettings
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    import numpy.typing as npt

    from rclip_like.models.model import Model
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.store.embeddings import ModelEmbeddings
    from rclip_like.values import Embedding, Embeddings, Pixels

# The templates of the CLIP paper (section 3.1.4) and the subset its authors' notebook names.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "none": ("{}",),
    "photo": ("a photo of a {}.",),
    "all": (
        "itap of a {}.",
        "a bad photo of the {}.",
        "a origami {}.",
        "a photo of the large {}.",
        "a {} in a video game.",
        "art of the {}.",
        "a photo of the small {}.",
    ),
}
_LONGEST_SHOWN = 40


def embed_terms(
    encoded: ModelEmbeddings,
    model: Model,
    terms: Sequence[Term],
    pictures: Mapping[str, Pixels | Embedding],
    settings: SearchSettings,
    on_cut: Callable[[str], None],
) -> Embeddings:
    """Return one unit row a term, float32 (T, D); indexed pictures and cached texts cost no model.

    pictures: those that are not indexed, by the term's value: pixels uint8 (S, S, 3), or a unit
    embedding float32 (D,).
    `on_cut` is called with each text that is longer than the model reads; none of them is cached.
    Raises PictureError for a picture that is neither in `pictures` nor indexed.
    """
    templates = TEMPLATES[settings.template]
    words = [term.value for term in terms if term.kind is Kind.TEXT]
    prompts = {text: [each.format(text) for each in templates] for text in words}
    every = [prompt for group in prompts.values() for prompt in group]
    rows, cut = _embed_prompts(encoded, model, every, settings)
    for text, group in prompts.items():
        if not cut.isdisjoint(group):
            on_cut(text)
    embeddings = []
    for term in terms:
        if term.kind is Kind.TEXT:  # the mean of its prompts, scaled to unit length
            group = prompts[term.value]
            of_prompts = np.stack([rows[prompt] for prompt in group])
            embeddings.append(combine(of_prompts, [1.0] * len(group)))
        elif term.value in pictures:
            given = pictures[term.value]
            is_embedding = given.ndim == 1
            embeddings.append(given if is_embedding else model.picture(given))  # type: ignore[arg-type]
        else:
            stored = stored_embedding(encoded, term.value)
            if stored is None:
                why = "changed during the search; try again"
                raise PictureError(os.fsencode(term.value), why, False, Reason.CHANGED)
            embeddings.append(stored)
    return np.stack(embeddings)


def _embed_prompts(
    encoded: ModelEmbeddings, model: Model, prompts: Sequence[str], settings: SearchSettings
) -> tuple[dict[str, Embedding], set[str]]:
    """Return the embedding of each prompt, and those that are longer than the model reads."""
    from rclip_like.models.towers.tokenizer import VERSION

    cached = {prompt: encoded.cached_text(prompt, VERSION) for prompt in prompts}
    rows = {prompt: row for prompt, row in cached.items() if row is not None}
    new = [prompt for prompt in cached if prompt not in rows]
    cut: set[str] = set()
    if new:
        rows.update(zip(new, model.texts(new, cut.add), strict=True))
    if settings.cache_texts:
        for prompt in new:
            if prompt not in cut:  # the user would hear of it the first time only
                encoded.cache_text(prompt, rows[prompt], tokenizer=VERSION)
    return rows, cut


def cut_notes(cut: Sequence[str], specification: ModelSpecification) -> tuple[str, ...]:
    """Say which texts are longer than the model reads, in one sentence for all of them."""
    if not cut:
        return ()
    more = f" and {len(cut) - 1} more" if len(cut) > 1 else ""
    begun = f"{cut[0][:_LONGEST_SHOWN].strip()}..."
    return (
        f"{begun!r}{more}: longer than {specification.name} reads ({specification.context_length} "
        "tokens; a word is one or more); the rest is ignored",
    )


def stored_embedding(encoded: ModelEmbeddings, path: AnyPath) -> Embedding | None:
    """Return the unit float32 (D,) of a picture that is indexed as it is now, or None."""
    (picture,) = encoded.of_paths([path])
    return None if picture is None else picture.embedding


def stored_embeddings(
    encoded: ModelEmbeddings | None, paths: Sequence[AnyPath], dimension: int
) -> tuple[Embeddings, npt.NDArray[np.bool_]]:
    """Return one row a picture, float32 (N, D), and which are indexed as they are now (N,).

    The row of any other is zero. encoded: None where the model never indexed.
    """
    rows, is_indexed = np.zeros((len(paths), dimension), np.float32), np.zeros(len(paths), bool)
    for number, picture in enumerate([] if encoded is None else encoded.of_paths(paths)):
        if picture is not None:
            rows[number], is_indexed[number] = picture.embedding, True
    return rows, is_indexed
