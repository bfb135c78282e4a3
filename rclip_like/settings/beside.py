"""An index that lies in a folder of its own beside the pictures, and moves with them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rclip_like.errors import Remedy, UsageError
from rclip_like.settings.declared import Setting

BESIDE = "beside"
"""What is typed in place of the index's path."""
DATABASE = Setting(
    "--db",
    metavar="FILE",
    help="The index file to use instead of the default; 'beside': the one in the folder .clipfind "
    "beside the pictures, at PATH or above it.",
    word=BESIDE,
)
FOLDER = ".clipfind"
_NAME = "index.db"


def is_beside(database: Path) -> bool:
    """Return whether an index lies in a folder beside pictures, however its path was given."""
    return database.parent.name == FOLDER


def database_beside(folder: str | os.PathLike[str]) -> Path:
    """Return the index beside the pictures: that of the folder, or of the nearest one above it.

    folder: a folder, or a picture in one, there or not. If there is no index yet, the path of the
    one to be made in it. Raises UsageError if the nearest one belongs neither to the user nor to
    root: it came from somebody else, and what it says is not to be believed unless it is named.
    """
    start = Path(os.path.realpath(folder))
    if start.is_file():
        start = start.parent
    for each in (start, *start.parents):
        if os.path.lexists(each / FOLDER):
            for path in (each / FOLDER, each / FOLDER / _NAME):
                _refuse_foreign(path)
            return each / FOLDER / _NAME
    return start / FOLDER / _NAME


def _refuse_foreign(path: Path) -> None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path}: cannot be looked at: {error.strerror}") from error
    if stat.S_ISLNK(status.st_mode):
        raise UsageError(
            f"{path}: this is a link, so no index is looked for there",
            (Remedy.NAME_THE_INDEX, "the index"),
        )
    if hasattr(os, "geteuid") and status.st_uid not in (0, os.geteuid()):
        raise UsageError(
            f"{path}: belongs to another user, so the index is not used",
            (Remedy.NAME_THE_INDEX, f"it ({path if path.name == _NAME else path / _NAME})"),
        )
