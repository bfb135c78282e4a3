"""`clipfind name` and `names`: words that stand for pictures, for queries such as @rex."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import (
    NOTHING_GIVEN,
    Given,
    JsonLines,
    open_library,
    refuse_alone,
    refuse_without_effect,
    with_database,
)
from rclip_like.cli.paths import Sources, named_paths
from rclip_like.cli.remedies import said
from rclip_like.errors import Note, UsageError, counted
from rclip_like.output.stream import Talk, stdout, write_lines, write_out
from rclip_like.output.terminal import escaped_path, is_terminal
from rclip_like.settings import (
    Argument,
    Database,
    EncoderSettings,
    LibraryChoice,
    Option,
    ReadSettings,
    path_of,
)

if TYPE_CHECKING:
    from rclip_like.store.names import Name

DONE, NOT_ALL = 0, 2
_WITHOUT_EFFECT = (
    ("--add", "--replace"),
    *(("--probe", each) for each in ("[PICTURE]...", "--add", "--files-from", "--files0-from")),
)
"""Pairs of options of `name`; the second has no effect beside the first."""

Word = Annotated[
    str, Argument("WORD", help="A name, with or without the @; 'names list' has them.")
]


class NameOptions(NamedTuple):
    """What `name` takes."""

    word: Annotated[
        str, Argument("WORD", help="A word of letters, digits, dashes and underscores.")
    ]
    pictures: Annotated[
        tuple[str, ...], Argument("[PICTURE]...", help="The files that show it, indexed or not.")
    ] = ()
    add: Annotated[bool, Option("--add", help="Let the name stand for these pictures as well.")] = (
        False
    )
    replace: Annotated[
        bool, Option("--replace", help="Let a name that exists stand for these pictures instead.")
    ] = False
    probe: Annotated[
        Path | None,
        Option(
            "--probe",
            metavar="FILE",
            help="Instead of pictures: name a label of this probe, which 'probe' has made.",
        ),
    ] = None
    label: Annotated[
        str | None,
        Option("--label", metavar="LABEL", help="With --probe: the label; default: the WORD."),
    ] = None
    sources: Annotated[Sources, "Paths"] = Sources()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


class ListOptions(NamedTuple):
    """What `names list` takes."""

    json: JsonLines = False
    database: Database = None


class ShowOptions(NamedTuple):
    """What `names show` takes."""

    word: Word
    null: Annotated[bool, Option("--null -0", help="End each path with a NUL, not a new line.")] = (
        False
    )
    database: Database = None
    talk: Talk = Talk()


class RemoveOptions(NamedTuple):
    """What `names remove` takes."""

    word: Word
    database: Database = None


class ExportOptions(NamedTuple):
    """What `names export` takes."""

    words: Annotated[
        tuple[str, ...], Argument("[WORD]...", help="The names to export; none: all.")
    ] = ()
    database: Database = None


class ImportOptions(NamedTuple):
    """What `names import` takes."""

    file: Annotated[Path, Argument("FILE", help="What 'names export' has printed.")]
    replace: Annotated[bool, Option("--replace", help="Replace names that exist already.")] = False
    database: Database = None
    talk: Talk = Talk()


def name(options: NameOptions) -> int:
    """Give pictures a name; return 0, or 2 if one of them could not be read."""
    refuse_without_effect(options.given, _WITHOUT_EFFECT)
    refuse_alone(options.given, ("--label", "--probe"))
    if options.probe is not None:
        return _name_label(options, options.probe)
    paths = named_paths(options.pictures, options.sources, options.talk)
    if not paths:
        raise UsageError("name the pictures that show it, or read their paths from a list")
    with open_library(options.library, options.encoder, options.read) as library:
        naming = library.name(options.word, paths, add=options.add, replace=options.replace)
    for trouble in naming.troubles:
        reason = f"{escaped_path(trouble.path)}: {trouble.reason}"
        options.talk.error(said(Note(reason, *filter(None, [trouble.remedy]))))
    number = counted(len(naming.name.digests), "picture")
    new = f", {naming.num_new:,} of them new" if options.add else ""
    how = " (by a probe)" if naming.name.rows[0].method == "probe" else ""
    options.talk.note(
        f"@{naming.name.name} stands for {number}{new}{how}; search for it with: clipfind "
        f"@{naming.name.name}{with_database(options.given, options.library.database)}"
    )
    return NOT_ALL if naming.troubles else DONE


def _name_label(options: NameOptions, path: Path) -> int:
    from rclip_like.evaluate.probe_file import read_probe

    probe = read_probe(path_of(str(path)))
    label = options.word.removeprefix("@") if options.label is None else options.label
    with open_library(options.library, options.encoder, options.read) as library:
        named = library.name_label(options.word, probe, label, replace=options.replace)
    options.talk.note(
        f"@{named.name} stands for the label {label!r}; search for it with: clipfind @{named.name}"
        f"{with_database(options.given, options.library.database)}"
    )
    return DONE


def list_names(options: ListOptions) -> int:
    """Print the names, each with the number of its pictures and its models; return 0."""
    with open_library(LibraryChoice(database=options.database)) as library:
        library.refuse_missing_beside()
        names = library.names()
    if options.json:
        from rclip_like.output.matches import json_text

        write_lines(json_text(_object(each)) for each in names)
        return DONE
    from rclip_like.output.reports import table

    write_lines(
        table(
            [
                {
                    "name": f"@{each.name}",
                    "pictures": len(each.digests),
                    "model": ", ".join(f"{row.model} ({row.method})" for row in each.rows),
                }
                for each in names
            ]
        )
    )
    return DONE


def show(options: ShowOptions) -> int:
    """Print the paths of the indexed pictures that a name stands for; return 0."""
    with open_library(LibraryChoice(database=options.database)) as library:
        library.refuse_missing_beside()
        named, files = library.find_name(options.word), library.files_of_name(options.word)
    end, on_terminal = b"\0" if options.null else b"\n", is_terminal(stdout())
    write_out(
        (escaped_path(file.path).encode() if on_terminal else file.path) + end for file in files
    )
    absent = len(set(named.digests) - {file.digest for file in files})
    if absent:
        options.talk.note(f"{counted(absent, 'more picture')}, of which no file is indexed now")
    return DONE


def remove(options: RemoveOptions) -> int:
    """Remove a name; return 0."""
    with open_library(LibraryChoice(database=options.database)) as library:
        library.remove_name(options.word)
    return DONE


def export(options: ExportOptions) -> int:
    """Print names as JSON that `names import` takes; return 0."""
    from rclip_like.library.name_files import names_text

    with open_library(LibraryChoice(database=options.database)) as library:
        library.refuse_missing_beside()
        names = [*map(library.find_name, options.words)] if options.words else library.names()
    write_lines([names_text(names)])
    return DONE


def take_in(options: ImportOptions) -> int:
    """Keep the names in a file; return 0."""
    from rclip_like.library.name_files import read_names

    names = read_names(Path(os.path.expanduser(options.file)))
    with open_library(LibraryChoice(database=options.database)) as library:
        library.import_names(names, replace=options.replace)
    options.talk.note(f"{counted(len(names), 'name')} imported")
    return DONE


def _object(named: "Name") -> dict[str, object]:
    rows = [
        {"model": row.model, "fingerprint": row.fingerprint, "method": row.method}
        for row in named.rows
    ]
    return {
        "name": named.name,
        "pictures": len(named.digests),
        "made_at": named.made_at,
        "rows": rows,
    }
