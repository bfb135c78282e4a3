"""`clipfind classify`: give pictures the labels of a list or of a probe."""

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.classify.settings import ClassifySettings
from rclip_like.cli import filing, updating
from rclip_like.cli.filing import FilingOptions
from rclip_like.cli.labels import added_to, labels_of, only_of, probe_of
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Everywhere,
    Given,
    JsonLines,
    Offline,
    Paths,
    open_library,
    refuse_alone,
    refuse_without_effect,
)
from rclip_like.cli.paths import Sources
from rclip_like.cli.remedies import said
from rclip_like.cli.reporting import check_folder, deliver, tell_of_unusable
from rclip_like.cli.sheet import (
    SheetOptions,
    check_sheet,
    groups_of_labels,
    heading_of_labels,
    write_sheet,
)
from rclip_like.cli.updating import (
    Update,
    index_settings,
    searched_paths,
    tell_of_indexing,
    tell_of_left_out,
)
from rclip_like.errors import UsageError, counted
from rclip_like.output.matches import Form, Layout
from rclip_like.output.progress import index_bar, progress_bar
from rclip_like.output.reports import trouble_sentence
from rclip_like.output.stream import Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal, screen_of
from rclip_like.settings import (
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
)
from rclip_like.settings.declared import declared_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rclip_like.classify.labelling import Labelling
    from rclip_like.classify.values import LabelledPicture

FOUND, NOTHING_FOUND = 0, 1
_WITH_UNDO = {"--undo", "--dry-run", "--json", *(e.long_name for e in declared_in(Everywhere))}
WITHOUT_EFFECT = (
    ("--labels", "--labels-file"),
    *(
        ("--probe", other)
        for other in ("--labels", "--labels-file", "--compare-labels", "--templates", "--multi")
    ),
    ("--files", "--json"),
    ("--files", "--format"),
    ("--json", "--format"),
    ("--json", "--null"),
    ("--fresh", "--no-index"),
    ("--fresh", "--max-time"),
    ("--fresh", "--all"),
    *(
        ("--compare-labels", other)
        for other in ("--top", "--threshold", "--multi", "--only", "--format", *filing.ACTIONS)
    ),
    *(
        ("--truth", other)
        for other in ("--top", "--threshold", "--multi", "--only", "--format", "--compare-labels")
        + ("--files", "--null", *filing.ACTIONS)
    ),
    *(
        ("--html", other)
        for other in ("--files", "--json", "--format", "--null", "--compare-labels", "--truth")
        + filing.ACTIONS
    ),
    *filing.WITHOUT_EFFECT,
    *updating.WITHOUT_EFFECT,
)
"""Pairs of options; the second has no effect beside the first, or contradicts it."""


class ClassifyOptions(NamedTuple):
    """What `classify` takes."""

    paths: Paths = ()
    labels: Annotated[
        tuple[str, ...],
        Option(
            "--labels",
            metavar="LIST",
            help='The labels, separated by commas: cat,dog,"red car". Repeatable.',
        ),
    ] = ()
    labels_file: Annotated[
        Path | None,
        Option(
            "--labels-file",
            metavar="FILE",
            help="Read the labels from FILE, one per line; 'label: phrase, phrase' gives a label "
            "several wordings.",
        ),
    ] = None
    probe: Annotated[
        Path | None,
        Option(
            "--probe",
            metavar="FILE",
            help="Give the labels of the probe in FILE; 'clipfind probe' makes one.",
        ),
    ] = None
    settings: ClassifySettings = ClassifySettings()
    compare_labels: Annotated[
        tuple[str, ...],
        Option(
            "--compare-labels",
            metavar="LIST",
            help="Add these labels to the list, and print only the pictures whose label changes, "
            "with the label before and after.",
        ),
    ] = ()
    truth: Annotated[
        str | None,
        Option(
            "--truth",
            metavar="folders|FILE",
            help="Print how often the likeliest label is the true one: the name of the picture's "
            "folder, or the label in a CSV or TSV file with path and label. Without --labels, the "
            "true labels are the list.",
        ),
    ] = None
    report: Annotated[
        Path | None,
        Option(
            "--report",
            metavar="DIR",
            help="With --truth: write the report and its charts into DIR.",
        ),
    ] = None
    only: Annotated[
        tuple[str, ...],
        Option(
            "--only",
            metavar="LABEL",
            help="Print or file only pictures that are given this label. Repeatable.",
        ),
    ] = ()
    files: Annotated[
        bool, Option("--files -f", help="Print only the paths of pictures that are given a label.")
    ] = False
    null: Annotated[
        bool, Option("--null -0", help="End each result with a NUL, not with a new line.")
    ] = False
    json: JsonLines = False
    format: Annotated[
        str | None,
        Option(
            "--format",
            metavar="TEMPLATE",
            help="Print each result as TEMPLATE says: {path} {label} {probability} {score} {rank} "
            "{model}, \\t \\n \\0.",
        ),
    ] = None
    sheet: SheetOptions = SheetOptions()
    filing: Annotated[FilingOptions, "Filing"] = FilingOptions()
    update: Update = Update()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    sources: Annotated[Sources, "Paths"] = Sources()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: ClassifyOptions) -> int:
    """Label the pictures and print or file them; return 0 if any was given a label, else 1."""
    _refuse_nonsense(options)
    if options.filing.undo is not None:
        return filing.take_back(options.filing, options.talk, is_json=options.json)
    if options.truth is not None:
        return _judge(options)
    check_sheet(options.sheet)
    layout, talk = _layout_of(options), options.talk
    probe = probe_of(options)
    labels = {} if probe else labels_of(options)
    added = added_to(labels, options)
    only = only_of(options, probe.labels if probe else labels)
    filing.refuse_unfit_labels(options.filing, only or (probe.labels if probe else labels))
    paths = searched_paths(options.paths, options.sources, talk)
    with open_library(options.library, options.encoder, options.read) as library:
        with (
            index_bar(quiet=talk.quiet) as on_progress,
            progress_bar("reading the labels", "texts", quiet=talk.quiet) as show_texts,
        ):
            labelling = library.classify(
                probe or {**labels, **added},
                paths,
                options.settings,
                update=index_settings(options.update, options.settings.walk),
                on_progress=on_progress,
                on_texts=show_texts,
            )
        with closing(labelling):
            if added:
                status = _print_taken(labelling, len(labels), layout, talk)
            elif options.filing.acts:
                pictures = _chosen(labelling, only)
                is_json = options.json
                status = filing.file_labelled(pictures, options.filing, talk, is_json=is_json)
            elif options.sheet.html is not None:
                status = _write_groups(labelling, options, only)
            else:
                status = _print_labels(labelling, options, layout, only)
        _tell(labelling, options)
    return status


def _refuse_nonsense(options: ClassifyOptions) -> None:
    """Raise UsageError for options that do nothing, or contradict each other."""
    given = options.given
    if "--undo" in given and (others := [name for name in given if name not in _WITH_UNDO]):
        raise UsageError(f"{others[0]} has no effect together with --undo")
    refuse_without_effect(given, WITHOUT_EFFECT)
    refuse_alone(
        given,
        ("--dry-run", *filing.ACTIONS, "--undo"),
        ("--report", "--truth"),
        ("--thumbnail-cache", "--html"),
    )
    if options.filing.move_to is not None and options.settings.most_labels != 1:
        raise UsageError("--move-to needs one label per picture; leave out --top")


def _judge(options: ClassifyOptions) -> int:
    """Print or write how often the likeliest label is the true one; return 0."""
    from rclip_like.output.report import report_object

    assert options.truth is not None
    check_folder(options.report)
    has_labels = bool(options.labels or options.labels_file)
    paths = searched_paths(options.paths, options.sources, options.talk)
    with open_library(options.library, options.encoder, options.read) as library:
        with progress_bar("indexing", "steps", quiet=options.talk.quiet) as show:

            def on_stage(stage: str, done: int, total: int | None) -> None:
                if show is not None:
                    show(done, total, stage)

            judged = library.judge_labels(
                options.truth,
                probe_of(options) or (labels_of(options) if has_labels else None),
                paths,
                options.settings,
                update=index_settings(options.update, options.settings.walk),
                on_progress=on_stage,
            )
        _tell(judged.labelling, options)
    tell_of_unusable(judged.troubles, "line", options.talk)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    report = judged.report._replace(when=now)
    json = [report_object(report)] if options.json else None
    deliver(report, options.report, options.talk, json)
    return FOUND


def _print_labels(
    labelling: "Labelling", options: ClassifyOptions, layout: Layout, only: frozenset[str | None]
) -> int:
    from rclip_like.output.labels import render_labels

    pictures, has_list = _chosen(labelling, only), options.settings.most_labels != 1
    for piece in render_labels(pictures, layout, labelling.labels, has_list=has_list):
        write_out([piece])
    return _status(labelling, only)


def _write_groups(
    labelling: "Labelling", options: ClassifyOptions, only: frozenset[str | None]
) -> int:
    wanted = [each for each in (*labelling.labels, None) if not only or each in only]
    groups = groups_of_labels(labelling, wanted)
    number, model = labelling.num_pictures, labelling.model
    heading = heading_of_labels(labelling.labels, options.paths, options.given, number, model)
    write_sheet(groups, heading, options.sheet, options.read, options.talk)
    return _status(labelling, only)


def _status(labelling: "Labelling", only: frozenset[str | None]) -> int:
    wanted = only or labelling.labels
    return FOUND if any(labelling.counts[label] for label in wanted) else NOTHING_FOUND


def _print_taken(labelling: "Labelling", num_before: int, layout: Layout, talk: Talk) -> int:
    from rclip_like.classify.comparing import Comparison
    from rclip_like.output.relabelled import render_relabelled, taken_sentences

    comparison = Comparison(labelling, num_before)
    for piece in render_relabelled(comparison, layout):
        write_out([piece])
    for line in taken_sentences(comparison.added, comparison.taken, labelling.num_pictures):
        talk.note(line)
    return FOUND if comparison.taken else NOTHING_FOUND


def _chosen(labelling: "Labelling", only: frozenset[str | None]) -> "Iterator[LabelledPicture]":
    """Yield the pictures that are given one of these labels; all pictures if `only` is empty."""
    for picture in labelling:
        if not only or not only.isdisjoint([each.label for each in picture.labels] or [None]):
            yield picture


def _layout_of(options: ClassifyOptions) -> Layout:
    """Return the layout of the printed pictures. Raises UsageError for a bad template."""
    form, template = Form.LINES, None
    if options.format is not None:
        from rclip_like.output.labels import OF_LABEL
        from rclip_like.output.template import parse_template

        form, template = Form.TEMPLATE, parse_template(options.format, OF_LABEL)
    return Layout(
        form=Form.PATHS if options.files else Form.JSON if options.json else form,
        end=b"\0" if options.null else b"\n",
        screen=screen_of(stdout(), options.color),
        template=template,
    )


def _tell(labelling: "Labelling", options: ClassifyOptions) -> None:
    """Print notes on the run to stderr."""
    talk = options.talk
    for note in labelling.notes:
        talk.note(said(note))
    tell_of_left_out(talk, stale=labelling.stale, damaged=labelling.damaged)
    if labelling.missing:
        talk.note(f"{counted(labelling.missing, 'picture')} not indexed yet, so not labelled")
    if labelling.index is not None:
        tell_of_indexing(labelling.index, options.settings.walk, options.given, talk)
    for trouble in labelling.troubles:
        talk.note(said(trouble_sentence(trouble)))
    if labelling.counts and is_terminal(sys.stderr):
        from rclip_like.output.labels import counts_sentence

        talk.note(counts_sentence(labelling.counts, is_multi=options.settings.most_labels != 1))
    if labelling.num_pictures:
        talk.detail(f"labelled with {labelling.model}")
