"""`clipfind export` and `import`: an index as files, and back."""

from pathlib import Path
from typing import Annotated, NamedTuple

from rclip_like.cli.options import NOTHING_GIVEN, WAITING, Given, IndexedPaths, open_library
from rclip_like.errors import UsageError, counted
from rclip_like.output.stream import Talk
from rclip_like.settings import (
    Argument,
    LibraryChoice,
    LibrarySettings,
    ModelName,
    Option,
    Setting,
    Wait,
    Weights,
)
from rclip_like.settings.beside import BESIDE


class ExportOptions(NamedTuple):
    """What `export` takes."""

    folder: Annotated[
        str | None,
        Argument("[FOLDER]", help="A new folder for the Parquet files; without it --db."),
    ] = None
    paths: IndexedPaths = ()
    database: Annotated[
        Path | None,
        Setting(
            "--db",
            metavar="FILE",
            help="Without FOLDER: write a whole copy of the index to FILE; the index is the "
            "default one, or that of CLIPFIND_DB or the configuration. With FOLDER: the index.",
            word=BESIDE,
        ),
        "Export",
    ] = None
    replace: Annotated[bool, Option("--replace", help="Write over an earlier export or copy.")] = (
        False
    )
    model: ModelName = None
    weights: Weights = None
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


class ImportOptions(NamedTuple):
    """What `import` takes."""

    folders: Annotated[
        tuple[str, ...], Argument("FOLDER...", help="Folders that 'export' has written.")
    ]
    wait: Wait = True
    library: LibraryChoice = LibraryChoice()
    talk: Talk = Talk()


def export(options: ExportOptions) -> int:
    """Write Parquet shards or a whole copy of the index, and say what that came to; return 0."""
    choice = LibraryChoice(options.model, options.weights, options.database)
    if not options.folder:
        return _copy(options)
    with open_library(choice) as library:
        done = library.export_parquet(options.folder, options.paths, replace=options.replace)
    talk = options.talk
    talk.note(
        f"exported {counted(done.rows['files'], 'file')} and "
        f"{counted(done.rows['embeddings'], 'embedding')} to {options.folder}"
    )
    if done.num_damaged:
        talk.note(f"left out {counted(done.num_damaged, 'damaged embedding')}")
    return 0


def _copy(options: ExportOptions) -> int:
    if options.database is None or "--db" not in options.given:
        raise UsageError("export needs a FOLDER for Parquet files, or --db FILE for a whole copy")
    if options.given["--db"] == BESIDE:  # which --replace would lose
        raise UsageError(
            "without a FOLDER --db names the copy, and 'beside' is an index to search; to copy "
            "that one: CLIPFIND_DB=beside clipfind export --db FILE"
        )
    from rclip_like.settings.configuration import configured

    found = configured(LibrarySettings).library.database
    with open_library(LibraryChoice(database=found)) as library:
        size_bytes = library.copy_index(options.database, replace=options.replace)
    options.talk.note(f"copied the index, {size_bytes / 1e6:,.1f} MB, to {options.database}")
    return 0


def take_in(options: ImportOptions) -> int:
    """Merge exported shards into the index, and say how much was in them; return 0."""
    talk = options.talk
    with open_library(options.library) as library:
        done = library.import_parquet(
            options.folders, wait=options.wait, on_wait=lambda: talk.note(WAITING)
        )
    talk.note(
        f"imported {counted(done.rows['files'], 'file')} and "
        f"{counted(done.rows['embeddings'], 'embedding')}"
    )
    return 0
