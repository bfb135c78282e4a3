"""The report on a probe: accuracy beside zero-shot labels, the few-shot curve, each label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rclip_like import __version__
from rclip_like.errors import counted
from rclip_like.evaluate.confusion import (
    ACCURACY_COLUMNS,
    CLASS_COLUMNS,
    CONFUSED_COLUMNS,
    Accuracy,
    Confusion,
    accuracy,
    confusion,
    nearest,
)
from rclip_like.evaluate.intervals import INTERVALS, paired_difference, wilson
from rclip_like.evaluate.report import (
    Cell,
    Column,
    Interval,
    MatrixChart,
    Report,
    Section,
    Table,
)
from rclip_like.evaluate.splits import SPLIT_NAMES, TRAIN, VALIDATION, hash_of_draw
from rclip_like.evaluate.templates import listed_or_counted
from rclip_like.evaluate.zero_shot import zero_shot_limits
from rclip_like.probe.shots_report import choice_section, hashes_of_draws, shots_section

if TYPE_CHECKING:
    from rclip_like.evaluate.probe_file import Probe
    from rclip_like.probe.measuring import ProbeFigures
    from rclip_like.probe.settings import ProbeSettings

_FEW_REPEATS = 10
_NUM_NAMED = 8
_RECALL = 3
"""Its place in `CLASS_COLUMNS`."""
_MOST_LABELS_DRAWN = 500
"""A confusion of more labels is not drawn: each would take less than a pixel."""

_LIMITS = (
    "The zero-shot texts are the names of the labels; other wordings give other figures. The "
    "intervals are over test pictures of this set, not over sets, nor over other splits of it: "
    "with few test pictures, another seed can turn the result."
)
_PAPER_PROBE = "Linear probes on all training pictures were 10 to 25 points better on most sets."


_FEATURES = {
    "index": "unit embeddings, as in the index",
    "tower": "features of the image tower, before projection and not scaled",
}


def make_report(measured: ProbeFigures, probe: Probe, settings: ProbeSettings) -> Report:
    """Return the report on one run; without test pictures it says only what was fitted."""
    data, templates = measured.data, measured.templates
    sections = []
    if len(measured.test):
        figures = _Accuracies(measured)
        sections += [_probe_section(measured, figures, probe.model, settings.seed)]
        if measured.curve:
            sections.append(shots_section(measured, figures.zero_shot_share, figures.probe_share))
        sections.append(_labels_section(measured, figures))
    sections.append(choice_section(measured, settings))
    made = {
        "set": data.name,
        "model": probe.model,
        "fingerprint": probe.fingerprint,
        "features": _FEATURES[probe.features],
        "labels": len(data.labels),
        "pictures": {name: len(data.on(number)) for number, name in enumerate(SPLIT_NAMES)},
        "from_the_index": data.num_from_index,
        "encoded": data.num_encoded,
        "templates": listed_or_counted(templates),
        "seed": settings.seed,
        "repeats": settings.repeats,
        "draws": hash_of_draw(
            [digest for shots in measured.curve for digest in hashes_of_draws(measured, shots)]
        ),
        "version": __version__,
    }
    title = f"Linear probe of {data.name} with {probe.model}"
    return Report(title, made, tuple(sections), tuple(_notes(measured)), date.today().isoformat())


class _Accuracies:
    """The figures that several sections need, of the probe and of zero-shot labels."""

    def __init__(self, measured: ProbeFigures) -> None:
        truth, number = measured.truth, len(measured.data.labels)
        self.probe = accuracy(measured.logits, truth)
        self.zero_shot = accuracy(measured.zero_shot, truth)
        self.probe_confusion = confusion(truth, nearest(measured.logits), number)
        self.zero_shot_confusion = confusion(truth, nearest(measured.zero_shot), number)
        self.zero_shot_share = _share(self.zero_shot.hits1)
        self.probe_share = _share(self.probe.hits1)


def _share(hits: npt.NDArray[np.float64]) -> Interval:
    return wilson(float(hits.sum()), len(hits))


# ---- The probe of all pictures, beside zero-shot labels


def _probe_section(measured: ProbeFigures, figures: _Accuracies, model: str, seed: int) -> Section:
    gain = paired_difference(figures.zero_shot.hits1, figures.probe.hits1, seed=seed)
    rows = (
        _row("probe", figures.probe, figures.probe_confusion),
        _row("zero-shot", figures.zero_shot, figures.zero_shot_confusion),
    )
    columns = (
        Column("method", "method", "text"),
        *ACCURACY_COLUMNS,
    )
    return Section(
        "probe",
        "The probe and zero-shot labels",
        (_comparison(figures, gain, len(measured.test)), *_near_sentences(measured, figures)),
        (Table("accuracy", "On the test pictures, with intervals of 95 %", columns, rows),),
        paper=_PAPER_PROBE,
        limits=f"{_LIMITS} {zero_shot_limits(model)}".strip(),
    )


def _row(method: str, reached: Accuracy, counts: Confusion) -> tuple[Cell, ...]:
    acc5 = None if reached.hits5 is None else _share(reached.hits5)
    return (
        method,
        _share(reached.hits1),
        acc5,
        counts.mean_per_class_recall(),
        counts.macro_f1(),
    )


def _comparison(figures: _Accuracies, gain: Interval, number: int) -> str:
    probe, zero_shot = (100 * each.acc1 for each in (figures.probe, figures.zero_shot))
    points = f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f} points"
    lead = (
        f"The probe is right on {probe:.1f} % of {number:,} test pictures, "
        f"zero-shot on {zero_shot:.1f} %: "
    )
    if gain.high < 0:
        return f"{lead}on this split the probe is worse than zero-shot ({points})."
    if gain.low > 0:
        return f"{lead}on this split the probe is better ({points})."
    return f"{lead}these pictures do not show which is better ({points})."


def _near_sentences(measured: ProbeFigures, figures: _Accuracies) -> Iterator[str]:
    """Yield how many test pictures are near copies; nothing shows that the others are none."""
    near, number = measured.near, len(measured.test)
    num_near = int(near.is_near.sum())
    yield (
        f"{num_near:,} of {number:,} test pictures {'has' if num_near == 1 else 'have'} a cosine "
        f"above {near.cosine:.2f} with a picture of the same label that was fitted on: more than "
        "99 % of the test pictures have with any picture of another label. These are copies, shots "
        "of one burst, or very similar pictures; copies that look different to the model are not "
        "among them."
    )
    if num_near == number:
        yield "The figures say little about pictures unlike those that were fitted on."
    elif num_near:
        rest = ~near.is_near
        probe, zero_shot = (
            100 * float(each.hits1[rest].mean()) for each in (figures.probe, figures.zero_shot)
        )
        yield (
            f"Without them the probe is right on {probe:.1f} %, zero-shot on {zero_shot:.1f} % of "
            f"{number - num_near:,} pictures."
        )


# ---- Labels


def _labels_section(measured: ProbeFigures, figures: _Accuracies) -> Section:
    labels = measured.data.labels
    probe, zero_shot = figures.probe_confusion.classes(), figures.zero_shot_confusion.classes()
    fitted = np.bincount(measured.data.numbers[measured.data.on(TRAIN, VALIDATION)])
    rows = tuple(
        (*mine.cells(label), other.cells(label)[_RECALL], int(fitted[mine.label]))
        for label, mine, other in zip(labels, probe, zero_shot, strict=True)
    )
    columns = (
        *CLASS_COLUMNS,
        Column("zero_shot_recall", "zero-shot recall", "share"),
        Column("num_fitted", "fitted on", "count"),
    )
    confused = Table(
        "confused",
        "Most frequent mistakes of the probe",
        CONFUSED_COLUMNS,
        figures.probe_confusion.confused_rows(labels),
    )
    chart = MatrixChart(
        "confusion", "Confusion of the probe", labels, figures.probe_confusion.counts
    )
    return Section(
        "labels",
        "Label by label",
        tuple(_label_sentences(measured, figures)),
        (Table("labels", "On the test pictures", columns, rows), confused),
        (chart,) if len(labels) <= _MOST_LABELS_DRAWN else (),
    )


def _label_sentences(measured: ProbeFigures, figures: _Accuracies) -> Iterator[str]:
    """Yield what is clear of single labels, which is nothing where they have few pictures."""
    labels, truth = measured.data.labels, measured.truth
    nums = np.bincount(truth, minlength=len(labels))
    worse, better = [], []
    for number in np.flatnonzero(nums).tolist():
        own = truth == number
        gain = paired_difference(figures.zero_shot.hits1[own], figures.probe.hits1[own])
        if gain.low > 0:
            better.append(labels[number])
        elif gain.high < 0:
            worse.append(labels[number])
    for named, higher in ((worse, "zero-shot"), (better, "the probe")):
        if named:
            yield f"For {counted(len(named), 'label')}, {higher} has a clearly higher recall: " + (
                f"{_named(named)}."
            )
    if not worse and not better:
        yield (
            "For no single label is the difference between the probe and zero-shot clear: they "
            f"have {counted(int(np.median(nums)), 'test picture')} in the median."
        )
    untested = [label for label, num in zip(labels, nums, strict=True) if not num]
    if untested:
        verb = "has" if len(untested) == 1 else "have"
        yield f"{counted(len(untested), 'label')} {verb} no test pictures: {_named(untested)}."


def _named(labels: Sequence[str]) -> str:
    return ", ".join(labels[:_NUM_NAMED]) + (", ..." if len(labels) > _NUM_NAMED else "")


def _notes(measured: ProbeFigures) -> Iterator[str]:
    if len(measured.test):
        yield INTERVALS
    yield from measured.data.notes
    if not measured.fit.has_converged:
        yield "The fit of the probe did not converge within 1,000 iterations."
    for shots in measured.curve:
        if shots.num_unfinished:
            yield f"{shots.num_unfinished} of the fits with {shots.k} per label did not converge."
    num_repeats = len(measured.curve[0].accuracies) if measured.curve else _FEW_REPEATS
    if num_repeats < _FEW_REPEATS:
        yield f"{num_repeats} draws give wide intervals; use 10 or more."
    if measured.unreached and len(measured.test):
        named = ", ".join(map(str, measured.unreached))
        yield f"No label has enough training pictures for {named} per label."
    if not len(measured.test):
        yield "No label has two pictures, so no picture was left to test the probe with."
