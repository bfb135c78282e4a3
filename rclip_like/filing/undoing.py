"""Taking back what a log tells of: what was moved goes back, what was copied or linked goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rclip_like.filing.filed import Filed
from rclip_like.values import Trouble


def undo(log: Path, *, is_dry_run: bool = False) -> Iterator[Filed | Trouble]:
    """Yield what became of each picture of the log, last one first, and of its sidecars.

    A moved file goes back if it is still the one that was moved and its name at the source is
    free; a copy is removed if it is, byte for byte, what was copied and what still lies at the
    source; a link, if it leads where it led. Anything else is a Trouble and stays. Folders that
    the run made are removed if they are empty. The log stays; it can be undone again, also after a
    kill. Raises FilingError when the log cannot be read or is another program's, or while the run
    that writes it goes on.
    """
    raise NotImplementedError
