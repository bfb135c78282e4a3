"""What a program really did, told by its interpreter: folders listed, statements, files read."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def logging_batches(log: Path) -> dict[str, str]:
    """Return what to add to a program's environment to have its batches logged.

    Before clipfind encodes a batch, a JSON list of its paths is appended to the file as one line.
    """
    return {"PYTHONPATH": str(FOLDER), "BATCH_LOG": str(log)}


@dataclass(frozen=True)
class Witness:
    """Watches the Python programs that are started with its environment."""

    log: Path

    @property
    def environment(self) -> dict[str, str]:
        """What to add to a program's environment."""
        return {"PYTHONPATH": str(FOLDER), "WITNESS_LOG": str(self.log)}

    def folders(self, below: Path) -> Counter[str]:
        """Return how often each folder from `below` on was listed."""
        paths = map(os.path.normpath, self._seen("folder"))
        return Counter(path for path in paths if Path(path).is_relative_to(below.resolve()))

    def statements(self, beginning: str) -> list[str]:
        """Return the statements of SQL that begin so, in upper case, as they were run."""
        plain = (" ".join(text.split()) for text in self._seen("statement"))
        return [text for text in plain if text.upper().startswith(beginning)]

    @property
    def num_begun(self) -> int:
        """How many files the reading processes began to read."""
        return len(self._seen("begun"))

    @property
    def seconds(self) -> list[float]:
        """How long each file took that was read to its end, good or bad."""
        return self._seen("seconds")

    def _seen(self, kind: str) -> list[Any]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [what for each, what in map(json.loads, lines) if each == kind]
