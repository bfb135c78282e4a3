"""`clipfind evaluate`: how well models find and label the pictures of a set."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rclip_like import __version__
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    JsonLines,
    Offline,
    ReportFolder,
    open_library,
    refuse_without_effect,
)
from rclip_like.cli.remedies import said
from rclip_like.cli.reporting import check_folder, deliver, tell_of_unusable
from rclip_like.errors import UsageError, counted
from rclip_like.measure.settings import EvaluateSettings
from rclip_like.output.progress import progress_bar
from rclip_like.output.stream import Talk
from rclip_like.output.terminal import escaped
from rclip_like.settings import (
    Argument,
    Database,
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
    Weights,
)

if TYPE_CHECKING:
    from rclip_like.measure.run import Evaluation

_NUM_NAMED = 5
WITHOUT_EFFECT = (
    ("--suite", "--image-column"),
    ("--suite", "--caption-column"),
    ("--suite", "--templates"),
    ("--suite", "--fresh"),
    ("--suite", "--language"),
)
"""Pairs of options; the second has no effect beside the first."""


class EvaluateOptions(NamedTuple):
    """What `evaluate` takes; its `--model` is repeatable."""

    data: Annotated[
        Path,
        Argument(
            "DATA",
            help="A captioned or labelled set: photos with captions beside them, a folder for each "
            "label, a table, or WebDataset shards.",
        ),
    ]
    models: Annotated[
        tuple[str, ...],
        Option(
            "--model",
            metavar="MODEL",
            help="A model to evaluate. Repeatable: the others are compared with the first one. "
            "Default: the one that a search would use.",
        ),
    ] = ()
    settings: EvaluateSettings = EvaluateSettings()
    suite: Annotated[
        Literal["paper"] | None,
        Option(
            "--suite",
            help="Measure on a labelled set what the CLIP paper describes: noise and blur, "
            "prompts, few examples, text in pictures, counting and more.",
        ),
    ] = None
    baseline: Annotated[
        bool,
        Option("--baseline", help="With --suite: show an ImageNet classifier beside the model."),
    ] = False
    json: JsonLines = False
    report: ReportFolder = None
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    weights: Weights = None
    database: Database = None
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: EvaluateOptions) -> int:
    """Evaluate, and print or write the report; return 0."""
    refuse_without_effect(options.given, WITHOUT_EFFECT)
    if options.weights is not None and len(options.models) != 1:
        raise UsageError("--weights needs exactly one --model, the architecture of the weights")
    check_folder(options.report)
    first = options.models[0] if options.models else _configured_model()
    choice = LibraryChoice(first, options.weights, options.database)
    if options.suite is not None:
        from rclip_like.cli.suite import run_suite

        if len(options.models) > 1:
            raise UsageError("--suite takes one --model at a time")
        with open_library(choice, options.encoder, options.read) as library:
            run_suite(library, options)
        return 0
    if options.baseline:
        raise UsageError("--baseline has no effect without --suite")
    with (
        open_library(choice, options.encoder, options.read) as library,
        progress_bar("encoding", "pictures", quiet=options.talk.quiet) as show,
    ):
        evaluation = library.evaluate(
            options.data,
            options.models,
            options.settings,
            on_progress=None
            if show is None
            else lambda name, done, total: show(done, total, f"encoding with {name}"),
        )
    _tell(evaluation, options.talk)
    _write(evaluation, options)
    return 0


def _configured_model() -> str | None:
    """Return the model that the environment or the configuration file names."""
    from rclip_like.settings.configuration import configured

    return configured(LibraryChoice).model


def _write(evaluation: "Evaluation", options: EvaluateOptions) -> None:
    from rclip_like.measure.report import evaluation_report
    from rclip_like.output.benchmark import benchmark_lines

    report = evaluation_report(
        evaluation, __version__, datetime.now().astimezone().isoformat(timespec="seconds")
    )
    json = benchmark_lines(evaluation) if options.json else None
    deliver(report, options.report, options.talk, json)


def _tell(evaluation: "Evaluation", talk: Talk) -> None:
    for note in evaluation.notes:
        talk.note(said(note))
    tell_of_unusable(evaluation.troubles, "picture", talk)
    if evaluation.num_drawn_from is not None:
        drawn = counted(evaluation.num_pictures, "picture")
        talk.note(
            f"{drawn} drawn of {evaluation.num_drawn_from:,}, by seed {evaluation.settings.seed}"
        )
    for model in evaluation.models:
        talk.note(
            f"{escaped(model.name)}: {counted(model.num_encoded, 'picture')} encoded, "
            f"{model.num_from_index:,} from the index"
        )
