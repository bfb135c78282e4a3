"""The report of an evaluation: a section for each task, a row for each model in its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rclip_like.evaluate.intervals import INTERVALS
from rclip_like.evaluate.report import Column, Report, Section, Table
from rclip_like.evaluate.templates import listed_or_counted
from rclip_like.measure.captions import DIRECTIONS, KS, PICTURE_TO_TEXT
from rclip_like.measure.label_report import label_sections
from rclip_like.measure.tables import differences_table, figures_table

if TYPE_CHECKING:
    from rclip_like.measure.captions import CaptionFigures
    from rclip_like.measure.labels import LabelFigures
    from rclip_like.measure.run import Evaluation

_MAY_BE_FITTED_ON = (
    "This probe may have been fitted on some of these pictures; its file does not say which. If "
    "so, these figures are too high: they show how well it remembers the pictures."
)


def evaluation_report(evaluation: Evaluation, version: str, when: str = "") -> Report:
    """Return the report of an evaluation; version: clipfind's; when: the time, for `Report`."""
    labelled = [(model.name, model.labels) for model in evaluation.models if model.labels]
    scales = {model.name: model.logit_scale for model in evaluation.models}
    sections = [
        *_caption_sections(evaluation),
        *label_sections(labelled, scales, evaluation.settings.seed),
    ]
    names = ", ".join(model.name for model in evaluation.models)
    return Report(
        f"Evaluation of {names} on {evaluation.name}",
        _made(evaluation, version),
        tuple(sections),
        tuple(_notes(evaluation)),
        when,
    )


def labels_report(
    model: str,
    figures: LabelFigures,
    logit_scale: float | None,
    made: Mapping[str, object],
    notes: Sequence[str] = (),
) -> Report:
    """Return the report on the labels of `classify`, compared with the true ones.

    made: as in `Report`, with a `seed`. logit_scale: None for a probe, which has none.
    """
    seed = made["seed"]
    assert isinstance(seed, int)
    first, *others = label_sections([(model, figures)], {model: logit_scale}, seed)
    if logit_scale is None:
        counted = f"{figures.num_pictures:,} pictures get one of {len(figures.labels):,} labels."
        limits = "The list is closed: one of the labels wins, even if none fits."
        first = first._replace(
            title="Labels of a probe", sentences=(_MAY_BE_FITTED_ON, counted), limits=limits
        )
    return Report(f"Labels by {model}", made, (first, *others), (INTERVALS, *notes))


def _made(evaluation: Evaluation, version: str) -> dict[str, object]:
    settings, first = evaluation.settings, evaluation.models[0]
    made: dict[str, object] = {"data": evaluation.name, "pictures": evaluation.num_pictures}
    if evaluation.num_drawn_from is not None:
        made["drawn_from"] = evaluation.num_drawn_from
    if first.captions is not None:
        made["captions"] = first.captions.num_captions
    if first.labels is not None:
        made["labels"] = len(first.labels.labels)
        made["templates"] = listed_or_counted(first.labels.templates)
    models = [
        {
            "name": model.name,
            "fingerprint": model.fingerprint,
            "from_index": model.num_from_index,
            "encoded": model.num_encoded,
        }
        for model in evaluation.models
    ]
    return {**made, "models": models, "seed": settings.seed, "version": version}


def _notes(evaluation: Evaluation) -> Iterator[str]:
    yield INTERVALS
    if any(model.num_from_index for model in evaluation.models):
        yield (
            "Embeddings from the index are float16; fresh ones differ from them by about 0.0005, "
            "which may swap pictures with nearly equal scores."
        )
    if evaluation.troubles:
        yield f"Pictures and files that could not be used: {len(evaluation.troubles):,}."
    yield from evaluation.notes


# ---- Captions


def _caption_sections(evaluation: Evaluation) -> Iterator[Section]:
    found = [(model.name, model.captions) for model in evaluation.models if model.captions]
    if not found:
        return
    figures = found[0][1]
    sentences = [
        f"{figures.num_captions:,} captions search {figures.num_pictures:,} pictures, and these "
        "search the captions."
    ]
    if figures.num_pictures < KS[-1]:
        sentences.append(f"With k above {figures.num_pictures:,}, all pictures count as found.")
    if figures.num_shared:
        sentences.append(
            f"{figures.num_shared:,} captions belong to several pictures; each of these is right."
        )
    if figures.num_cut:
        model = found[0][0]
        sentences.append(
            f"{figures.num_cut:,} captions are longer than {model} reads, and were cut."
        )
    yield Section(
        "captions",
        "Search by captions",
        tuple(sentences),
        tuple(_caption_tables(found, evaluation.settings.seed)),
        limits="Other pictures that fit a caption count as wrong, so recall depends on how many "
        "pictures there are and how much they differ. Compare models only on the same set.",
    )


def _caption_tables(found: Sequence[tuple[str, CaptionFigures]], seed: int) -> Iterator[Table]:
    recalls = [Column(f"recall@{k}", f"recall@{k}", "share") for k in KS]
    true_recalls = [Column(f"true_recall@{k}", f"true recall@{k}", "share") for k in KS]
    ranks = [
        Column("median_rank", "median rank"),
        Column("mrr", "MRR"),
        Column("map@r", "mAP@R"),
    ]
    by_direction = {
        title: [(name, figures.figures[direction]) for name, figures in found]
        for direction, title in DIRECTIONS.items()
    }
    to_text = {DIRECTIONS[PICTURE_TO_TEXT]: by_direction[DIRECTIONS[PICTURE_TO_TEXT]]}
    yield figures_table("recall", "A right result among the first k", recalls, by_direction)
    yield figures_table(
        "true-recall",
        "The share of a picture's own captions among the first k",
        true_recalls,
        to_text,
    )
    yield figures_table("ranks", "Rank of the first right result", ranks, by_direction)
    if len(found) > 1:
        yield differences_table([*recalls, ranks[1]], by_direction, seed)
