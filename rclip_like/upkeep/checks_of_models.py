"""Whether the models that the index needs are on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rclip_like.errors import ConfigError, ModelError, ModelMissing, Remedy
from rclip_like.models.names import BUILTIN, is_whole
from rclip_like.reports import Finding
from rclip_like.settings import data_folder
from rclip_like.store import Store
from rclip_like.upkeep.checks_of_rows import is_current
from rclip_like.upkeep.findings import problem, warning, well
from rclip_like.upkeep.models import specification_of


def check_default_model(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the model that a search would take."""
    name = model or BUILTIN
    if model is None and is_current(database):
        with Store.open(database, create=False) as store:
            name = store.default_model() or BUILTIN
    try:
        specification = specification_of(name)
    except ModelError as error:
        yield problem("model", error.reason, *error.remedies)
    else:
        yield well("model", f"{name}, {specification.dimension} numbers, {specification.folder}")


def check_models_of_index(database: Path, model: str | None) -> Iterator[Finding]:
    """Look for the models that have encoded anything."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        models = store.status().models
    for each in models:
        yield _look_for(str(each["name"]), str(each["fingerprint"]), int(str(each["files"])))


def _look_for(name: str, fingerprint: str, files: int) -> Finding:
    rows = f"{name} ({fingerprint[:12]}), {files:,} files encoded"
    try:
        specification = specification_of(name)
    except ModelMissing:
        remedies = ((Remedy.FETCH_MODEL, name), Remedy.PRUNE_MODELS)
        return warning("models", f"{rows}; not on this machine", *remedies)
    except ModelError as error:
        advice = (*error.remedies, Remedy.PRUNE_MODELS)
        return warning("models", f"{rows}; {error.reason}", *advice)
    if specification.fingerprint != fingerprint:
        return warning(
            "models",
            f"{rows} by another version of it than this machine's",
            Remedy.PRUNE_OLD_VERSION,
        )
    return well("models", rows)


def check_tokenizer(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the list by which texts become tokens; a damaged one would be a ModelError."""
    from rclip_like.models.towers.tokenizer import load_merges

    load_merges()
    yield well("tokenizer", "its vocabulary is intact")


def check_downloads(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the folder of downloaded models for such that are not whole."""
    try:
        folder = data_folder() / "models"
    except ConfigError:  # told by another check
        return
    whole, remedies = 0, ((Remedy.FETCH_MODEL, "NAME"), "delete the folder")
    for place in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not place.is_dir():
            continue
        if place.name.startswith(".") or not is_whole(place):
            yield warning("downloads", f"{place}: a model that is only half here", *remedies)
        else:
            whole += 1
    yield well("downloads", f"{folder}: {whole} whole")
