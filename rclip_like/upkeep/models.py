"""The models of an index: which are in use, and whether this machine has what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rclip_like.errors import (
    ConfigError,
    ModelError,
    ModelMissing,
    Remedy,
    UsageError,
    counted,
)
from rclip_like.models.names import BUILTIN, is_whole, split_weights
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.reports import Finding, problem, warning, well
from rclip_like.settings import data_folder
from rclip_like.store import Store
from rclip_like.upkeep.checks_of_index import is_current

_SHORTEST_FINGERPRINT = 6

IndexModel = tuple[int, str, str]
"""A model's row: its number, its name, its fingerprint."""


def specification_of(name: str) -> ModelSpecification:
    """Return the model of a name as the index has it, `NAME --weights FILE` among them.

    Raises ModelError when it is not on this machine or unusable.
    """
    base, weights = split_weights(name)
    return resolve(base, weights=weights)


def unused_models(
    there: Sequence[IndexModel], in_use: Sequence[str], keep: Sequence[str]
) -> set[str]:
    """Return the fingerprints of the models in the index that are neither in use nor to be kept.

    in_use: names, the first that of the model for searches; keep: names, folders, or the
    beginnings of fingerprints. A model that this machine lacks is kept by its name. Raises
    UsageError where the first, or one to be kept, has encoded nothing: all else would be dropped.
    """
    wanted: set[str] = set()
    for name in dict.fromkeys((*in_use, *keep)):
        found = _fingerprints(name, there)
        if not found and name in (in_use[0], *keep):
            raise UsageError(
                f"{name} has encoded nothing in this index, and the other models would go",
                Remedy.INDEX_FIRST,
                Remedy.NAME_MODEL,
            )
        wanted |= found
    return {fingerprint for _, _, fingerprint in there} - wanted


def _fingerprints(name: str, there: Sequence[IndexModel]) -> set[str]:
    """Return the fingerprints in the index that a name stands for."""
    fingerprints = {fingerprint for _, _, fingerprint in there}
    if re.fullmatch(f"[0-9a-f]{{{_SHORTEST_FINGERPRINT},}}", name):
        beginning = {each for each in fingerprints if each.startswith(name)}
        if beginning:
            return beginning
    try:
        return {specification_of(name).fingerprint} & fingerprints
    except ModelError:
        return {fingerprint for _, each, fingerprint in there if each == name}


def check_default_model(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the model that a search would take."""
    name = model or BUILTIN
    if model is None and is_current(database):
        with Store.open(database, create=False) as store:
            name = store.default_model() or BUILTIN
    try:
        specification = specification_of(name)
    except ModelError as error:
        yield problem(error.reason, *error.remedies)
    else:
        yield well(f"{name}, {specification.dimension} numbers, {specification.folder}")


def check_models_of_index(database: Path, model: str | None) -> Iterator[Finding]:
    """Look for the models that have encoded anything."""
    if not is_current(database):
        return
    with Store.open(database, create=False) as store:
        models = store.status().models
    for each in models:
        yield _look_for(str(each["name"]), str(each["fingerprint"]), int(str(each["files"])))


def _look_for(name: str, fingerprint: str, files: int) -> Finding:
    rows = f"{name} ({fingerprint[:12]}), {counted(files, 'file')} encoded"
    try:
        specification = specification_of(name)
    except ModelMissing:
        remedies = ((Remedy.FETCH_MODEL, name), Remedy.PRUNE_MODELS)
        return warning(f"{rows}; not on this machine", *remedies)
    except ModelError as error:
        advice = (*error.remedies, Remedy.PRUNE_MODELS)
        return warning(f"{rows}; {error.reason}", *advice)
    if specification.fingerprint != fingerprint:
        return warning(
            f"{rows} by another version of it than this machine's",
            Remedy.PRUNE_OLD_VERSION,
        )
    return well(rows)


def check_tokenizer(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the list by which texts become tokens; a damaged one would be a ModelError."""
    from rclip_like.models.towers.tokenizer import load_merges

    load_merges()
    yield well("its vocabulary is intact")


def check_downloads(database: Path, model: str | None) -> Iterator[Finding]:
    """Look at the folder of downloaded models for such that are not whole."""
    try:
        folder = data_folder() / "models"
    except ConfigError:  # another check says so
        return
    whole, remedies = 0, ((Remedy.FETCH_MODEL, "NAME"), "delete the folder")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir():
            continue
        if path.name.startswith(".") or not is_whole(path):
            yield warning(f"{path}: a model that is only half here", *remedies)
        else:
            whole += 1
    yield well(f"{folder}: {whole} whole")
