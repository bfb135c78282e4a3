"""Measure models on one set: retrieval by its captions, zero-shot accuracy by its labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rclip_like.data.embedding import embed_set
from rclip_like.errors import MeasureError, UsageError
from rclip_like.evaluate.labels import normalised
from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.templates import DEFAULT_TEMPLATES, templates_of
from rclip_like.measure.captions import CaptionFigures, measure_captions
from rclip_like.measure.labels import LabelFigures, measure_labels
from rclip_like.measure.settings import EvaluateSettings
from rclip_like.values import Trouble

if TYPE_CHECKING:
    from rclip_like.data.embedding import EmbeddedSet
    from rclip_like.data.sets import Example, PictureSet
    from rclip_like.models.model import Model
    from rclip_like.settings import ReadSettings
    from rclip_like.store.embeddings import ModelEmbeddings

OnProgress = Callable[[str, int, int | None], None]
"""Called with the model's name, the number of pictures done, and that of all, None if unknown."""


class Candidate(NamedTuple):
    """A model to measure, and its embeddings in the index; None: encode all pictures."""

    model: Model
    stored: ModelEmbeddings | None


class ModelFigures(NamedTuple):
    """The figures of one model; captions and labels are None if the set has none."""

    name: str
    fingerprint: str
    logit_scale: float
    num_encoded: int
    num_from_index: int
    captions: CaptionFigures | None
    labels: LabelFigures | None


class Evaluation(NamedTuple):
    """The figures of models on the same pictures of a set, in the order of the models.

    num_drawn_from: the size of the set that num_pictures were drawn from; None without `limit`.
    troubles: pictures and files that could not be used. notes: sentences for the user.
    """

    name: str
    settings: EvaluateSettings
    num_pictures: int
    num_drawn_from: int | None
    models: tuple[ModelFigures, ...]
    troubles: tuple[Trouble, ...]
    notes: tuple[str, ...]


def evaluate(
    pictures: PictureSet,
    candidates: Sequence[Candidate],
    settings: EvaluateSettings,
    read: ReadSettings,
    on_progress: OnProgress | None = None,
) -> Evaluation:
    """Return the figures of the models on a set: retrieval by captions, zero-shot by labels.

    Every model reads the pictures with its own preprocessing, and only pictures that all models
    could use are measured. Raises MeasureError if there are none, if the set has neither captions
    nor labels, and if a package of the extra `research` is missing; DataError, UsageError and
    others as `embed_set` and `templates_of` do.
    """
    require_research("evaluating")
    if settings.templates is not None and not pictures.labels:
        raise UsageError(
            f"templates are for labels, and {pictures.name} has none: captions are encoded as they "
            "are"
        )
    templates = _templates(pictures, settings)
    num_drawn_from, has_splits = None, bool(pictures.splits)
    if settings.limit is not None:
        pictures, num_drawn_from = sample(pictures, settings.limit, settings.seed)
    every = []
    for candidate in candidates:
        name = candidate.model.specification.name
        show = None if on_progress is None else _titled(on_progress, name)
        every.append(embed_set(pictures, candidate.model, candidate.stored, read, on_progress=show))
    troubles = tuple(dict.fromkeys(trouble for each in every for trouble in each.troubles))
    embedded = common_pictures(every)
    if not embedded[0].names:
        raise MeasureError(f"{pictures.name} has no picture that every model can use")
    figures = [
        _measure(candidate.model, each, templates, settings.seed)
        for candidate, each in zip(candidates, embedded, strict=True)
    ]
    if figures[0].captions is None and figures[0].labels is None:
        raise MeasureError(
            f"{pictures.name} has neither captions nor labels",
            "write captions beside the pictures (x.jpg, x.txt), or make a folder for each label",
        )
    notes = dict.fromkeys(note for each in every for note in each.notes)
    notes |= dict.fromkeys(_alike(embedded[0].labels))
    if not has_splits and settings.split != EvaluateSettings().split:
        notes[f"{pictures.name} has no splits; all of it was measured"] = None
    return Evaluation(
        pictures.name,
        settings,
        len(embedded[0].names),
        num_drawn_from,
        tuple(figures),
        troubles,
        tuple(notes),
    )


def sample(pictures: PictureSet, limit: int, seed: int) -> tuple[PictureSet, int]:
    """Return the set with `limit` pictures drawn by the seed, and the number of all pictures.

    The pictures keep their order, and the set its labels. Files that cannot be used are left out.
    """
    from rclip_like.data.sets import Example

    num = sum(isinstance(each, Example) for each in pictures.examples())
    drawn = np.zeros(num, dtype=bool)
    drawn[np.random.default_rng(seed).permutation(num)[:limit]] = True

    def examples() -> Iterator[Example | Trouble]:
        number = 0
        for each in pictures.examples():
            if isinstance(each, Trouble):
                continue
            if number < num and drawn[number]:
                yield each
            number += 1

    return pictures._replace(examples=examples, total=min(limit, num)), num


def common_pictures(every: Sequence[EmbeddedSet]) -> list[EmbeddedSet]:
    """Return the embedded sets with only the pictures that are in all of them."""
    common = set(every[0].names).intersection(*(each.names for each in every))
    return [_of_names(each, common) for each in every]


def _of_names(embedded: EmbeddedSet, names: set[str]) -> EmbeddedSet:
    if len(names) == len(embedded.names):
        return embedded
    numbers = [number for number, name in enumerate(embedded.names) if name in names]
    return embedded._replace(
        names=tuple(embedded.names[number] for number in numbers),
        digests=tuple(embedded.digests[number] for number in numbers),
        rows=embedded.rows[numbers],
        label_numbers=embedded.label_numbers[numbers],
        captions=tuple(embedded.captions[number] for number in numbers),
    )


def _alike(labels: Sequence[str]) -> Iterator[str]:
    """Yield a note for labels that differ only in capitals and spaces."""
    first_of: dict[str, str] = {}
    for label in labels:
        first = first_of.setdefault(normalised(label), label)
        if first is not label:
            yield (
                f"The labels {first!r} and {label!r} differ only in capitals or spaces. A model "
                "that ignores these gives both equal scores, and a picture then counts in equal "
                "parts for both."
            )


def _templates(pictures: PictureSet, settings: EvaluateSettings) -> tuple[str, ...]:
    if settings.templates is None:
        return pictures.templates or templates_of(DEFAULT_TEMPLATES)
    return templates_of(settings.templates)


def _measure(
    model: Model, embedded: EmbeddedSet, templates: Sequence[str], seed: int
) -> ModelFigures:
    has_captions = any(embedded.captions)
    has_labels = bool((embedded.label_numbers >= 0).any())
    return ModelFigures(
        model.specification.name,
        model.specification.fingerprint,
        model.logit_scale,
        embedded.num_encoded,
        embedded.num_from_index,
        measure_captions(embedded, model, seed) if has_captions else None,
        measure_labels(embedded, model, templates, seed) if has_labels else None,
    )


def _titled(on_progress: OnProgress, name: str) -> Callable[[int, int | None], None]:
    return lambda done, total: on_progress(name, done, total)
