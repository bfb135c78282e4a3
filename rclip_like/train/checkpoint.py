"""The checkpoint in the output folder, from which an interrupted run goes on exactly."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from rclip_like.errors import TrainingError
from rclip_like.models.specification import TOKENIZER_FILES
from rclip_like.train.folder import CONFIGURATION, PART, WEIGHTS

CHECKPOINT = "checkpoint.pt"
PIXELS = "pixels.bin"
OWN_FILES = frozenset({CHECKPOINT, CHECKPOINT + PART, PIXELS})
"""What a run leaves in its output folder before it is finished."""
MODEL_FILES = frozenset(
    {WEIGHTS, WEIGHTS + PART, CONFIGURATION, CONFIGURATION + PART, *TOKENIZER_FILES}
)
"""What a run that was killed while it saved may have left beside its checkpoint."""


# Of a damaged file, and of another program's.
_UNREADABLE = (OSError, RuntimeError, pickle.UnpicklingError, KeyError, EOFError, TypeError)


def prepare_output(output: Path) -> None:
    """Make the output folder, or take up one that an unfinished run left.

    Raises TrainingError when it holds anything else, so nothing is ever overwritten.
    """
    if output.exists() and not output.is_dir():
        raise TrainingError(f"{output} exists and is no folder; name another --output")
    found = {path.name for path in output.iterdir()} if output.exists() else set()
    strangers = found - (OWN_FILES | MODEL_FILES if CHECKPOINT in found else OWN_FILES)
    if strangers:
        raise TrainingError(
            f"{output} is not empty (it holds {min(strangers)}); name another --output"
        )
    output.mkdir(parents=True, exist_ok=True)


def save_checkpoint(output: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint whole or not at all: a new file, synced, put in the old one's place."""
    place = output / CHECKPOINT
    partial = place.with_name(CHECKPOINT + PART)
    with partial.open("wb") as stream:
        torch.save(state, stream)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(place)


def load_checkpoint(output: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state that an unfinished run of the same kind left, None where there is none.

    run: what must be equal for the checkpoint to fit: settings, model and data by their digests.
    Raises TrainingError when something differs or the file cannot be read.
    """
    place = output / CHECKPOINT
    if not place.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(place, map_location="cpu", weights_only=True)
        differing = [name for name in run if state["run"].get(name) != run[name]]
    except _UNREADABLE as error:
        raise TrainingError(f"{place} cannot be read; delete it to begin anew") from error
    if differing:
        raise TrainingError(
            f"{place} was written by a run with another {differing[0].replace('_', ' ')}; name "
            "another --output, or delete it to begin anew"
        )
    return state


def remove_own_files(output: Path) -> None:
    """Delete what only an unfinished run needs."""
    for name in OWN_FILES:
        (output / name).unlink(missing_ok=True)
