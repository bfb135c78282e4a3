"""Build the zero-shot scorer of labels in templates, with progress over the texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.classify.labelling import ZeroShot
from rclip_like.classify.values import NONE_OF_THESE, RESERVED_LABEL
from rclip_like.errors import Remedy, UsageError
from rclip_like.evaluate.labels import Wordings
from rclip_like.evaluate.templates import templates_of
from rclip_like.evaluate.zero_shot import build_classifier
from rclip_like.query import Kind, Term
from rclip_like.query.embedding import cut_notes
from rclip_like.query.languages import language_notes

if TYPE_CHECKING:
    from rclip_like.classify.settings import ClassifySettings
    from rclip_like.models.model import Model
    from rclip_like.values import Embeddings

_TEXTS_AT_ONCE = 256


class Built(NamedTuple):
    """The scorer, and notes for the user on its texts."""

    scorer: ZeroShot
    notes: tuple[str, ...]


def zero_shot(
    model: Model,
    labels: Sequence[str] | Mapping[str, Sequence[str]],
    settings: ClassifySettings,
    on_texts: Callable[[int, int], None] = lambda done, total: None,
) -> Built:
    """Return the scorer of labels, whose texts are their wordings in all templates.

    labels: names, or names with the wordings of each. on_texts: called with the number of texts
    encoded and the number of all. Raises UsageError for labels that cannot be used.
    """
    wordings = wordings_of(labels)
    if len(wordings) == 1 and not settings.multi:
        raise UsageError(
            "every picture would get the only label",
            "name another one",
            Remedy.LABEL_EACH_ALONE,
        )
    templates = templates_of(settings.templates)
    num_phrases = sum(len(phrases) for phrases in wordings.values()) + settings.multi
    cut: list[str] = []
    done = 0

    def encode(texts: Sequence[str]) -> Embeddings:
        nonlocal done
        rows = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            rows.append(model.texts(some, cut.append))
            done += len(some)
            on_texts(done, num_phrases * len(templates))
        return np.concatenate(rows)

    classifier = build_classifier(wordings, templates, encode, multi=settings.multi)
    specification = model.specification
    every = [phrase for phrases in wordings.values() for phrase in phrases]
    terms = [Term(1.0, Kind.TEXT, phrase, phrase) for phrase in every if not phrase.isascii()]
    notes = cut_notes(cut, specification) + language_notes(terms, specification)
    return Built(ZeroShot(classifier, model.logit_scale, settings.multi), notes)


def wordings_of(labels: Sequence[str] | Mapping[str, Sequence[str]]) -> Wordings:
    """Return the wordings of each label; without any, the name is one. Raises UsageError."""
    if isinstance(labels, str):
        raise UsageError("the labels are a single text; give a list of names")
    if isinstance(labels, Mapping):
        wordings = {label: tuple(phrases) or (label,) for label, phrases in labels.items()}
    else:
        wordings = {label: (label,) for label in labels}
    if not wordings:
        raise UsageError("there are no labels; name some")
    if len(wordings) < len(labels):
        twice = next(label for label in wordings if list(labels).count(label) > 1)
        raise UsageError(f"the label {twice!r} is repeated")
    if not all(map(str.strip, wordings)):
        raise UsageError("a label is empty")
    if NONE_OF_THESE in map(str.casefold, wordings):
        raise UsageError(RESERVED_LABEL)
    return wordings
