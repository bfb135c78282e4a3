"""Folders that were deleted since pictures were moved out of them: made again, and logged."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

from rclip_like.filing.locations import Refused
from rclip_like.values import path_fields

_FOLDER_MODE = 0o777
"""Before the umask, as `mkdir` makes folders."""


def missing_folders(folder: bytes, device: int) -> list[bytes]:
    """Return the folders to make for `folder` to be there, the uppermost first.

    Raises Refused if the first that is there is on another device: then a disk may not be mounted,
    and folders would be made in the place of those on it.
    """
    missing: list[bytes] = []
    above = folder
    while not os.path.lexists(above) and above != os.path.dirname(above):
        missing.insert(0, above)
        above = os.path.dirname(above)
    try:
        status = os.stat(above)
    except OSError:  # such as a link that leads nowhere
        status = None
    if status is None or not stat.S_ISDIR(status.st_mode) or status.st_dev != device:
        text = os.fsdecode(folder)
        raise Refused(f"stays, because the folder {text} is missing; its disk may not be mounted")
    return missing


def make_again(folders: list[bytes], log: Path) -> None:
    """Make folders, each after a line in the log of the run. Raises Refused and OSError."""
    for folder in folders:
        line = json.dumps({"restored": path_fields(folder)}).encode() + b"\n"
        try:
            with open(log, "rb+") as file:
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    # A last line that a kill cut must not run into this one.
                    line = line if file.read(1) == b"\n" else b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            text = os.fsdecode(folder)
            raise Refused(
                f"stays, because the folder {text} is missing, and the log cannot be written "
                f"({error.strerror})"
            ) from error
        try:
            os.mkdir(folder, _FOLDER_MODE)
        except FileExistsError:  # another run has just made it
            continue
