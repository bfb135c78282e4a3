"""The log of a run, `log.jsonl` in its folder: one JSON object per line, in the order of the run.

A step of the optimiser: `phase` (from 1), `title`, `step` (from 1), `steps` (of the phase), `pairs`
(of the batch), `loss`, `floor` and `chance` (the loss of this batch if all its pairs were told
apart, and if none were), `logit_scale`, `gradient_norm` (before it is limited), `lr`, `seconds`
and, of these, `waiting_seconds` for data.

A look at the held-out pairs: `phase`, `title`, `step` and `held_out_loss`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rclip_like.errors import Remedy, TrainingError
from rclip_like.files import write_whole
from rclip_like.store.side_files import Planted, open_own
from rclip_like.train.values import StepFigures

LOG = "log.jsonl"
DRAFT = LOG + ".part"
_MOST_BYTES = 1 << 16
"""More than a line has."""
_MODE = 0o666
"""As the umask has it: the log stays in the model folder."""


class Log:
    """The log of a run in its output folder; each line is written at once.

    Close it at the end, or use it as a context.
    """

    def __init__(self, output: Path, phase: int = 1, step: int = 0) -> None:
        """Go on after a step of a phase; what an earlier process logged beyond it is dropped.

        Raises TrainingError where the file cannot be read or written, or is not one of the user's.
        """
        self.path = output / LOG
        try:
            kept = b"".join(self._lines_until(phase, step))
            with write_whole(self.path, _MODE, draft=DRAFT) as draft:
                draft.write_bytes(kept)
            self._descriptor = open_own(self.path, self.path, os.O_WRONLY | os.O_APPEND)
        except Planted as error:
            raise TrainingError(
                f"{self.path} is not a regular file of yours, and was left as it is",
                Remedy.NAME_ANOTHER_OUTPUT,
            ) from error
        except OSError as error:
            raise self._error(error) from error

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def step(
        self, phase: int, title: str, steps: int, figures: StepFigures, times: tuple[float, float]
    ) -> None:
        """Log a step; times: the seconds that it took, and those of them for data."""
        self._append(
            phase=phase,
            title=title,
            step=figures.step,
            steps=steps,
            pairs=figures.num_pairs,
            loss=figures.loss,
            floor=figures.floor,
            chance=figures.chance,
            logit_scale=figures.logit_scale,
            gradient_norm=figures.gradient_norm,
            lr=figures.lr,
            seconds=round(times[0], 4),
            waiting_seconds=round(times[1], 4),
        )

    def look(self, phase: int, title: str, step: int, loss: float) -> None:
        """Log the mean loss of the held-out pairs after a step."""
        self._append(phase=phase, title=title, step=step, held_out_loss=loss)

    def sync(self) -> None:
        """Sync the log to the disk, before a checkpoint that relies on it is written."""
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._error(error) from error

    def _append(self, **values: Any) -> None:
        values = {key: _number(value) for key, value in values.items()}
        try:
            os.write(self._descriptor, f"{json.dumps(values)}\n".encode())
        except OSError as error:
            raise self._error(error) from error

    def _lines_until(self, phase: int, step: int) -> Iterator[bytes]:
        """Yield the lines of the log up to a step; a kill may have cut the last line."""
        if not os.path.lexists(self.path):
            return
        with open(open_own(self.path, self.path, os.O_RDONLY), "rb") as stream:
            for line in stream:
                if (at := _reached(line)) is None or at > (phase, step):
                    return
                yield line

    def _error(self, error: OSError) -> TrainingError:
        return TrainingError(f"{self.path} cannot be written: {error.strerror}")


def is_log(path: Path) -> bool:
    """Return whether a file is the log of a run, or empty; one that is cut short is."""
    with path.open("rb") as stream:
        first = stream.readline(_MOST_BYTES)
    return not first.endswith(b"\n") or _reached(first) is not None


def _number(value: Any) -> Any:
    """Return a value for JSON, which has no numbers that are not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _reached(line: bytes) -> tuple[int, int] | None:
    """Return the phase and the step of a line; None for one that is cut or not of a log."""
    try:
        values = json.loads(line)
        return int(values["phase"]), int(values["step"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
