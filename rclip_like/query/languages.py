"""Words that a model made for English does not understand: those not in Latin script."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category, name, normalize

from rclip_like.errors import Note, Remedy
from rclip_like.models.names import HUB_PREFIX, MULTILINGUAL, is_folder_name, split_weights
from rclip_like.models.specification import ModelSpecification
from rclip_like.query.terms import Kind, Term


def language_notes(terms: Sequence[Term], specification: ModelSpecification) -> tuple[str, ...]:
    """Say which words the model does not understand, in one sentence for all of them."""
    if not reads_english_alone(specification):
        return ()
    texts = [term.value for term in terms if term.kind is Kind.TEXT]
    words = list(dict.fromkeys(word for text in texts for word in foreign_words(text)))
    if not words:
        return ()
    more = f" and {len(words) - 1} more" if len(words) > 1 else ""
    reason = (
        f"{words[0]!r}{more}: {specification.name} understands only English, so these results "
        "are meaningless"
    )
    return (Note(reason, (Remedy.USE_MULTILINGUAL, MULTILINGUAL)),)


def reads_english_alone(specification: ModelSpecification) -> bool:
    """Return whether a model was made for English, as far as its configuration tells.

    The built-in one was, and so were those that open_clip publishes with CLIP's own tokenizer: its
    pieces of words are English, and models for more languages bring another one. A user's own model
    may have been trained on any captions.
    """
    base, weights = split_weights(specification.name)
    is_own = weights is not None or is_folder_name(base) or base.startswith(HUB_PREFIX)
    return not is_own and not specification.config["text_cfg"].get("hf_tokenizer_name")


def foreign_words(text: str) -> list[str]:
    """Return the words that hold a letter of another script than Latin.

    Signs and emoji are not letters; accents, ligatures and letters of other shapes stay Latin.
    """

    def is_foreign(letter: str) -> bool:
        parts = normalize("NFKC", letter) if letter.isalpha() and category(letter) != "Lm" else ""
        return any(part.isalpha() and not name(part, "").startswith("LATIN") for part in parts)

    return [word for word in text.split() if not word.isascii() and any(map(is_foreign, word))]
