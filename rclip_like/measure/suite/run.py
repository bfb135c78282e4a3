"""Measure the behaviours that the CLIP paper describes, on a labelled set, as one report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rclip_like import __version__
from rclip_like.errors import MeasureError, counted
from rclip_like.evaluate.intervals import INTERVALS
from rclip_like.evaluate.packages import require_research
from rclip_like.evaluate.report import Report, Section
from rclip_like.images.products import Square
from rclip_like.measure.suite import (
    added_label,
    counting,
    handwriting,
    prompts,
    robustness,
    shots,
    typography,
    watermark,
)
from rclip_like.measure.suite.parts import Parts
from rclip_like.measure.suite.squares import Squares, read_squares
from rclip_like.measure.suite.subject import TEMPLATE, Pace, Subject, SuiteProgress

if TYPE_CHECKING:
    from rclip_like.data.examples import PictureSet
    from rclip_like.measure.suite.baseline import Baseline
    from rclip_like.models.model import Model
    from rclip_like.settings import ReadSettings

_NEEDING = "the suite"

_VERSION = 2
"""Increase it when the content of a part changes, so that earlier parts are not used."""


_PARTS = (
    *(robustness, prompts, shots, typography),
    *(watermark, counting, added_label, handwriting),
)
MEASURES: Mapping[str, Callable[[Subject], Section]] = {part.TITLE: part.measure for part in _PARTS}
"""The functions that measure the sections, by their titles and in order."""


class SuiteSettings(NamedTuple):
    """How the suite measures.

    limit: the most pictures, drawn by the seed; 0 takes all. baseline: measure an ImageNet
    classifier too. parts: the folder for finished parts, from which an interrupted run continues;
    None keeps nothing.
    """

    seed: int = 0
    limit: int = 1000
    baseline: bool = False
    parts: Path | None = None


def paper_suite(
    pictures: PictureSet,
    model: Model,
    read: ReadSettings,
    settings: SuiteSettings = SuiteSettings(),  # noqa: B008 - a frozen value
    *,
    on_progress: Callable[[SuiteProgress], None] | None = None,
) -> Report:
    """Return a report on a labelled set, with a section and the paper's finding per behaviour.

    Every picture is read and encoded again. Two runs give the same bits except for `when`. An
    interrupted run keeps its finished parts. Raises MeasureError if there are fewer than two
    labels, no picture can be read, or a package of the extra `research` is missing; ModelError and
    ReaderError.
    """
    require_research(_NEEDING)
    if len(pictures.labels) < 2:
        raise MeasureError(f"{_NEEDING} needs pictures with at least two labels")
    square = Square.of(model.specification.preprocessing)
    squares = read_squares(pictures, square, read, settings.limit, settings.seed)
    return measure_squares(squares, pictures, model, settings, on_progress)


def measure_squares(
    squares: Squares,
    pictures: PictureSet,
    model: Model,
    settings: SuiteSettings,
    on_progress: Callable[[SuiteProgress], None] | None = None,
    measures: Mapping[str, Callable[[Subject], Section]] = MEASURES,
) -> Report:
    """Return the report on pictures of a set that were read; see `paper_suite`.

    measures: the functions that measure the sections, by their titles, as `MEASURES`.
    """
    baseline = _load_baseline(pictures.labels, model) if settings.baseline else None
    num_texts = prompts.num_texts(len(pictures.labels), pictures.templates)
    subject = Subject(
        squares=squares,
        labels=pictures.labels,
        model=model,
        parts=Parts(settings.parts, _key(squares, pictures, model, settings.seed)),
        pace=Pace(_num_encoded(squares, baseline), num_texts, on_progress),
        seed=settings.seed,
        templates=pictures.templates,
        baseline=baseline,
    )
    subject.warm_up()
    sections = []
    for title, measure in measures.items():
        subject.pace.section = title
        sections.append(measure(subject))
    return Report(
        f"The CLIP paper's behaviours on {pictures.name}",
        _made(subject),
        tuple(sections),
        tuple(_notes(squares)),
        when=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _notes(squares: Squares) -> Iterator[str]:
    if squares.troubles:
        first = squares.troubles[0]
        yield (
            f"{counted(len(squares.troubles), 'picture')} could not be read; the first is "
            f"{os.fsdecode(first.path)}: {first.reason}"
        )
    if squares.num_copies:
        yield f"left out as copies of other pictures: {squares.num_copies:,}"
    yield INTERVALS
    yield (
        "This report has dozens of intervals: without any real difference, about one of twenty "
        "looks clear by chance."
    )


def _num_encoded(squares: Squares, baseline: Baseline | None) -> int:
    num = len(squares.labels)
    num_compared = 0 if baseline is None else int(baseline.names(squares.labels).sum())
    return (
        num
        + robustness.num_pictures(num, num_compared)
        + shots.num_pictures(squares.labels)
        + typography.num_pictures(num)
        + watermark.num_pictures(num)
        + counting.num_pictures()
        + handwriting.num_pictures()
    )


def _load_baseline(labels: tuple[str, ...], model: Model) -> Baseline:
    from rclip_like.measure.suite.baseline import load_baseline

    return load_baseline(labels, model.specification)


def _key(squares: Squares, pictures: PictureSet, model: Model, seed: int) -> str:
    """Return the key for `Parts`: text that identifies everything that a part depends on."""
    described = (
        *(pictures.labels, pictures.templates, squares.digest()),
        *(model.specification.fingerprint, seed, TEMPLATE),
    )
    digest = hashlib.sha256(repr(described).encode("utf-8", "surrogateescape")).hexdigest()
    return f"clipfind {__version__} suite {_VERSION} {digest}"


def _made(subject: Subject) -> dict[str, object]:
    specification = subject.model.specification
    return {
        "suite": "paper",
        "model": specification.name,
        "fingerprint": specification.fingerprint,
        "num_pictures": len(subject.truth),
        "num_labels": len(subject.labels),
        "pictures_digest": subject.squares.digest(),
        "seed": subject.seed,
        "template": TEMPLATE,
        "baseline": subject.baseline.classifier.name if subject.baseline else None,
        "version": __version__,
    }
