"""`clipfind train`: captioned or labelled pictures and a model to a model folder."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like import __version__
from rclip_like.cli import INTERRUPTED
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    JsonObject,
    open_library,
    refuse_without_effect,
)
from rclip_like.cli.remedies import said
from rclip_like.cli.reporting import tell_of_unusable
from rclip_like.errors import Interrupted, UsageError
from rclip_like.models.towers.torchvision_cure import require_torch
from rclip_like.output.plan import dry_run_lines, dry_run_object
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.terminal import escaped
from rclip_like.output.trained import folder_texts, train_progress, trained_lines, trained_object
from rclip_like.settings import LibraryChoice, Option
from rclip_like.train.settings import TrainSettings
from rclip_like.train.values import TrainReport

if TYPE_CHECKING:
    from rclip_like.library import Library

WITHOUT_EFFECT = (("--lock-image-tower", "--unlock-image-tower"),)
"""Pairs of options; the second has no effect beside the first."""


class TrainOptions(NamedTuple):
    """What `train` takes; `--model` names the model to start from."""

    settings: TrainSettings
    dry_run: Annotated[
        bool,
        Option(
            "--dry-run",
            help="Only say what was recognised, what would be trained, and the time and memory "
            "that it takes; write nothing.",
        ),
    ] = False
    json: JsonObject = False
    library: LibraryChoice = LibraryChoice()
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: TrainOptions) -> int:
    """Train, and print the outcome; return 0."""
    refuse_without_effect(options.given, WITHOUT_EFFECT)
    if "--output" not in options.given and not options.dry_run:
        raise UsageError(
            "train needs --output, see clipfind train --help; to search for the word: "
            "clipfind search train"
        )
    require_torch("training")
    from rclip_like.train.run import train  # loads torch, which help and completion do without

    with open_library(options.library) as library:
        # The model that a search would take: the one asked for, else the index's default.
        settings = replace(options.settings, model=library.chosen_model())
        if options.dry_run:
            return _plan(options, settings, library)
        with train_progress(options.talk) as show, _what_is_kept(settings.output):
            report = train(
                settings,
                own_pictures=lambda number, seed, data: library.draw(number, seed, outside=data),
                on_progress=show,
                describe=_describe,
            )
    _tell(report, options.talk)
    if options.json:
        write_lines([trained_object(report)])
    else:
        write_lines([*trained_lines(report), *_how_to_use(report)])
    return 0


@contextmanager
def _what_is_kept(output: Path) -> Iterator[None]:
    """Make Interrupted say whether the same command goes on from where the block was stopped."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted) as stop:
        from rclip_like.train.checkpoint import CHECKPOINT
        from rclip_like.train.folder import CONFIGURATION

        kept = "nothing was kept, because training had not begun"
        if (output / CHECKPOINT).exists():
            kept = "the same command goes on from there"
        elif (output / CONFIGURATION).exists():
            raise
        raise Interrupted(getattr(stop, "exit_status", INTERRUPTED) - 128, kept=kept) from None


def _plan(options: TrainOptions, settings: TrainSettings, library: "Library") -> int:
    """Print what a run would do; return 0."""
    from rclip_like.train.dry_run import dry_run

    found = dry_run(settings, lambda number, seed, data: library.draw(number, seed, outside=data))
    notes = [said(note) for note in found.plan.notes]
    if options.json:
        write_lines([dry_run_object(found, notes)])
    else:
        write_lines(dry_run_lines(found, notes, verbose=options.talk.verbose))
    return 0


def _describe(report: TrainReport) -> dict[str, str]:
    from rclip_like.page.report import report_page

    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return folder_texts(report, __version__, now, report_page)


def _tell(report: TrainReport, talk: Talk) -> None:
    for note in report.notes:
        talk.note(said(note))
    if report.alpha and not report.forgotten:
        talk.note(
            "what the model forgets was not measured; name pictures that it should still know with "
            "--retain"
        )
    if talk.verbose:
        for name, caption in report.cut:
            talk.note(f"  cut: {escaped(name)}: {escaped(caption)}")
    tell_of_unusable(report.skipped, "pair", talk)


def _how_to_use(report: TrainReport) -> list[str]:
    """Return how to go on with the model folder."""
    folder = str(report.output)
    named = folder if report.output.is_absolute() else os.path.join(".", folder)
    quoted = escaped(shlex.quote(named))
    lines = [
        f'Search with it:   clipfind --model {quoted} "WORDS" [PATH]...',
        f"Make it default:  clipfind models use {quoted}",
        f"All figures:      {escaped(os.path.join(folder, 'report.html'))}",
    ]
    if report.alpha:
        return lines
    return [
        "More or other pictures and captions or --preset last may help; --alpha 1 saves what was "
        "learnt.",
        lines[-1],
    ]
