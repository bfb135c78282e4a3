"""What a training run says at its end: sentences, a report with every alpha, and the model's card.

Recall is a share if there are enough held-out pictures for it (see `Gain`), else a count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rclip_like.errors import counted
from rclip_like.evaluate.intervals import INTERVALS
from rclip_like.evaluate.report import (
    Cell,
    Column,
    Interval,
    Report,
    Section,
    Table,
    Unit,
    signed,
)
from rclip_like.train.provenance import left_out, made_with
from rclip_like.train.retention_figures import worst

if TYPE_CHECKING:
    from rclip_like.train.gain import Compared, Gain
    from rclip_like.train.retention_figures import Change
    from rclip_like.train.values import TrainReport

_LIMITS = (
    "Held-out pictures come from the same source as those that the model learnt from. The figures "
    "say nothing about other pictures, and they are too good if several pictures show the same "
    "scene. If alpha was not asked for, the same pairs chose it, so the figures are a little too "
    "good."
)
_ENDS = ", where 0 is {} and 1 the fully trained model."
"""What the ends of alpha are."""
_RANK = "mean reciprocal rank"
_RANK_IN_WORDS = "how near the top the right picture stands: 1 first, 0.5 second"
_POINT = 100


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
    if not report.num_labels:
        rows.insert(0, (_RANK, *_rank_cells(gain.of_texts, gain)))
    if not rows:
        return None
    unit: Unit = "share" if gain.has_percentages else "text"
    columns = (
        Column("measure", "by held-out", "text"),
        Column("before", report.model, unit),
        Column("after", f"alpha {alpha:g}", unit),
        Column("gained", "gained", "points" if gain.has_percentages else "text"),
    )
    title, note = f"Gain at alpha {alpha:g}", _ranked_among(gain, report)
    return Table(f"gain-{alpha:g}", title, columns, tuple(rows), note)


def training_report(report: TrainReport, version: str, when: str = "") -> Report:
    """Return the report with the figures of every alpha; version: clipfind's; when: as in Report.

    Names no folder beyond its last part.
    """
    sections = [
        Section("outcome", "What was saved", tuple(outcome_sentences(report)), limits=_LIMITS)
    ]
    if report.gain:
        sentences = (_held_out(report), _decided_by(report))
        sections.append(Section("gain", "What was gained", sentences, tuple(_gains(report))))
    if report.forgotten:
        sections.append(_forgotten_section(report))
    sections += left_out(report, with_names=True)
    notes = (INTERVALS, *map(str, report.notes))
    title = f"Training of {_title(report)}"
    made = made_with(report, version)
    del made["captions_cut"]  # a note says it, with what the model reads
    return Report(title, made, tuple(sections), notes, when)


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
        *left_out(report),
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
    return Report(_title(report), made_with(report, version), sections, notes)


def _title(report: TrainReport) -> str:
    """Return the name of the model folder, and from what its model was made."""
    if report.alpha:
        return f"{report.output.name} from {report.model}"
    return f"{report.output.name}, which holds {report.model} as it was"


def _saved(report: TrainReport) -> str:
    name = report.output.name
    if report.alpha == 0:
        return f"The starting model was saved: {name} holds {report.model} unchanged."
    gain = report.gain.get(report.alpha)
    if gain is None:
        return f"{name} was trained. What it gained was not measured: no pairs were held out."
    if gain.deciding.low > 0:
        return f"{name} finds your pictures better than {report.model}."
    return f"It is not certain that {name} finds your pictures better than {report.model}."


def _reason(report: TrainReport) -> str:
    """Return how the alpha of the saved model was chosen."""
    if report.is_alpha_asked:
        return f"Its alpha is {report.alpha:g}, as asked for{_ENDS.format(report.model)}"
    gain = report.gain.get(report.alpha or _best_alpha(report))
    if gain is None:
        return "Each trained model forgets more than a point." * (not report.alpha)
    what, changed = _deciding(report), _points(gain.deciding)
    if not report.num_labels:
        what += f" ({_RANK_IN_WORDS})"
    if report.alpha:
        ends = _ENDS.format(report.model)
        return f"Its alpha is {report.alpha:g}{ends} The {what} gains {changed}."
    if gain.deciding.low > 0:
        return f"The {what} would gain {changed}, but the model would forget more than a point."
    if gain.deciding.value <= 0:
        return f"No trained model was better: the best one changes the {what} by {changed}."
    return f"The best of the trained models changes the {what} by {changed}, which may be chance."


def _gained(gain: Gain, report: TrainReport) -> str:
    way = _directions(gain, report)[0]
    telling = way.compared.telling()
    if not telling:
        few = counted(gain.num_pictures, "held-out picture")
        return f"{few} are too few for a share of right results."
    k, number = telling[-1], way.compared.after.num_queries
    before, after, gained = _cells(way.compared, k, gain)
    among = f" among the first {k} of {way.compared.after.num_targets:,}"
    among = "" if way.metric == "top-" else among
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
        last = "saved model learnt from all pairs"
        if not report.alpha:
            last = "model that learnt from all pairs was not saved"
        return (
            f"Each pair was held out once, in {report.plan.folds} runs that did not learn from it; "
            f"the {last}."
        )
    held_out = counted(report.num_held_out, "picture")
    model = "saved model" if report.alpha else "trained model, which was not saved,"
    return f"The {model} did not learn from the {held_out} that were held out."


def _ranked_among(gain: Gain, report: TrainReport) -> str:
    """Return among how many pictures, or labels, each query of the table looks."""
    if report.num_labels:
        return f"Each picture gets one of {counted(gain.of_pictures.after.num_targets, 'label')}."
    number = gain.of_texts.after.num_targets
    held_out = f"the {number:,} pictures that are held out"
    if report.plan is not None and report.plan.folds:
        held_out = f"the pictures of its own fold, at least {number:,}"
    rank = f" {_RANK.capitalize()}: {_RANK_IN_WORDS}." if report.is_alpha_asked else ""
    return f"A caption looks for its picture among {held_out}.{rank}"


def _gains(report: TrainReport) -> Iterator[Table]:
    """Yield what each alpha gains in short, and in full the saved one and the best one.

    The full tables of the others are in JSON only.
    """
    trained = [alpha for alpha in sorted(report.gain) if alpha]
    if not trained:
        return
    shown = {report.alpha, _best_alpha(report)}
    columns = (
        Column("alpha", "alpha", "text"),
        Column("gained", f"gained in the {_deciding(report)}", "points"),
    )
    rows = tuple((f"{alpha:g}", report.gain[alpha].deciding) for alpha in trained)
    yield Table("by-alpha", "What decides, at each alpha", columns, rows)
    for alpha in trained:
        table = gain_table(report, alpha)
        if table is not None:
            yield table._replace(only_json=alpha not in shown)


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
    return "accuracy of held-out pictures" if report.num_labels else _RANK


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
        f"{signed(number * gained.value, 0)}{span}",
    )


def _rank_cells(compared: Compared, gain: Gain) -> tuple[Cell, Cell, Cell]:
    """Return the mean reciprocal rank before and after and the difference."""
    ranks = compared.before.mean_reciprocal_rank, compared.after.mean_reciprocal_rank
    if gain.has_percentages:
        return *ranks, compared.gained
    before, after = (f"{each.value:.2f}" for each in ranks)
    gained = compared.gained
    return before, after, f"{signed(gained.value, 2)}{_span(gained.low, gained.high, digits=2)}"


def _points(gained: Interval) -> str:
    value, low, high = (_POINT * each for each in gained)
    return f"{signed(value, 1)} points{_span(low, high, digits=1)}"


def _span(low: float, high: float, *, digits: int) -> str:
    """Return an interval behind its figure; "" where there is none, as all values are equal."""
    if math.isnan(low) or math.isnan(high):
        return ""
    return f" ({signed(low, digits)} to {signed(high, digits)})"


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
