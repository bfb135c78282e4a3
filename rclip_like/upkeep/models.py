"""Which models of an index are in use, and which of them this machine has."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rclip_like.errors import ModelError, Remedy, UsageError
from rclip_like.models.names import split_weights
from rclip_like.models.specification import ModelSpecification, resolve

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
    known = {fingerprint for _, _, fingerprint in there}
    if re.fullmatch(f"[0-9a-f]{{{_SHORTEST_FINGERPRINT},}}", name):
        beginning = {each for each in known if each.startswith(name)}
        if beginning:
            return beginning
    try:
        return {specification_of(name).fingerprint} & known
    except ModelError:
        return {fingerprint for _, each, fingerprint in there if each == name}
