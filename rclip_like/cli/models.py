"""`clipfind models`: list, show, download, use and remove."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from rclip_like.cli.gathering import open_library, talk_of
from rclip_like.cli.options.models import ModelNameOptions, ModelsListOptions, ModelsShowOptions
from rclip_like.models.hub import registry
from rclip_like.models.hub.download import download
from rclip_like.models.names import BUILTIN, is_folder_name
from rclip_like.output.progress import BYTES, progress_bar
from rclip_like.output.reports import sized, table
from rclip_like.output.stream import write_lines
from rclip_like.output.terminal import escaped


def run_list(options: ModelsListOptions) -> int:
    """Print the models on this machine and those worth fetching; return 0."""
    models = registry.list_models(everything=options.all)
    if options.json:
        lines = [json.dumps(asdict(model)) for model in models]
    else:
        lines = list(table([_row(model) for model in models]))
    write_lines(lines)
    return 0


def run_show(options: ModelsShowOptions) -> int:
    """Print what is known of a model; return 0."""
    with open_library(options) as library:
        described = registry.show(options.name or library.specification.name)
    if options.json:
        write_lines([json.dumps(described)])
    else:
        width = max(map(len, described))
        rows = [f"{key:<{width}}  {_shown(key, value)}" for key, value in described.items()]
        write_lines(map(escaped, rows))
    return 0


def run_download(options: ModelNameOptions) -> int:
    """Download a model and print its folder; return 0."""
    write_lines([str(_fetch(options))])
    return 0


def run_use(options: ModelNameOptions) -> int:
    """Make a model the index's default, fetching it if it is not there; return 0."""
    name = options.name
    if is_folder_name(name):
        name = os.path.abspath(os.path.expanduser(name))
    elif name != BUILTIN:
        _fetch(options)
    with open_library(options) as library:
        library.use_model(name)
        talk_of(options).note(
            f"{library.database} is searched with {name} from now on; 'clipfind index' encodes its "
            "pictures for it, and so does each search, as far as its --max-time allows"
        )
    return 0


def run_remove(options: ModelNameOptions) -> int:
    """Delete a downloaded model; return 0."""
    freed_bytes, cached_bytes = registry.remove(options.name)
    talk = talk_of(options)
    talk.note(f"{options.name} is removed, {sized(freed_bytes)} are free again")
    for folder, size_bytes in cached_bytes.items():
        talk.note(
            f"Hugging Face's cache keeps {sized(size_bytes)} of it for other programs; if none "
            f"needs them, delete {escaped(str(folder))}"
        )
    return 0


def _fetch(options: ModelNameOptions) -> Path:
    with progress_bar(options.name, BYTES, quiet=options.quiet) as show:
        return download(
            options.name,
            offline=options.offline,
            on_note=talk_of(options).note,
            on_progress=None
            if show is None
            else lambda progress: show(progress.done_bytes, progress.total_bytes),
        )


def _row(model: registry.KnownModel) -> dict[str, object]:
    return {
        "model": model.name,
        "state": model.state,
        "size": None if model.size_bytes is None else sized(model.size_bytes),
        "licence": model.licence or None,
        "good for": model.good_for or None,
    }


def _shown(key: str, value: object) -> str:
    if key == "size_bytes" and isinstance(value, int):
        return sized(value)
    return json.dumps(value) if isinstance(value, list | dict) and value else str(value or "")
