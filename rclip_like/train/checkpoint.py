"""The checkpoint in the output folder, from which an interrupted run goes on exactly."""

from __future__ import annotations

import os
import pickle
import stat
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch

from rclip_like.errors import Remedy, TrainingError
from rclip_like.files import make_folder, write_whole
from rclip_like.models.names import TOKENIZER_FILES
from rclip_like.store.side_files import Planted, make_own, open_own
from rclip_like.train.folder import CONFIGURATION, PART, WEIGHTS
from rclip_like.train.log import DRAFT, LOG, is_log
from rclip_like.train.values import TEXTS

CHECKPOINT = "checkpoint.pt"
THREADS = "number_of_threads"
"""What a checkpoint calls torch's number of threads."""
_ASKED_BY = {
    THREADS: Remedy.USE_THREADS,
    "preset": Remedy.USE_PRESET,
    "folds": Remedy.USE_FOLDS,
    "precision": Remedy.USE_PRECISION,
    "epochs": Remedy.USE_EPOCHS,
    "batch_size": Remedy.USE_BATCH_SIZE,
    "lr": Remedy.USE_LR,
    "seed": Remedy.USE_SEED,
    "positives": Remedy.USE_POSITIVES,
}
"""What sets a part of a run's identity as it was."""
_READABLE = {
    "data": "set of pictures and captions",
    "epochs": "number of epochs",
    "folds": "number of folds",
    "lr": "learning rate",
    "positives": "way with equal pairs",
}
"""What parts of a run's identity are called where their names do not say it."""
PREPARED = "prepared.json"
PIXELS, FINER_PIXELS = "pixels.bin", "finer-pixels.bin"
IMAGE_FEATURES, TEXT_FEATURES = "image-features.bin", "text-features.bin"
COPIES = "copies.bin"
PREPARED_FILES = frozenset(
    {PREPARED, PREPARED + PART, PIXELS, FINER_PIXELS, IMAGE_FEATURES, TEXT_FEATURES}
    | {COPIES, COPIES + PART}
)
RETENTION_PIXELS = "retention.bin"
"""The pictures on which forgetting is measured, where the image tower is trained."""
OWN_FILES = PREPARED_FILES | {CHECKPOINT, CHECKPOINT + PART, RETENTION_PIXELS}
"""What a run leaves in its output folder before it is finished, beside its log."""
_LOGS = frozenset({LOG, DRAFT})
MODEL_FILES = frozenset(
    name + part
    for name in (WEIGHTS, CONFIGURATION, *TOKENIZER_FILES, *TEXTS)
    for part in ("", PART)
)
"""What a run that was killed while it saved may have left beside its checkpoint."""


# Raised by damaged files, other programs' files, and files made up to do harm.
_UNREADABLE = (
    *(OSError, EOFError, RuntimeError, AssertionError, pickle.UnpicklingError, struct.error),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)


@contextmanager
def prepared_output(output: Path) -> Iterator[None]:
    """Make the output folder for the block, or accept one that an unfinished run left.

    A block that fails without a checkpoint leaves neither pictures nor log nor a folder made
    here. Raises TrainingError when it holds anything else, so that nothing is ever overwritten. A
    link, a pipe or a file with further names was not left by a run, whatever it is called.
    """
    _refuse_others(output)
    made = make_folder(output, 0o777)  # a model is for whoever may read the folder
    with _held_alone(output):
        try:
            yield
        except BaseException:
            if not os.path.lexists(output / CHECKPOINT):
                with suppress(OSError):  # something else came to lie in the folder
                    remove_files(output, OWN_FILES | _LOGS)
                    for folder in reversed(made):
                        folder.rmdir()
            raise


@contextmanager
def _held_alone(output: Path) -> Iterator[None]:
    """Hold the folder for the block. Raises TrainingError while another run holds it.

    The lock is on the folder itself, so that it leaves no file, and ends with its process. Systems
    and disks without such locks do without.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    descriptor = os.open(output, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                f"another run is writing into {output}", Remedy.NAME_ANOTHER_OUTPUT
            ) from None
        except OSError:  # no locks here
            pass
        yield
    finally:
        os.close(descriptor)


def _refuse_others(output: Path) -> None:
    """Raise TrainingError for a folder that holds what no unfinished run left there."""
    if os.path.lexists(output) and not output.is_dir():
        raise TrainingError(f"{output} exists and is not a folder", Remedy.NAME_ANOTHER_OUTPUT)
    found = {path.name for path in output.iterdir()} if output.exists() else set()
    if CONFIGURATION in found and CHECKPOINT not in found:
        named = output if output.is_absolute() else os.path.join(".", output)  # as models are
        raise TrainingError(
            f"{output} holds a finished model",
            (Remedy.SEARCH_WITH, named),
            (Remedy.TRAIN_FURTHER, named),
            Remedy.NAME_ANOTHER_OUTPUT,
        )
    strangers = found - OWN_FILES - _LOGS - (MODEL_FILES if CHECKPOINT in found else frozenset())
    if strangers:
        raise TrainingError(
            f"{output} is not empty (it holds {min(strangers)})", Remedy.NAME_ANOTHER_OUTPUT
        )
    for path in sorted(output / name for name in found):
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise _planted(path)
    if LOG in found and not is_log(output / LOG):
        raise TrainingError(f"{output} is not empty (it holds {LOG})", Remedy.NAME_ANOTHER_OUTPUT)


def make_working_file(path: Path) -> BinaryIO:
    """Open a new file for writing, readable by its owner alone whatever the umask.

    A file of that name is removed first, so that no link is written through.
    """
    path.unlink(missing_ok=True)
    return open(make_own(path), "wb")


class Checkpoint:
    """The checkpoint of a run in its output folder: read once, then written now and then.

    finished: the outcomes of the phases that are done, as `storable` gives them; current: the
    state within the phase after them, None at its start. piece_size: in what pieces the run takes
    its batches; others would be as good, but not give the same bits.
    """

    def __init__(
        self, output: Path, run: dict[str, Any], seconds: float, piece_size: int | None
    ) -> None:
        """Read the checkpoint if there is one; run and errors as in `load_checkpoint`.

        piece_size: that of a run without a checkpoint.
        """
        self.piece_size = piece_size
        self.path = output / CHECKPOINT
        self.is_saving = False
        self.finished: list[dict[str, Any]] = []
        self.current: dict[str, Any] | None = None
        self._run, self._seconds, self._saved_at = run, seconds, time.monotonic()
        if state := load_checkpoint(output, run):
            with damage_named(self.path):
                self.finished, self.current = list(state["finished"]), state["current"]
                self.piece_size = state["piece_size"]

    def is_due(self) -> bool:
        """Return whether the last one was saved long enough ago."""
        return time.monotonic() - self._saved_at >= self._seconds

    def save(self, finished: list[dict[str, Any]], current: dict[str, Any] | None) -> None:
        """Write the checkpoint whole or not at all, for its owner alone."""
        self.finished, self.current, self.is_saving = finished, current, True
        state: dict[str, Any] = {"run": self._run, "piece_size": self.piece_size}
        save_checkpoint(self.path.parent, state | {"finished": finished, "current": current})
        self._saved_at, self.is_saving = time.monotonic(), False


def open_working_file(path: Path) -> BinaryIO:
    """Open a file that a run left. Raises OSError, and TrainingError for one that was planted."""
    try:
        return open(open_own(path, path, os.O_RDONLY), "rb")
    except Planted as error:
        raise _planted(path) from error


def save_checkpoint(output: Path, state: dict[str, Any]) -> None:
    """Write a state whole or not at all, for its owner alone."""
    whole = write_whole(output / CHECKPOINT, draft=CHECKPOINT + PART)
    with whole as draft, draft.open("wb") as stream:
        torch.save(state, stream)


def load_checkpoint(output: Path, run: dict[str, Any]) -> dict[str, Any] | None:
    """Return the state that an unfinished run of the same kind left, None without a checkpoint.

    run: what must be equal for the checkpoint to fit: settings, and model and data by digest. With
    another number of threads a run would go on to other bits. Raises TrainingError when something
    differs or the file cannot be read.
    """
    path = output / CHECKPOINT
    if not os.path.lexists(path):
        return None
    with damage_named(path), open_working_file(path) as stream:
        state: dict[str, Any] = torch.load(stream, map_location="cpu", weights_only=True)
        _require_same(path, state, run)
    return state


def require_same_run(output: Path, run: dict[str, Any]) -> None:
    """Raise TrainingError if there is a checkpoint that differs in these parts of its identity.

    Unlike load_checkpoint, this does not read the tensors.
    """
    path = output / CHECKPOINT
    if not os.path.lexists(path):
        return
    open_working_file(path).close()
    with damage_named(path):
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        _require_same(path, state, run)


def _require_same(path: Path, state: dict[str, Any], run: dict[str, Any]) -> None:
    for name, value in run.items():
        before = state["run"].get(name)
        if before != value:
            raise TrainingError(
                f"{path} was written by a run with another "
                f"{_READABLE.get(name, name.replace('_', ' '))}",
                *([(_ASKED_BY[name], before)] if name in _ASKED_BY else []),
                (Remedy.BEGIN_ANEW, path.parent),
            )


def remove_files(output: Path, names: Iterable[str] = OWN_FILES) -> None:
    """Delete these files if they exist; by default, all that only an unfinished run needs."""
    for name in names:
        (output / name).unlink(missing_ok=True)


def _planted(path: Path) -> TrainingError:
    return TrainingError(
        f"{path} is not a regular file of yours with one name, as a run leaves it, and was "
        "left as it is",
        "see what it is and remove it",
        Remedy.NAME_ANOTHER_OUTPUT,
    )


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise TrainingError, which names the file, for what damaged files raise in the block."""
    try:
        yield
    except _UNREADABLE as error:
        raise TrainingError(f"{path} cannot be read; delete it to begin anew") from error
