"""A training run: how far it is on stderr, what came of it on stdout, and its folder's texts."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rclip_like.output.matches import json_text
from rclip_like.output.progress import progress_bar
from rclip_like.output.report import json_value, report_markdown, report_object, text_table, wrapped
from rclip_like.output.report_folder import REPORT_HTML, REPORT_JSON, REPORT_MARKDOWN
from rclip_like.output.terminal import is_terminal

if TYPE_CHECKING:
    from rclip_like.evaluate.report import Report
    from rclip_like.output.progress import Show
    from rclip_like.output.stream import Talk
    from rclip_like.train.retention_figures import Change
    from rclip_like.train.values import StepFigures, TrainProgress, TrainReport

MODEL_CARD = "MODEL_CARD.md"
FIRST_LINE_SECONDS = 30.0
_SHARE_BETWEEN = 0.1
"""Later lines come after this share of the time so far, so that a day of training has 100."""


@contextmanager
def train_progress(talk: Talk) -> Iterator[Callable[[TrainProgress], None] | None]:
    """Give a function that shows how far a run is; None where nothing is to be said.

    A bar on a terminal; elsewhere, as in logs and under cron, a line now and then.
    """
    if talk.quiet:
        yield None
    elif is_terminal(sys.stderr):
        with progress_bar("reading", "pictures", quiet=False) as show:
            assert show is not None
            yield lambda at: _draw(at, show)
    else:
        yield _Lines(talk).show


def _draw(at: TrainProgress, show: Show) -> None:
    """Draw how far a run is; what is measured in between leaves the bar as it is."""
    if at.stage != "measuring":
        show(at.step, at.num_steps or None, at.title or "reading", details(at))


class _Lines:
    """Says a line after FIRST_LINE_SECONDS, and then less and less often."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._began = time.monotonic()
        self._due_at = self._began + FIRST_LINE_SECONDS

    def show(self, at: TrainProgress) -> None:
        now = time.monotonic()
        if now < self._due_at or at.stage == "measuring":
            return
        self._due_at = now + max(FIRST_LINE_SECONDS, _SHARE_BETWEEN * (now - self._began))
        self._talk.note(progress_line(at))


def progress_line(at: TrainProgress) -> str:
    """Return how far a run is as one line."""
    if at.stage != "learning":
        total = f" of {at.num_steps:,}" if at.num_steps else ""
        return f"{at.title or 'reading pictures'}: {at.step:,}{total}"
    return f"{at.title}: step {at.step:,} of {at.num_steps:,}, {details(at)}"


def details(at: TrainProgress) -> str:
    """Return the figures of the last step, the speed and the time left, with commas between."""
    if at.figures is None:
        return ""
    parts = [_figures(at.figures)]
    if at.pairs_per_second:
        parts.append(f"{at.pairs_per_second:,.0f} pairs/s")
    if at.waiting_share is not None:
        parts.append(f"{at.waiting_share:.0%} waiting for data".replace("%", " %"))
    if at.seconds_left is not None:
        parts.append(f"{span(at.seconds_left)} left")
    return ", ".join(parts)


def trained_lines(report: TrainReport) -> Iterator[str]:
    """Yield what came of a run: a few sentences and a small table, without how to go on."""
    from rclip_like.train.report import gain_table, outcome_sentences

    for sentence in outcome_sentences(report):
        yield from wrapped(sentence)
    table = gain_table(report, report.alpha) if report.alpha else None
    if table is not None:
        yield ""
        yield from text_table(table._replace(title=""))
        yield ""


def _changed_figures(changed: Sequence[Change]) -> list[dict[str, object]]:
    return [
        {"figure": each.key, "before": each.before, "after": each.after, "points": each.lost}
        for each in changed
    ]


def trained_object(report: TrainReport) -> str:
    """Return what came of a run as one JSON object; shares are in [0, 1], `forgotten` in points."""
    plan = report.plan
    described: dict[str, Any] = {
        "output": str(report.output),
        "model": report.model,
        "fingerprint": report.fingerprint,
        "is_start": report.alpha == 0,
        "alpha": report.alpha,
        "is_alpha_asked": report.is_alpha_asked,
        "format": report.format,
        "num_pairs": report.num_pairs,
        "num_captions": report.num_captions,
        "num_labels": report.num_labels,
        "num_cut": len(report.cut),
        "num_held_out": report.num_held_out,
        "num_skipped": len(report.skipped),
        "preset": None if plan is None else plan.preset,
        "locks_image_tower": None if plan is None else plan.locks_image_tower,
        "folds": None if plan is None else plan.folds,
        "lr": None if plan is None else plan.loop.lr,
        "seed": None if plan is None else plan.loop.seed,
        "batch_size": report.batch_size,
        "num_steps": report.num_steps,
        "resumed_at": report.resumed_at,
        "first_loss": report.first_loss,
        "last_loss": report.last_loss,
        "seconds": round(report.seconds, 1),
        "gain": [_gain(alpha, each) for alpha, each in sorted(report.gain.items())],
        "retained_on": report.retained_on or None,
        "forgotten": [
            {
                "alpha": alpha,
                "points": lost,
                "figures": _changed_figures(report.changed.get(alpha, ())),
            }
            for alpha, lost in sorted(report.forgotten.items())
        ],
        "notes": [str(note) for note in report.notes],
        "made_with": report.made_with,
    }
    return json_text({key: json_value(value) for key, value in described.items()})


def folder_texts(
    report: TrainReport,
    version: str,
    when: str,
    page: Callable[[Report, Mapping[str, bytes]], str],
) -> dict[str, str]:
    """Return the report and the card that belong into the model folder, by the files' names.

    page: makes the report's HTML, as `write_report` takes it.
    """
    from rclip_like.train.report import model_card, training_report

    full = training_report(report, version, when)
    return {
        REPORT_MARKDOWN: report_markdown(full),
        REPORT_HTML: page(full, {}),
        REPORT_JSON: f"{report_object(full)}\n",
        MODEL_CARD: report_markdown(model_card(report, version)),
    }


def _gain(alpha: float, gain: Any) -> dict[str, Any]:
    directions = {"of_texts": gain.of_texts, "of_pictures": gain.of_pictures}
    return {
        "alpha": alpha,
        "num_pictures": gain.num_pictures,
        "deciding": gain.deciding,
        **{
            key: {
                "num_queries": each.after.num_queries,
                "num_targets": each.after.num_targets,
                "recall": each.after.recall,
                "gained_recall": each.gained_recall,
                "mean_reciprocal_rank": each.after.mean_reciprocal_rank,
                "gained": each.gained,
            }
            for key, each in directions.items()
        },
    }


def _figures(figures: StepFigures) -> str:
    floor = f", at best {figures.floor:.2f}" if figures.floor > 0 else ""
    return (
        f"loss {figures.loss:.2f} (guessing {figures.chance:.2f}{floor}), "
        f"scale {figures.logit_scale:.1f}, gradient {figures.gradient_norm:.2g}"
    )


def span(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
