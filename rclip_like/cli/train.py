"""`clipfind train`: captioned pictures and a model to a model folder."""

from __future__ import annotations

from collections.abc import Callable

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.train import TrainOptions
from rclip_like.cli.remedies import said
from rclip_like.output.progress import Show, progress_bar
from rclip_like.output.reports import counted, trouble_sentence
from rclip_like.output.stream import write_lines
from rclip_like.output.talk import Talk
from rclip_like.output.terminal import escaped
from rclip_like.settings import place_of
from rclip_like.train.run import train
from rclip_like.train.settings import LoopSettings, TrainProgress, TrainReport, TrainSettings


def run(options: TrainOptions) -> int:
    """Train, and print what it came to; return 0."""
    settings = _settings(options)
    with progress_bar("reading", "steps", quiet=options.quiet) as show:
        report = train(settings, on_progress=None if show is None else _drawn(show))
    _tell(report, talk_of(options))
    _print(report)
    return 0


def _settings(options: TrainOptions) -> TrainSettings:
    return TrainSettings(
        data=place_of(options.data),
        output=place_of(options.output),
        model=_model(options),
        weights=place_of(options.weights) if options.weights else None,
        lock_image_tower=options.lock_image_tower,
        loop=LoopSettings(
            epochs=options.epochs,
            batch_size=options.batch_size,
            lr=options.lr,
            seed=options.seed,
        ),
        device=options.device,
        precision=options.precision,
        threads=options.threads,
    )


def _model(options: TrainOptions) -> str:
    """Return the model that a search would take: that of the options, else the index's default."""
    with open_library(options) as library:
        return library.chosen_model()


def _drawn(show: Show) -> Callable[[TrainProgress], None]:
    return lambda progress: show(progress.step, progress.num_steps or None, progress.stage)


def _tell(report: TrainReport, talk: Talk) -> None:
    for note in report.notes:
        talk.note(said(note))
    if report.skipped:
        pairs = counted(len(report.skipped), "pair")
        first = "" if talk.verbose else f", as {trouble_sentence(report.skipped[0])}; -v names all"
        talk.note(f"{pairs} could not be used{first}")
    for trouble in report.skipped:
        talk.detail(said(trouble_sentence(trouble)))


def _print(report: TrainReport) -> None:
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
