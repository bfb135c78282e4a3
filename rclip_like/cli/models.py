"""`clipfind models` and `clipfind formats`: what this installation encodes with and reads."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NamedTuple

from rclip_like.cli.options import Color, JsonLines, JsonObject, Offline, open_library
from rclip_like.models.hub import registry
from rclip_like.models.hub.download import download as fetch
from rclip_like.models.names import BUILTIN, is_folder_name
from rclip_like.output.progress import BYTES, progress_bar
from rclip_like.output.reports import sized, table
from rclip_like.output.stream import Talk, write_lines
from rclip_like.output.terminal import escaped
from rclip_like.settings import Argument, Database, LibraryChoice, Option

ModelArgument = Annotated[
    str, Argument("MODEL", help="builtin, ARCH/TAG, hf-hub:OWNER/NAME or a folder.")
]


class FormatsOptions(NamedTuple):
    """What `formats` takes."""

    json: JsonLines = False


class ListOptions(NamedTuple):
    """What `models list` takes."""

    json: JsonLines = False
    all: Annotated[
        bool, Option("--all", help="Every model that can be downloaded, not only the recommended.")
    ] = False
    library: LibraryChoice = LibraryChoice()
    talk: Talk = Talk()


class ShowOptions(NamedTuple):
    """What `models show` takes."""

    name: Annotated[str | None, Argument("[MODEL]", help="A model; none: the one in use.")] = None
    json: JsonObject = False
    library: LibraryChoice = LibraryChoice()


class DownloadOptions(NamedTuple):
    """What `models download` takes."""

    name: ModelArgument
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()


class UseOptions(NamedTuple):
    """What `models use` takes."""

    name: ModelArgument
    database: Database = None
    offline: Offline = False
    color: Color = "auto"
    talk: Talk = Talk()


class RemoveOptions(NamedTuple):
    """What `models remove` takes."""

    name: ModelArgument
    talk: Talk = Talk()


def list_formats(options: FormatsOptions) -> int:
    """Print the table of formats; return 0."""
    from rclip_like.images.support import list_support  # asks the packages that read pictures

    formats = list_support()
    rows = [
        {
            "format": each.format,
            "read": "yes" if each.readable else "no",
            "by": f"{each.package} {each.version or '(not installed)'}",
            "endings": " ".join(each.endings),
            "needs": each.needs,
        }
        for each in formats
    ]
    objects = (json.dumps(asdict(each)) for each in formats)
    write_lines(objects if options.json else table(rows))
    return 0


def list_models(options: ListOptions) -> int:
    """Print the models on this machine and those worth fetching; return 0."""
    models = registry.list_models(everything=options.all)
    with open_library(options.library) as library:
        in_use = library.chosen_model()
        models += library.model_folders()
    if in_use not in [model.name for model in models]:
        options.talk.note(f"this index uses {in_use}, which is not listed here")
    rows = [
        {
            "in use": "yes" if model.name == in_use else None,
            "model": model.name,
            "state": model.state,
            "size": None if model.size_bytes is None else sized(model.size_bytes),
            "licence": model.licence or None,
            "good for": model.good_for or None,
        }
        for model in models
    ]
    objects = (json.dumps({**asdict(model), "in_use": model.name == in_use}) for model in models)
    write_lines(objects if options.json else table(rows))
    return 0


def show(options: ShowOptions) -> int:
    """Print what describes a model; return 0."""
    with open_library(options.library) as library:
        described = registry.show(options.name or library.specification.name)
    if options.json:
        write_lines([json.dumps(described)])
    else:
        width = max(map(len, described))
        rows = [f"{key:<{width}}  {_shown(key, value)}" for key, value in described.items()]
        write_lines(map(escaped, rows))
    return 0


def download(options: DownloadOptions) -> int:
    """Download a model and print its folder; return 0."""
    write_lines([str(_fetch(options))])
    return 0


def use(options: UseOptions) -> int:
    """Make a model the index's default, fetching it if it is not there; return 0."""
    name = options.name
    if is_folder_name(name):
        name = os.path.abspath(os.path.expanduser(name))
    elif name != BUILTIN:
        _fetch(options)
    with open_library(LibraryChoice(database=options.database)) as library:
        library.use_model(name)
        options.talk.note(
            f"searches of {library.database} now use {name}; 'clipfind index --all' encodes its "
            "pictures, and each search encodes some within its --max-time"
        )
    return 0


def remove(options: RemoveOptions) -> int:
    """Delete a downloaded model; return 0."""
    freed_bytes, cached_bytes = registry.remove(options.name)
    options.talk.note(f"{options.name} is removed, {sized(freed_bytes)} are free again")
    for folder, size_bytes in cached_bytes.items():
        options.talk.note(
            f"Hugging Face's cache keeps {sized(size_bytes)} of it for other programs; if none "
            f"needs them, delete {escaped(str(folder))}"
        )
    return 0


def _fetch(options: DownloadOptions | UseOptions) -> Path:
    with progress_bar(options.name, BYTES, quiet=options.talk.quiet) as draw:
        return fetch(
            options.name,
            offline=options.offline,
            on_note=options.talk.note,
            on_progress=None
            if draw is None
            else lambda progress: draw(progress.done_bytes, progress.total_bytes),
        )


def _shown(key: str, value: object) -> str:
    if key == "size_bytes" and isinstance(value, int):
        return sized(value)
    return json.dumps(value) if isinstance(value, list | dict) and value else str(value or "")
