"""`clipfind hide` and `unhide`: pictures that searches are to leave out, or to show again."""

from typing import Annotated, NamedTuple

from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Given,
    open_library,
    refuse_alone,
    refuse_without_effect,
)
from rclip_like.cli.paths import Sources, named_paths
from rclip_like.cli.remedies import said
from rclip_like.errors import Note, UsageError, counted
from rclip_like.output.hidden import hidden_lines
from rclip_like.output.stream import Talk, stdout, write_out
from rclip_like.output.terminal import escaped_path, is_terminal
from rclip_like.settings import Argument, Database, LibraryChoice, Option

DONE, NOT_ALL = 0, 2
_PICTURES = "[PICTURE]..."
_WITH_LIST = (_PICTURES, "--files-from", "--files0-from")
_WITHOUT_EFFECT = (
    *(("--list", each) for each in _WITH_LIST),
    *(("--all", each) for each in _WITH_LIST),
    ("--json", "--null"),
)
"""Pairs of options; the second has no effect beside the first."""

Pictures = Annotated[tuple[str, ...], Argument(_PICTURES, help="Indexed pictures, by their paths.")]


class HideOptions(NamedTuple):
    """What `hide` takes."""

    pictures: Pictures = ()
    list: Annotated[
        bool, Option("--list", help="Print the hidden pictures instead of hiding any.")
    ] = False
    null: Annotated[
        bool, Option("--null -0", help="With --list: end each path with a NUL, not a new line.")
    ] = False
    json: Annotated[bool, Option("--json", help="With --list: print one JSON object per line.")] = (
        False
    )
    sources: Annotated[Sources, "Paths"] = Sources()
    database: Database = None
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


class UnhideOptions(NamedTuple):
    """What `unhide` takes."""

    pictures: Pictures = ()
    all: Annotated[bool, Option("--all", help="Show every hidden picture again.")] = False
    sources: Annotated[Sources, "Paths"] = Sources()
    database: Database = None
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def hide(options: HideOptions) -> int:
    """Hide the pictures, or list the hidden ones; return 0, or 2 if one could not be hidden."""
    refuse_without_effect(options.given, _WITHOUT_EFFECT)
    if not options.list:
        refuse_alone(options.given, ("--null", "--list"), ("--json", "--list"))
        return _change(options, hidden=True)
    with open_library(LibraryChoice(database=options.database)) as library:
        pictures = library.hidden()
    write_out(
        hidden_lines(
            pictures,
            as_json=options.json,
            end=b"\0" if options.null else b"\n",
            is_terminal=is_terminal(stdout()),
        )
    )
    without_file = sum(picture.path is None for picture in pictures)
    if without_file and not options.json:
        number = counted(without_file, "more hidden picture")
        options.talk.note(f"{number}, of which no file is indexed now; --json names their digests")
    return DONE


def unhide(options: UnhideOptions) -> int:
    """Show hidden pictures again; return 0, or 2 if one of those named is not indexed."""
    refuse_without_effect(options.given, _WITHOUT_EFFECT)
    if not options.all:
        return _change(options, hidden=False)
    with open_library(LibraryChoice(database=options.database)) as library:
        options.talk.note(_sentence(library.unhide_all(), hidden=False))
    return DONE


def _change(options: HideOptions | UnhideOptions, *, hidden: bool) -> int:
    """Hide the pictures named or show them again, and say how many and which could not be."""
    paths = named_paths(options.pictures, options.sources, options.talk)
    if not paths:
        raise UsageError("name the pictures, or read their paths from a list")
    with open_library(LibraryChoice(database=options.database)) as library:
        hiding = library.hide(paths) if hidden else library.unhide(paths)
    for trouble in hiding.troubles:
        reason = f"{escaped_path(trouble.path)}: {trouble.reason}"
        options.talk.error(said(Note(reason, *filter(None, [trouble.remedy]))))
    options.talk.note(_sentence(hiding.num_changed, hidden=hidden))
    return NOT_ALL if hiding.troubles else DONE


def _sentence(number: int, *, hidden: bool) -> str:
    if not number:
        return "nothing changed"
    return f"{counted(number, 'picture')} {'hidden' if hidden else 'shown again'}"
