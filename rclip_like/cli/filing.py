"""File what `search` finds, file and tag what `classify` labels, and take a run of filing back."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from rclip_like.cli import PROGRAM
from rclip_like.cli.remedies import said
from rclip_like.errors import counted
from rclip_like.output.reports import trouble_sentence
from rclip_like.output.stream import OutputClosed, Talk, stdout, write_out
from rclip_like.output.terminal import is_terminal
from rclip_like.settings import Option

if TYPE_CHECKING:
    from rclip_like.classify.values import LabelledPicture
    from rclip_like.filing import Filed, How, ToFile
    from rclip_like.values import Match, Trouble

DONE, NOTHING_DONE, FAILED = 0, 1, 2
ACTIONS = ("--copy-to", "--link-to", "--move-to", "--sidecars")
_FOLDERS = ("--copy-to", "--link-to", "--move-to")
WITHOUT_EFFECT = (
    *((one, other) for one in _FOLDERS for other in _FOLDERS if one < other),
    *((one, other) for one in ACTIONS for other in ("--files", "--null", "--format")),
    ("--move-to", "--multi"),
)
"""Pairs of options of classify; the second has no effect beside the first, or contradicts it."""
WITHOUT_EFFECT_IN_SEARCH = (
    ("--copy-to", "--link-to"),
    *(
        (one, other)
        for one in ("--copy-to", "--link-to")
        for other in ("--files", "--null", "--format", "--explain", "--html", "--preview")
    ),
)


class CopyOptions(NamedTuple):
    """What `search` does with the pictures that it finds."""

    copy_to: Annotated[
        Path | None,
        Option(
            "--copy-to",
            metavar="DIR",
            help="Copy the matches and their sidecars into DIR, best first, instead of printing "
            "them; nothing is overwritten.",
        ),
    ] = None
    link_to: Annotated[
        Path | None,
        Option("--link-to", metavar="DIR", help="Link the matches into DIR, symbolically."),
    ] = None
    dry_run: Annotated[
        bool, Option("--dry-run", help="Only show what would be copied or linked.")
    ] = False

    @property
    def folder(self) -> "tuple[Path, How] | None":
        """The folder to file into, and how; None if matches are printed instead."""
        if self.copy_to is not None:
            return self.copy_to, "copy"
        return None if self.link_to is None else (self.link_to, "link")


class FilingOptions(NamedTuple):
    """What `classify` does with the pictures that are given a label."""

    copy_to: Annotated[
        Path | None,
        Option("--copy-to", metavar="DIR", help="Copy each picture into DIR/LABEL."),
    ] = None
    link_to: Annotated[
        Path | None,
        Option("--link-to", metavar="DIR", help="Link each picture into DIR/LABEL, symbolically."),
    ] = None
    move_to: Annotated[
        Path | None,
        Option(
            "--move-to",
            metavar="DIR",
            help="Move each picture and its sidecars into DIR/LABEL; nothing is overwritten.",
        ),
    ] = None
    sidecars: Annotated[
        Literal["digikam", "adobe"] | None,
        Option(
            "--sidecars",
            metavar="FORM",
            help="Write the labels as tags into XMP files beside the pictures: digikam (x.jpg.xmp) "
            "or adobe (x.xmp).",
        ),
    ] = None
    dry_run: Annotated[
        bool, Option("--dry-run", help="Only show what would be filed, tagged or taken back.")
    ] = False
    undo: Annotated[
        Path | None,
        Option(
            "--undo",
            metavar="LOG",
            help="Take back the copies, links or moves of the run that wrote this log.",
        ),
    ] = None

    @property
    def folder(self) -> "tuple[Path, How] | None":
        """The folder to file into, and how; None if pictures are not filed."""
        if self.copy_to is not None:
            return self.copy_to, "copy"
        if self.link_to is not None:
            return self.link_to, "link"
        return None if self.move_to is None else (self.move_to, "move")

    @property
    def acts(self) -> bool:
        """Whether pictures are filed or tagged."""
        return self.folder is not None or self.sidecars is not None


def refuse_unfit_labels(options: FilingOptions, labels: Iterable[str | None]) -> None:
    """Raise FilingError for labels that would share a folder, or cannot be tags. Called first."""
    given = [label for label in labels if label is not None]
    if options.folder is not None:
        from rclip_like.filing import folder_names

        folder_names(given)
    if options.sidecars is not None:
        from rclip_like.filing.tagging import normal_tags

        normal_tags(given)


def file_labelled(
    pictures: "Iterable[LabelledPicture]", options: FilingOptions, talk: Talk, *, is_json: bool
) -> int:
    """Tag and file the pictures that are given a label; print a line for each step.

    Returns 0, or 1 if no picture is given a label, or 2 if one cannot be filed or tagged.
    """
    run = _Run(talk, is_json=is_json, is_dry_run=options.dry_run)
    pairs = run.tagged(pictures, options.sidecars)
    if options.folder is not None:
        return run.file(pairs, *options.folder)
    for _ in pairs:
        pass
    return run.end()


def file_matches(
    matches: "Iterable[Match]", options: CopyOptions, talk: Talk, *, is_json: bool
) -> int:
    """Copy or link the matches into the folder, in their order; print a line for each.

    Returns 0, or 1 if there are none, or 2 if one cannot be filed.
    """
    from rclip_like.filing import ToFile

    assert options.folder is not None
    run = _Run(talk, is_json=is_json, is_dry_run=options.dry_run)
    pictures = (ToFile(match.absolute_bytes, None, match.version) for match in matches)
    return run.file(pictures, *options.folder)


def take_back(options: FilingOptions, talk: Talk, *, is_json: bool) -> int:
    """Take back the run of a log; return 0, or 1 if nothing is left to do, or 2 if a file stays."""
    from rclip_like.filing import undo

    assert options.undo is not None
    run = _Run(talk, is_json=is_json, is_dry_run=options.dry_run)
    for each in undo(options.undo, is_dry_run=options.dry_run):
        run.say(each)
    status = run.end()
    if status == NOTHING_DONE:
        talk.note(f"{options.undo}: nothing is left to take back")
    return status


class _Run:
    """Prints what is done with each picture, and counts."""

    def __init__(self, talk: Talk, *, is_json: bool, is_dry_run: bool) -> None:
        self._talk = talk
        self._is_dry_run = is_dry_run
        self._form = {"is_json": is_json, "is_terminal": is_terminal(stdout())}
        self._num_done = self._num_failed = 0
        self._is_heard = True

    def file(self, pictures: "Iterable[ToFile]", folder: Path, how: "How") -> int:
        """File the pictures, say how to take that back, and return the exit status."""
        from rclip_like.filing import file_into

        logs: list[Path] = []
        filed = file_into(pictures, folder, how, is_dry_run=self._is_dry_run, on_log=logs.append)
        try:
            for each in filed:
                self.say(each)
        finally:
            for log in logs:
                undo = shlex.join([PROGRAM, "classify", "--undo", str(log)])
                self._talk.note(f"to take it back: {undo}")
        return self.end()

    def tagged(
        self, pictures: "Iterable[LabelledPicture]", form: 'Literal["digikam", "adobe"] | None'
    ) -> "Iterator[ToFile]":
        """Yield each picture once for each of its labels, tagged first if a form is given."""
        from rclip_like.filing import ToFile

        for picture in pictures:
            labels = [each.label for each in picture.labels]
            if labels and form is not None:
                self._tag(picture, labels, form)
            for label in labels:
                yield ToFile(picture.absolute_bytes, label, picture.version)

    def _tag(
        self, picture: "LabelledPicture", labels: list[str], form: 'Literal["digikam", "adobe"]'
    ) -> None:
        from rclip_like.filing.sidecars import add_tags
        from rclip_like.output.filed import render_tagged
        from rclip_like.values import Trouble

        path, version = picture.absolute_bytes, picture.version
        tagged = add_tags(path, labels, form, version=version, is_dry_run=self._is_dry_run)
        if isinstance(tagged, Trouble):
            self.say(tagged)
            return
        self._num_done += 1
        self._print(render_tagged(path, labels, tagged, **self._form))

    def say(self, each: "Filed | Trouble") -> None:
        """Print what was done with a picture; failures go to stderr."""
        from rclip_like.output.filed import render_filed
        from rclip_like.values import Trouble

        if isinstance(each, Trouble):
            self._num_failed += 1
            self._talk.error(said(trouble_sentence(each)))
            return
        self._num_done += 1
        self._print(render_filed(each, **self._form))

    def _print(self, line: bytes) -> None:
        """Print a line; if the reader has gone, as after `| head`, the work continues."""
        if self._is_heard:
            try:
                write_out([line])
            except OutputClosed:
                self._is_heard = False

    def end(self) -> int:
        """Print the closing notes and return the exit status."""
        if self._is_dry_run:
            self._talk.note("dry run: nothing was changed")
        if self._num_failed:
            self._talk.error(f"finished with {counted(self._num_failed, 'failure')}")
            return FAILED
        return DONE if self._num_done else NOTHING_DONE
