"""What a training run says at its end: sentences, a report with every alpha, and the model's card.

Shares stand for recall only where `Gain` finds that they say something; elsewhere counts do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.evaluate.intervals import INTERVALS
from rclip_like.evaluate.report import (
    Cell,
    Column,
    Interval,
    Report,
    Section,
    Table,
    Unit,
    counted,
)
from rclip_like.train.retention_figures import worst

if TYPE_CHECKING:
    from rclip_like.train.gain import Compared, Gain
    from rclip_like.train.retention_figures import Change
    from rclip_like.train.values import TrainReport

_TRAINED = {
    "head": "the projections of both towers",
    "last": "the projections and the last layers",
    "all": "all layers",
    "lora": "low-rank additions to the attention layers, merged into the weights",
}
_LIMITS = (
    "Held-out pictures come from the same source as those that were learnt from. The figures say "
    "nothing of other pictures, and they flatter where several pictures show the same scene. Alpha "
    "was chosen by the same pairs, which flatters a little, too."
)
_POINT = 100
_MOST_NAMED = 8
"""Of how many reasons for leaving pairs out a report tells."""


class _Direction(NamedTuple):
    """One way of finding among held-out pairs: its name in tables and in a sentence."""

    title: str
    finds: str
    compared: Compared
    metric: str = "recall@"


def outcome_sentences(report: TrainReport) -> list[str]:
    """Return what was saved and why, what it gained, and what it forgot."""
    gain = report.gain.get(report.alpha)
    gained = _gained(gain, report) if gain and report.alpha else ""
    return [each for each in (_saved(report), _reason(report), gained, _forgot(report)) if each]


def gain_table(report: TrainReport, alpha: float) -> Table | None:
    """Return what held-out pairs find at an alpha and at the start; None if that says nothing."""
    gain = report.gain.get(alpha)
    if gain is None:
        return None
    rows = [
        (f"{way.title}, {way.metric}{k}", *_cells(way.compared, k, gain))
        for way in _directions(gain, report)
        for k in way.compared.telling()
    ]
    if not rows:
        return None
    unit: Unit = "share" if gain.has_percentages else "text"
    columns = (
        Column("measure", "by held-out", "text"),
        Column("before", report.model, unit),
        Column("after", f"alpha {alpha:g}", unit),
        Column("gained", "gained", "points" if gain.has_percentages else "text"),
    )
    return Table(f"gain-{alpha:g}", f"Gain at alpha {alpha:g}", columns, tuple(rows))


def training_report(report: TrainReport, version: str, when: str = "") -> Report:
    """Return the report with the figures of every alpha; version: clipfind's; when: as in Report.

    Names no folder beyond its last part.
    """
    sections = [
        Section("outcome", "What was saved", tuple(outcome_sentences(report)), limits=_LIMITS)
    ]
    if report.gain:
        tables = (gain_table(report, alpha) for alpha in sorted(report.gain) if alpha)
        found = tuple(table for table in tables if table)
        sentences = (_held_out(report), _decided_by(report))
        sections.append(Section("gain", "What was gained", sentences, found))
    if report.forgotten:
        sections.append(_forgotten_section(report))
    sections += _left_out(report)
    notes = (INTERVALS, *map(str, report.notes))
    title = f"Training of {report.output.name}"
    return Report(title, _made(report, version), tuple(sections), notes, when)


def model_card(report: TrainReport, version: str) -> Report:
    """Return the card of the saved model: from what, how, how well, and its limits."""
    table = gain_table(report, report.alpha) if report.alpha else None
    licence = f"is {report.licence}" if report.licence else "is not known to clipfind"
    sections = (
        Section(
            "figures",
            "What it gained and what it forgot",
            (*outcome_sentences(report), *([_held_out(report)] if report.gain else ())),
            (table,) if table else (),
            limits=_LIMITS,
        ),
        *_left_out(report),
        Section(
            "licence",
            "Licence",
            (
                f"The licence of {report.model}, with which training began, {licence}. The "
                "pictures and captions that it learnt from may have terms of their own.",
            ),
        ),
    )
    notes = ("Intervals are of 95 %; report.md says how they are made.",)
    return Report(report.output.name, _made(report, version), sections, notes)


def _saved(report: TrainReport) -> str:
    name = report.output.name
    if report.alpha == 0:
        return f"The start was kept: {name} holds {report.model} as it was."
    gain = report.gain.get(report.alpha)
    if gain is None:
        return f"{name} was trained. What it gained was not measured: no pairs were held out."
    if gain.deciding.low > 0:
        return f"{name} finds your pictures better than {report.model}."
    return f"It is not certain that {name} finds your pictures better than {report.model}."


def _reason(report: TrainReport) -> str:
    """Return why the saved model lies where it does between the start and the trained one."""
    if report.is_alpha_asked:
        return f"It lies at alpha {report.alpha:g}, as was asked for."
    gain = report.gain.get(report.alpha or _best_alpha(report))
    if gain is None:
        return "All that was learnt costs more than a point elsewhere." * (not report.alpha)
    what, changed = _deciding(report), _points(gain.deciding)
    if report.alpha:
        return f"It lies at alpha {report.alpha:g}: the {what} gains {changed}."
    if gain.deciding.low > 0:
        return f"The {what} would gain {changed}, at the cost of more than a point elsewhere."
    if gain.deciding.value <= 0:
        return f"No trained model was better: the best one changes the {what} by {changed}."
    return f"The best of the trained models changes the {what} by {changed}, which may be chance."


def _gained(gain: Gain, report: TrainReport) -> str:
    way = _directions(gain, report)[0]
    telling = way.compared.telling()
    if not telling:
        few = counted(gain.num_pictures, "held-out picture")
        return f"With {few} no share of right results says anything."
    k, number = telling[-1], way.compared.after.num_queries
    before, after, gained = _cells(way.compared, k, gain)
    among = "" if way.metric == "top-" else f" among the first {k} results"
    if isinstance(before, Interval) and isinstance(after, Interval):
        shares = [f"{_POINT * each.value:.1f} %" for each in (before, after)]
        gained = _points(way.compared.gained_recall[k])
        return (
            f"{shares[1]} of {number:,} held-out {way.finds}{among}, {shares[0]} with "
            f"{report.model}: {gained}."
        )
    return f"{after} held-out {way.finds}{among}, {before} with {report.model}: {gained}."


def _forgot(report: TrainReport) -> str:
    lost = report.forgotten.get(report.alpha)
    if not report.alpha:
        return ""
    if lost is None:
        return "What it forgot of other pictures was not measured."
    what = "lost" if lost.value >= 0 else "gained"
    ends = (lost.low, lost.high) if lost.value >= 0 else (-lost.high, -lost.low)
    span = _span(*ends, digits=1)
    changed = report.changed.get(report.alpha)
    figure = f" of {worst(changed).title}" if changed else ""
    return f"On {report.retained_on} it {what} {abs(lost.value):.1f} points{span}{figure}."


def _held_out(report: TrainReport) -> str:
    if report.plan is not None and report.plan.folds:
        return (
            f"Each pair was held out once, in {report.plan.folds} runs that did not learn from it; "
            "the saved model learnt from all pairs."
        )
    held_out = counted(report.num_held_out, "picture")
    return f"The saved model did not learn from the {held_out} that were held out."


def _decided_by(report: TrainReport) -> str:
    """Return what decides between the alphas, and what the held-out pairs have chosen."""
    steps = "chose after how many steps training ends, and "
    if report.plan is not None and report.plan.folds:
        steps = "(whose number of steps was chosen on the other parts) "
    return (
        f"The {_deciding(report)} decides between the alphas. The held-out pairs {steps}chose "
        "alpha, so that new pairs may gain a little less."
    )


def _deciding(report: TrainReport) -> str:
    return "accuracy of held-out pictures" if report.num_labels else "mean reciprocal rank"


def _directions(gain: Gain, report: TrainReport) -> Sequence[_Direction]:
    if report.num_labels:
        finds = "pictures get their own label"
        return (_Direction("labels", finds, gain.of_pictures, "top-"),)
    return (
        _Direction("captions", "captions find their own picture", gain.of_texts),
        _Direction("pictures", "pictures find a caption of theirs", gain.of_pictures),
    )


def _best_alpha(report: TrainReport) -> float:
    """Return the alpha beside 0 with the highest gain; 0 where none was measured."""
    trained = [alpha for alpha in report.gain if alpha]
    return max(trained, key=lambda alpha: report.gain[alpha].deciding.value, default=0.0)


def _cells(compared: Compared, k: int, gain: Gain) -> tuple[Cell, Cell, Cell]:
    """Return the recall before and after and the difference, as shares or as counts."""
    before, after = compared.before.recall[k], compared.after.recall[k]
    gained, number = compared.gained_recall[k], compared.after.num_queries
    if gain.has_percentages:
        return before, after, gained
    span = _span(number * gained.low, number * gained.high, digits=0)
    return (
        f"{number * before.value:.0f} of {number:,}",
        f"{number * after.value:.0f} of {number:,}",
        f"{number * gained.value:+.0f}{span}",
    )


def _points(gained: Interval) -> str:
    value, low, high = (_POINT * each for each in gained)
    return f"{value:+.1f} points{_span(low, high, digits=1)}"


def _span(low: float, high: float, *, digits: int) -> str:
    """Return an interval behind its figure; "" where there is none, as all values are equal."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f" ({low:+.{digits}f} to {high:+.{digits}f})"


def _forgotten_section(report: TrainReport) -> Section:
    rows = tuple(
        (f"{alpha:g}", _change(lost)) for alpha, lost in sorted(report.forgotten.items()) if alpha
    )
    columns = (Column("alpha", "alpha", "text"), Column("change", "change", "points"))
    tables = [Table("forgotten", f"On {report.retained_on}", columns, rows)]
    alpha = report.alpha or _best_alpha(report)
    if alpha in report.changed:
        tables.append(_figures_table(report.changed[alpha], alpha, report))
    return Section(
        "forgotten",
        "What was forgotten",
        ("Of several figures the one that lost most counts.",),
        tuple(tables),
    )


def _figures_table(changed: Sequence[Change], alpha: float, report: TrainReport) -> Table:
    columns = (
        Column("figure", "figure", "text"),
        Column("before", report.model, "share"),
        Column("after", f"alpha {alpha:g}", "share"),
        Column("change", "change", "points"),
    )
    rows = tuple((each.title, each.before, each.after, _change(each.lost)) for each in changed)
    return Table("figures", f"The figures at alpha {alpha:g}", columns, rows)


def _change(lost: Interval) -> Interval:
    """Return points that were lost as a change of a share."""
    return Interval(*((0.0 - each) / _POINT for each in (lost.value, lost.high, lost.low)))


def _made(report: TrainReport, version: str) -> dict[str, object]:
    """Return what a report and a card begin with: data, recipe, versions."""
    plan = report.plan
    made: dict[str, object] = {
        "trained_from": report.model,
        "fingerprint": report.fingerprint,
        "data": report.data,
        "format": report.format,
        "pairs": report.num_pairs,
        "held_out": report.num_held_out,
        "captions": report.num_captions,
        "captions_cut": report.num_cut,
        "left_out": len(report.skipped),
        "alpha": report.alpha,
        "steps": report.num_steps,
        "batch": report.batch_size,
    }
    if report.num_labels:
        made["labels"] = report.num_labels
    if plan is not None:
        locked = " (image tower locked)" * plan.locks_image_tower
        made |= {
            "preset": plan.preset,
            "trained": _TRAINED[plan.preset] + locked,
            "folds": plan.folds,
            "highest_learning_rate": plan.loop.lr,
            "weight_decay": plan.loop.weight_decay,
            "seed": plan.loop.seed,
        }
    return made | {**report.made_with, "seconds": round(report.seconds), "clipfind": version}


def _left_out(report: TrainReport) -> Iterator[Section]:
    """Yield how many pairs were left out for each reason, without their names."""
    reasons = Counter(trouble.reason for trouble in report.skipped)
    if reasons:
        sentences = [
            f"{counted(number, 'pair')}: {reason}"
            for reason, number in reasons.most_common(_MOST_NAMED)
        ]
        yield Section("left-out", "Pairs left out", tuple(sentences))
