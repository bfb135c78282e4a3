"""`clipfind train`: captioned pictures and a model to a model folder."""

from dataclasses import replace
from typing import NamedTuple

from rclip_like.cli.options import Color, open_library
from rclip_like.cli.remedies import said
from rclip_like.cli.reporting import tell_of_unusable
from rclip_like.models.towers.torchvision_cure import require_torch
from rclip_like.output.progress import progress_bar
from rclip_like.output.reports import counted
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.terminal import escaped
from rclip_like.settings import LibraryChoice
from rclip_like.train.settings import TrainSettings
from rclip_like.train.values import TrainReport


class TrainOptions(NamedTuple):
    """What `train` takes; `--model` names the model to start from."""

    settings: TrainSettings
    library: LibraryChoice = LibraryChoice()
    color: Color = "auto"
    talk: Talk = Talk()


def run(options: TrainOptions) -> int:
    """Train, and print what it came to; return 0."""
    require_torch("training")
    from rclip_like.train.run import train  # loads torch, which help and completion do without

    with open_library(options.library) as library:
        # The model that a search would take: the one asked for, else the index's default.
        settings = replace(options.settings, model=library.chosen_model())
        with progress_bar("reading", "steps", quiet=options.talk.quiet) as show:
            report = train(
                settings,
                own_pictures=lambda number, seed, folder: library.draw(
                    number, seed, outside=folder
                ),
                on_progress=None
                if show is None
                else lambda at: show(at.step, at.num_steps or None, at.stage),
            )
    _tell(report, options.talk)
    loss = ""
    if report.first_loss is not None and report.last_loss is not None:
        loss = f", loss {report.first_loss:.3f} to {report.last_loss:.3f}"
    lines = [
        f"{escaped(str(report.output))}: {counted(report.num_pairs, 'pair')}, "
        f"{counted(report.num_steps, 'step')}{loss}, {report.seconds:.0f} s"
    ]
    lines += [
        f"recall@{k} on {counted(report.num_held_out, 'held-out picture')}: "
        f"{100 * before:.1f} % to {100 * report.recall_after[k]:.1f} %"
        for k, before in report.recall_before.items()
    ]
    write_lines(lines)
    return 0


def _tell(report: TrainReport, talk: Talk) -> None:
    for note in report.notes:
        talk.note(said(note))
    tell_of_unusable(report.skipped, "pair", talk)
