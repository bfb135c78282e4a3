"""Labels and templates to what scores pictures, with progress over the texts to encode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.classify.labelling import ZeroShot
from rclip_like.classify.values import NONE_OF_THESE
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
    """What scores pictures, and what the user should know of the texts behind it."""

    scorer: ZeroShot
    notes: tuple[str, ...]


def zero_shot(
    model: Model,
    labels: Sequence[str] | Mapping[str, Sequence[str]],
    settings: ClassifySettings,
    on_texts: Callable[[int, int], None] = lambda done, total: None,
) -> Built:
    """Return what scores pictures by the texts of labels, each in all templates.

    labels: names, or names with the wordings of each. on_texts is called with the number of texts
    that are encoded, and of all. Raises UsageError for labels that make no sense.
    """
    wordings = wordings_of(labels)
    if len(wordings) == 1 and not settings.multi:
        raise UsageError(
            "with one label alone every picture gets it",
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
    """Return the wordings of each label; of a name alone it is the only one. Raises UsageError."""
    if isinstance(labels, str):
        raise UsageError("the labels are one text; give a list of names")
    if isinstance(labels, Mapping):
        wordings = {label: tuple(phrases) or (label,) for label, phrases in labels.items()}
    else:
        wordings = {label: (label,) for label in labels}
    if not wordings:
        raise UsageError("there are no labels to give; name some")
    if len(wordings) < len(labels):
        twice = next(label for label in wordings if list(labels).count(label) > 1)
        raise UsageError(f"the label {twice!r} is there twice")
    if not all(map(str.strip, wordings)):
        raise UsageError("a label is empty")
    if NONE_OF_THESE in map(str.casefold, wordings):
        raise UsageError(f"no label can be called {NONE_OF_THESE!r}: pictures without one are")
    return wordings
