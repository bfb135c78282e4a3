"""Whether what an earlier run prepared still fits the pictures and captions."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from rclip_like.data.examples import Example
from rclip_like.errors import Remedy, TrainingError
from rclip_like.train.checkpoint import CHECKPOINT, PREPARED
from rclip_like.train.spool import Manifest, Row
from rclip_like.train.survey import Survey, content_digest


def reusable(output: Path, recipe: dict[str, Any], survey: Survey) -> Manifest | None:
    """Return what an earlier run prepared in the output folder, None if nothing fits.

    A picture whose file has another size or mtime is read again: its content decides. Raises
    TrainingError, which names the picture, if a picture does not fit and there is a checkpoint.
    """
    has_checkpoint = os.path.lexists(output / CHECKPOINT)
    try:
        manifest = Manifest.load(output)
        if manifest is not None:
            _compare(manifest, output, recipe, survey)
    except TrainingError:
        if has_checkpoint:
            raise
        return None
    return manifest


def rows_of(survey: Survey) -> list[Row]:
    """Return the pictures of a survey before any was read."""
    facts = zip(survey.names, survey.file_facts, survey.tokens, strict=True)
    return [
        Row(
            name, size_bytes, mtime_ns, hashlib.blake2b(tokens.tobytes(), digest_size=8).hexdigest()
        )
        for name, (size_bytes, mtime_ns), tokens in facts
    ]


def _compare(manifest: Manifest, output: Path, recipe: dict[str, Any], survey: Survey) -> None:
    """Raise TrainingError for the first thing that differs."""
    other = [name for name in recipe if manifest.recipe.get(name) != recipe[name]]
    if other:
        raise TrainingError(
            f"{output / PREPARED} was written by a run with another {other[0].replace('_', ' ')}",
            (Remedy.BEGIN_ANEW, output),
        )
    before, now = manifest.rows, rows_of(survey)
    for old, new in zip(before, now, strict=False):
        if old.name != new.name:
            raise _differs(min(old.name, new.name), "was added or removed", output)
        if old.captions != new.captions:
            raise _differs(new.name, "has other captions", output)
    if len(before) != len(now):
        longer = max(before, now, key=len)
        raise _differs(longer[min(len(before), len(now))].name, "was added or removed", output)
    suspects = {
        old.name: old.digest
        for old, new in zip(before, now, strict=True)
        if old.digest and old[:3] != new[:3]
    }
    for name, digest in _digests(survey, suspects).items():
        if digest != suspects[name]:
            raise _differs(name, "has changed", output)


def _digests(survey: Survey, names: Collection[str]) -> dict[str, str]:
    """Return the digests of these pictures' contents, "" for those that cannot be read."""
    found: dict[str, str] = {}
    if not names:
        return found
    for example in survey.source.pairs():
        if isinstance(example, Example) and example.name in names:
            found[example.name] = content_digest(example).hex()
    return found


def _differs(name: str, how: str, output: Path) -> TrainingError:
    return TrainingError(
        f"{name} {how} since the run in {output} began", (Remedy.BEGIN_ANEW, output)
    )
