"""The sections of a probe's report on few shots, the choice of C, and the draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rclip_like.evaluate.few_shot import Shots, crossing, is_on_curve
from rclip_like.evaluate.probe import Sweep
from rclip_like.evaluate.report import Cell, Column, Interval, Line, LineChart, Section, Table
from rclip_like.evaluate.splits import SPLIT_NAMES, TRAIN, VALIDATION, draw_ranks, hash_of_draw

if TYPE_CHECKING:
    from rclip_like.probe.measuring import ProbeFigures
    from rclip_like.probe.settings import ProbeSettings

_PAPER_SHOTS = (
    "Zero-shot CLIP matched the average of 4-shot logistic regression on its own features, over 20 "
    "sets with at least 16 pictures per label, and nearly the best 16-shot probe of other models. "
    "For single sets, a probe needs between less than 1 and 184 pictures per label to match "
    "zero-shot, with a median of 5.4 and a mean of 20.8."
)


def shots_section(measured: ProbeFigures, zero_shot: Interval, probe: Interval) -> Section:
    """Return the few-shot curve beside the zero-shot level and the probe of all pictures."""
    columns = (
        Column("shots", "pictures per label", "text"),
        Column("num_pictures", "pictures", "count"),
        Column("acc1", "top-1 accuracy", "share"),
        Column("sd", "sd of draws", "share"),
        Column("c", "C", "number"),
        Column("penalty", "1/(C n)", "number"),
        Column("num_short", "labels with fewer", "count"),
    )
    curve = shots_on_curve(measured)
    rows = (*map(_shots_row, measured.curve), _all_row(measured, probe))
    num_repeats = len(measured.curve[0].accuracies)
    note = (
        f"Means of {num_repeats} draws with Student's interval, which shows how much the draw "
        "matters, or without one if a draw takes nearly all training pictures; 'all' is one fit, "
        "with Wilson's interval over test pictures. C is chosen on the validation pictures, one "
        "for each number of shots. Numbers that fewer than half of the labels have are not drawn "
        "in the chart, and do not count for the crossing."
    )
    return Section(
        "shots",
        "Few pictures per label",
        (_crossing_sentence(curve, zero_shot),),
        (Table("curve", "Accuracy by training pictures per label", columns, rows, note),),
        (_shots_chart(measured, curve, zero_shot, probe),),
        paper=_PAPER_SHOTS,
        limits="The crossing holds for this set and this model. All draws are tested on the same "
        "pictures, and C is chosen on more pictures than a few-shot user has.",
    )


def shots_on_curve(measured: ProbeFigures) -> list[Shots]:
    """Return the shots that at least half of the labels have, but the first in any case."""
    counts = np.bincount(measured.data.numbers[measured.data.on(TRAIN)])
    first, *others = measured.curve
    return [first, *(shots for shots in others if is_on_curve(counts, shots.k))]


def _shots_row(shots: Shots) -> tuple[Cell, ...]:
    number = len(shots.drawn[0])
    mean, c = shots.mean(), shots.sweep.c
    sd = None if shots.is_nearly_all else float(shots.accuracies.std(ddof=1))
    figures = (mean, sd, c, 1.0 / (c * number))
    return (str(shots.k), number, *figures, shots.num_short)


def _all_row(measured: ProbeFigures, probe: Interval) -> tuple[Cell, ...]:
    fit = measured.fit
    return ("all", fit.num_pictures, probe, None, fit.c, fit.penalty, 0)


def _crossing_sentence(curve: Sequence[Shots], zero_shot: Interval) -> str:
    ks, level = [shots.k for shots in curve], zero_shot.value
    found = crossing(ks, [float(shots.accuracies.mean()) for shots in curve], level)
    ends = f"{100 * zero_shot.low:.1f} to {100 * zero_shot.high:.1f}"
    lead = f"Zero-shot reaches {100 * level:.1f} % ({ends})"
    if found is None:
        return f"{lead}; the mean of the draws stays below it: the crossing is beyond {ks[-1]}."
    if not found:
        return f"{lead}; the mean of the draws reaches it already with {ks[0]} per label."
    each = zip(*(shots.accuracies for shots in curve), strict=True)
    singly = [crossing(ks, accuracies, level) for accuracies in each]
    reached = sorted(k for k in singly if k is not None)
    beyond = f", and {len(singly) - len(reached)} not at all" if len(reached) < len(singly) else ""
    between = ""
    if reached:
        first = f"{reached[0]:.1f}" if reached[0] else f"{ks[0]} or fewer"
        last = f"{reached[-1]:.1f}" if reached[-1] else f"{ks[0]} or fewer"
        between = f"; single draws do so between {first} and {last}"
    return (
        f"{lead}; the mean of the draws crosses it at {found:.1f} pictures per label (interpolated "
        f"in log k){between}{beyond}."
    )


def _shots_chart(
    measured: ProbeFigures, curve: Sequence[Shots], zero_shot: Interval, probe: Interval
) -> LineChart:
    ks = tuple(float(shots.k) for shots in curve)
    means = [shots.mean() for shots in curve]
    mean_all = float(round(measured.fit.num_pictures / len(measured.data.labels)))
    across = (min(ks[0], mean_all), max(ks[-1], mean_all))
    return LineChart(
        "curve",
        "Few-shot probes and zero-shot labels",
        "training pictures per label",
        "accuracy",
        (
            Line(
                "probe, mean of draws and 95 % interval",
                ks,
                tuple(each.value for each in means),
                tuple(each.low for each in means),
                tuple(each.high for each in means),
            ),
            Line(
                "zero-shot and its 95 % interval",
                across,
                (zero_shot.value, zero_shot.value),
                (zero_shot.low, zero_shot.low),
                (zero_shot.high, zero_shot.high),
            ),
            Line("probe of all training pictures", (mean_all,), (probe.value,)),
        ),
        is_log_x=True,
    )


def choice_section(measured: ProbeFigures, settings: ProbeSettings) -> Section:
    """Return how C was chosen and, in JSON alone, the split and the draws of every picture."""
    columns = (
        Column("shots", "pictures per label", "text"),
        Column("c", "C", "number"),
        Column("accuracy", "accuracy", "share"),
        Column("loss", "log loss", "number"),
    )
    sweeps = {str(shots.k): shots.sweep for shots in measured.curve} | {"all": measured.sweep}
    tried = tuple(
        (name, each.c, each.accuracy, each.loss)
        for name, swept in sweeps.items()
        for each in swept.tried
    )
    return Section(
        "choice",
        "The choice of C, and the draws",
        tuple(_choice_sentences(measured, sweeps)),
        (
            Table("sweep", "C tried, on the validation pictures", columns, tried, "", True),
            _pictures_table(measured, settings),
            _draws_table(measured),
        ),
    )


def _choice_sentences(measured: ProbeFigures, sweeps: dict[str, Sweep]) -> Iterator[str]:
    fit = measured.fit
    how = (
        f"chosen on {len(measured.data.on(VALIDATION)):,} validation pictures"
        if measured.sweep.tried
        else "the default, because no picture was left to choose it on"
    )
    yield (
        f"The probe is fitted on {fit.num_pictures:,} pictures with C = {fit.c:.3g}, {how}; "
        f"scikit-learn's C does not grow with the pictures: 1/(C n) = {fit.penalty:.3g}."
    )
    at_end = [name for name, swept in sweeps.items() if swept.tried and swept.is_at_end]
    if at_end:
        yield f"C is at an end of the range that was tried for: {', '.join(at_end)}."
    source = "the set's own folders" if measured.data.has_own_split else "the contents and the seed"
    yield (
        f"The split is decided by {source}. The draws of one repeat are nested; they depend only "
        "on contents and seed, so other models get the same draws. The JSON report lists the split "
        "and the draws of every picture, and a hash of each draw."
    )


def _pictures_table(measured: ProbeFigures, settings: ProbeSettings) -> Table:
    """Return each picture's split, and its rank in each repeat: the draw of k has ranks up to k."""
    data = measured.data
    train = data.on(TRAIN)
    digests = [data.digests[position] for position in train]
    num_draws = settings.repeats if measured.curve else 0
    ranks = np.zeros((len(data.names), num_draws), np.int64)
    for number in range(num_draws):
        drawn = draw_ranks(digests, data.numbers[train], settings.seed, number)
        ranks[train, number] = drawn + 1
    columns = [Column(name, name, "text") for name in ("label", "name", "digest", "split")]
    columns += [Column(f"draw_{number}", f"draw {number}", "count") for number in range(num_draws)]
    rows = tuple(
        (
            data.labels[data.numbers[position]],
            data.names[position],
            data.digests[position].hex(),
            SPLIT_NAMES[data.splits[position]],
            *(int(rank) or None for rank in ranks[position]),
        )
        for position in range(len(data.names))
    )
    return Table("pictures", "Every picture", tuple(columns), rows, "", True)


def _draws_table(measured: ProbeFigures) -> Table:
    columns = (
        Column("shots", "pictures per label", "count"),
        Column("draw", "draw", "count"),
        Column("acc1", "accuracy", "share"),
        Column("hash", "hash of the pictures", "text"),
    )
    rows = tuple(
        (shots.k, number, float(reached), digest.hex())
        for shots in measured.curve
        for number, (reached, digest) in enumerate(
            zip(shots.accuracies, hashes_of_draws(measured, shots), strict=True)
        )
    )
    return Table("draws", "Every draw", columns, rows, "", True)


def hashes_of_draws(measured: ProbeFigures, shots: Shots) -> list[bytes]:
    """Return the hash of the contents of each draw of one k."""
    train = measured.data.on(TRAIN)
    return [
        bytes.fromhex(hash_of_draw([measured.data.digests[train[each]] for each in drawn]))
        for drawn in shots.drawn
    ]
