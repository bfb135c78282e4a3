"""`clipfind classify`: the labels of a list to pictures of the index, without a training."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.classify.settings import ClassifySettings
from rclip_like.cli import indexed
from rclip_like.cli.indexed import (
    Update,
    index_settings,
    searched_paths,
    tell_of_indexing,
    tell_of_left_out,
)
from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Color,
    Given,
    JsonLines,
    Offline,
    Paths,
    open_library,
    refuse_without_effect,
)
from rclip_like.cli.paths import Sources
from rclip_like.cli.remedies import said
from rclip_like.errors import UsageError
from rclip_like.output.matches import Form, Layout
from rclip_like.output.progress import index_bar, progress_bar
from rclip_like.output.reports import counted, trouble_sentence
from rclip_like.output.stream import Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal, screen_of
from rclip_like.settings import (
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from rclip_like.classify.labelling import Labelling

FOUND, NOTHING_FOUND = 0, 1
WITHOUT_EFFECT = (
    ("--labels", "--labels-file"),
    ("--files", "--json"),
    ("--files", "--format"),
    ("--json", "--format"),
    ("--json", "--null"),
    ("--fresh", "--no-index"),
    ("--fresh", "--max-time"),
    ("--fresh", "--all"),
    ("--fresh", "--db"),
    *indexed.WITHOUT_EFFECT,
)
"""Pairs of which the second does nothing beside the first, or the two contradict each other."""


class ClassifyOptions(NamedTuple):
    """What `classify` takes."""

    paths: Paths = ()
    labels: Annotated[
        tuple[str, ...],
        Option(
            "--labels",
            metavar="LIST",
            help='The labels, between commas: cat,dog,"red car". Repeatable.',
        ),
    ] = ()
    labels_file: Annotated[
        Path | None,
        Option(
            "--labels-file",
            metavar="FILE",
            help="Read the labels from FILE, one a line; 'label: phrase, phrase' gives a label "
            "several wordings.",
        ),
    ] = None
    settings: ClassifySettings = ClassifySettings()
    only: Annotated[
        tuple[str, ...],
        Option(
            "--only",
            metavar="LABEL",
            help="Print only pictures that are given this label. Repeatable.",
        ),
    ] = ()
    files: Annotated[
        bool, Option("--files -f", help="Print paths only, of pictures that are given a label.")
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
    """Label the pictures and print them; return 0 if any was given a label, else 1."""
    refuse_without_effect(options.given, WITHOUT_EFFECT)
    layout, settings, talk = _layout_of(options), options.settings, options.talk
    labels = _labels_of(options)
    only = _only_of(options, labels)
    paths = searched_paths(options.paths, options.sources, talk)
    with open_library(options.library, options.encoder, options.read) as library:
        with (
            index_bar(quiet=talk.quiet) as on_progress,
            progress_bar("reading the labels", "texts", quiet=talk.quiet) as show_texts,
        ):
            labelling = library.classify(
                labels,
                paths,
                settings,
                update=index_settings(options.update, settings.walk),
                on_progress=on_progress,
                on_texts=show_texts,
            )
        with closing(labelling):
            for piece in _rendered(labelling, options, layout, only):
                write_out([piece])
        _tell(labelling, options)
    return FOUND if _has_found(labelling, only) else NOTHING_FOUND


def _labels_of(options: ClassifyOptions) -> "Mapping[str, tuple[str, ...]]":
    """Return the wordings of each label that was asked for; raises UsageError."""
    from rclip_like.evaluate.labels import parse_labels, read_labels  # help does without

    if options.labels_file is not None:
        return read_labels(options.labels_file)
    if not options.labels:
        raise UsageError("classify needs --labels or --labels-file; for instance: --labels cat,dog")
    return parse_labels(",".join(options.labels))


def _only_of(options: ClassifyOptions, labels: "Collection[str]") -> frozenset[str | None]:
    """Return the labels whose pictures alone are printed, none where all are; None is no label."""
    from rclip_like.classify.values import NONE_OF_THESE

    names = {label.casefold(): label for label in labels}
    only: set[str | None] = set()
    for typed in options.only:
        if typed.casefold() == NONE_OF_THESE:
            only.add(None)
        elif typed.casefold() in names:
            only.add(names[typed.casefold()])
        else:
            raise UsageError(f"--only {typed!r}: this label is not in the list")
    return frozenset(only)


def _layout_of(options: ClassifyOptions) -> Layout:
    """Return how the pictures are to be written; raises UsageError for a bad template."""
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


def _rendered(
    labelling: "Labelling", options: ClassifyOptions, layout: Layout, only: frozenset[str | None]
) -> "Iterator[bytes]":
    from rclip_like.output.labels import render_labels

    pictures = (
        picture
        for picture in labelling
        if not only or not only.isdisjoint([each.label for each in picture.labels] or [None])
    )
    has_list = options.settings.most_labels != 1
    return render_labels(pictures, layout, labelling.labels, has_list=has_list)


def _has_found(labelling: "Labelling", only: frozenset[str | None]) -> bool:
    """Return whether a picture was given a label, or one of those that were asked for."""
    wanted = only or labelling.labels
    return any(labelling.counts[label] for label in wanted)


def _tell(labelling: "Labelling", options: ClassifyOptions) -> None:
    """Say on stderr what the user should know beside the labels."""
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
    if labelling.num_pictures and is_terminal(sys.stderr):
        from rclip_like.output.labels import counts_sentence

        talk.note(counts_sentence(labelling.counts, is_multi=options.settings.most_labels != 1))
    if labelling.num_pictures:
        talk.detail(f"labelled with {labelling.model}")
